"""The first cell of a lesson installs the course where it is missing, once, from what COURSE names."""

import json
import os
import subprocess
import venv
import zipfile
from pathlib import Path

import pytest

LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
MISSING = 'COURSE = ""'


def hosted(lesson):
    cell = next(cell for cell in json.loads(lesson.read_text())["cells"] if cell["id"] == "hosted")
    return "".join(cell["source"])


def tiny_wheel(folder):
    """A wheel by hand: a package with one file, which needs nothing."""
    about = "course_lib-0.0.1.dist-info"
    files = {
        "course_lib/__init__.py": "",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: course-lib\nVersion: 0.0.1\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"])
    path = folder / "course_lib-0.0.1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


def test_the_cell_is_the_same_in_every_lesson():
    assert len({hosted(lesson) for lesson in LESSONS}) == 1
    assert hosted(LESSONS[0]).count(MISSING) == 1


@pytest.mark.verify
def test_the_cell_says_what_to_do_then_installs_the_course_and_then_does_nothing(tmp_path):
    venv.create(tmp_path / "host", with_pip=True)
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    environment.pop("PYTHONPATH", None)

    def run(code):
        command = [tmp_path / "host" / "bin" / "python", "-c", code]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    found = "from importlib.util import find_spec; print(find_spec('course_lib') is not None)"
    cell = hosted(LESSONS[0])
    untold = run(cell)
    assert untold.returncode == 1 and untold.stderr.startswith("course_lib is not installed here: write into COURSE")
    assert run(found).stdout == "False\n"

    wheel = tiny_wheel(tmp_path)
    told = cell.replace(MISSING, f"COURSE = {str(wheel)!r}")
    installed = run(told)
    assert installed.returncode == 0, installed.stderr
    assert run(found).stdout == "True\n"

    wheel.unlink()  # a second installation would fail
    assert run(told).returncode == 0
