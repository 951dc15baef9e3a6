"""Every command of docs/teaching.md as it stands there, on a class whose grader is wrong at first."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from handed_in import need_jail
from released_course import PS, ROOT, lay_out, scores

from course_lib.grading.rehearsal import cell_named, solved, with_answer, with_source

PAGE = (ROOT / "docs" / "teaching.md").read_text()
COMMANDS = re.search(r"```\n(make release\n.*?)```", PAGE, re.DOTALL)[1].strip().splitlines()


WRONG_GRADER = """
from pathlib import Path
if Path(__file__).with_name("wrong").exists():
    from course_lib.questions.ps1_dark_knowledge import entropy
    object.__setattr__(entropy.ENTROPY, "reference", entropy._in_bits)
"""


def with_environment(root):
    """Give a course the Makefile and a ``.venv`` whose commands are those of this Python; the folder of these."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    folder, here = root / ".venv" / "bin", Path(sys.executable).parent
    folder.mkdir(parents=True)
    for name in ("python", "course", "nbgrader"):  # no links: Python looks for its packages beside its name
        (folder / name).write_text(f'#!/bin/sh\nexec "{here / name}" "$@"\n')
        (folder / name).chmod(0o755)
    (root / ".venv" / ".ready").touch()  # newest, so that make makes no other
    return str(folder)


@pytest.fixture
def teacher(tmp_path):
    """A course whose question on entropy asks for bits until it is mended; runs commands in it."""
    need_jail()
    library = tmp_path / "library"
    library.mkdir()
    (library / "sitecustomize.py").write_text(WRONG_GRADER)
    (library / "wrong").touch()
    course = lay_out(tmp_path / "course", PS)
    path = os.pathsep.join([with_environment(course.root), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(library), "OMP_NUM_THREADS": "1"}

    def run(command):
        done = subprocess.run(command, shell=True, cwd=course.root, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
        return done.stdout

    return course, run, (library / "wrong").unlink


def test_the_readme_gives_a_teacher_the_commands_that_are_run_here():
    assert "\n".join(["## For teachers", "", "```", *COMMANDS, "```"]) in (ROOT / "README.md").read_text()


@pytest.mark.verify
def test_a_class_is_released_collected_graded_regraded_and_exported(teacher):
    course, run, mend = teacher
    commands = iter(COMMANDS)
    assert f"{PS}: 7 questions, 40 points" in run(next(commands))

    right = solved(course, PS)
    killing = with_answer(right, "softmax_with_temperature", "import os\n    os._exit(0)")
    tampered = with_source(right, "check_entropy", "5.0")
    cell_named(tampered, "ask_entropy")["source"] = "<script>alert(1)</script>"
    with zipfile.ZipFile(course.root / "class.zip", "w") as archive:
        for number, notebook in enumerate((right, killing, tampered)):
            archive.writestr(f"learner{number}_{number}_77_{PS}-1.ipynb", json.dumps(notebook))
    assert f"3 submissions of {PS}" in run(next(commands))

    assert "3 submissions judged, 3 scores written" in run(next(commands))
    assert scores(course) == {"0": 35, "1": 29, "2": 35}
    page = course.class_page(PS).read_text()
    assert "locked cell check_entropy was changed" in page and "its process was killed" in page
    assert "<script" not in page

    feedback = course.root / "feedback" / "1" / PS / f"{PS}.html"
    run(COMMANDS[5])
    assert "Score: 29.0 / 40.0" in feedback.read_text()

    mend()
    listed = run(next(commands))
    assert "3 gain, 0 lose" in listed and "0 to 5" in listed and "Nothing was written" in listed
    assert scores(course) == {"0": 35, "1": 29, "2": 35}
    assert "3 scores written" in run(next(commands))
    assert scores(course) == {"0": 40, "1": 34, "2": 40}

    run(next(commands))
    assert (
        "It ended the Python that it ran in." in feedback.read_text() and "Score: 34.0 / 40.0" in feedback.read_text()
    )
    for command in commands:
        run(command)
    assert "learner" not in (course.root / "canvas.csv").read_text()
    assert "\n1,1,,,,34" in (course.root / "canvas.csv").read_text()
    assert "Participant 1,1,,Submitted for grading,34,40" in (course.root / "moodle.csv").read_text()
