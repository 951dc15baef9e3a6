"""Every command of the README works, and its table is the one that the demo prints."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)
OF_TEACHERS = re.search(r"```\n(make release\n.*?)```", (ROOT / "docs" / "teaching.md").read_text(), re.DOTALL)[1]
COMMANDS = [
    line
    for _, block in BLOCKS
    for line in block.splitlines()
    if line.startswith("course ") and line not in OF_TEACHERS  # which tests/grading/test_teacher_story.py runs
]
QUICK = ["--epochs", "1", "--seeds", "1", "--device", "cpu"]


def numbers_of(text):
    """The rows of the table as trained: name, then accuracy, NLL and so on."""
    table = text[text.index("As trained") :].partition("After temperature scaling")[0].partition("```")[0]
    rows = [line.split() for line in table.splitlines() if re.match(r"(teacher|ce|mixup|kd|mixup_kd)\b", line)]
    return {row[0]: [float(cell.split("±")[0]) for cell in row if re.match(r"[-+]?\d+\.\d", cell)] for row in rows}


def test_the_readme_is_short_and_names_every_command():
    assert len(README.splitlines()) < 120
    for command in (
        "run",
        "report",
        "calibration",
        "doctor",
        "study",
        "claims",
        "recipes",
        "bench",
        "data pack",
        "start",
        "check",
        "progress",
        "grade",
        "workshop",
    ):
        assert f"course {command}" in README


def test_every_file_that_the_readme_names_is_there():
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).exists(), target
    for module in re.findall(r"`(?:course_lib/)?(\w+\.py)`", README):
        assert (ROOT / "course_lib" / module).exists(), module


def test_what_the_readme_tells_teachers_is_what_the_page_for_them_does():
    assert f"```\n{OF_TEACHERS}```" in README


def test_make_demo_lab_and_test_do_what_the_readme_says():
    targets = {"demo": "course run --recipe demo", "lab": "course lab", "test": "python -m pytest"}
    for target, command in targets.items():
        said = subprocess.run(
            ["make", "--no-print-directory", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert said.stdout.strip().splitlines()[-1].endswith(command)


def test_the_python_of_the_readme_runs():
    code = next(block for language, block in BLOCKS if language == "python")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert len(said.split()) == 3


@pytest.fixture
def workplace(tmp_path):
    """A folder with what the README's commands need: photographs, predictions, room for runs."""
    rng = np.random.default_rng(0)
    for split, n in (("train", 60), ("val", 8)):
        for name in ("cat", "dog"):
            (tmp_path / "FOLDER" / split / name).mkdir(parents=True)
            for i in range(n):
                pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "FOLDER" / split / name / f"{i}.png")
    logits = rng.normal(size=(400, 5))
    np.savez(tmp_path / "predictions.npz", logits=logits, labels=logits.argmax(1))
    return tmp_path


@pytest.mark.verify
def test_every_command_of_the_readme_works(workplace):
    assert len(COMMANDS) == 11
    for run in ("runs/demo-1", "runs/demo-2"):  # the runs that the commands speak of, made quickly
        command = [sys.executable, "-m", "course_lib", "run", *QUICK, "--out", run]
        subprocess.run(command, cwd=workplace, check=True, capture_output=True)
    for line in COMMANDS:
        words = shlex.split(line.replace("--limit 5000", "--limit 200"))[1:]
        if words[0] == "run" and "--data" in words:
            words += [*QUICK, "--batch-size", "32"]
        done = subprocess.run(
            [sys.executable, "-m", "course_lib", *words], cwd=workplace, capture_output=True, text=True
        )
        if "fashion is not" in done.stderr:
            continue  # not on this machine, and nothing is downloaded in a test
        assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.verify
def test_the_table_of_the_readme_is_the_one_that_the_demo_prints(tmp_path):
    command = [sys.executable, "-m", "course_lib", "run", "--recipe", "demo", "--out", tmp_path / "demo"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    printed, promised = numbers_of(said), numbers_of(README)
    assert set(printed) == set(promised) == {"teacher", "ce", "mixup", "kd", "mixup_kd"}
    for arm, values in promised.items():  # another machine rounds otherwise, and training carries that on
        assert printed[arm][0] == pytest.approx(values[0], abs=2.0), f"accuracy of {arm}"
        assert printed[arm][1] == pytest.approx(values[1], abs=0.08), f"NLL of {arm}"
