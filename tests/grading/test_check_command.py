import json
import subprocess
import sys

import pytest
from handed_in import handed_in, solutions
from typer.testing import CliRunner

from course_lib.cli import check  # noqa: F401
from course_lib.cli.app import app
from course_lib.errors import CourseError

NOT_SQUARED = """
def distillation_loss(student_logits, teacher_logits, temperature):
    log_q = (student_logits / temperature).log_softmax(dim=1)
    log_p = (teacher_logits / temperature).log_softmax(dim=1)
    return (log_p.exp() * (log_p - log_q)).sum(dim=1).mean()
"""


def course_check(*arguments):
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def test_a_solved_notebook_passes_and_a_wrong_answer_is_named(tmp_path):
    found = course_check(handed_in(tmp_path))
    assert found.exit_code == 0 and found.output.rstrip().endswith("40 of 40 points")
    answers = {"distillation_loss": NOT_SQUARED, "entropy": "def entropy(probs):\n    raise NotImplementedError"}
    path = handed_in(tmp_path, answers)
    found = course_check(path, "--json")
    assert found.exit_code == 1
    report = json.loads(found.output)
    assert list(report) == ["notebook", "points", "max_points", "questions"]
    assert (report["notebook"], report["max_points"]) == (str(path), 40)
    assert report["points"] == sum(question["points"] for question in report["questions"])
    wrong = next(question for question in report["questions"] if question["name"] == "distillation_loss")
    assert list(wrong) == ["name", "points", "max_points", "verdict", "mistakes", "message"]
    assert (wrong["verdict"], wrong["mistakes"]) == ("fail", ["no_square"]) and "expected" in wrong["message"]
    assert [each["name"] for each in report["questions"]] == list(solutions())
    assert report["questions"][1]["verdict"] == "missing"


def test_a_notebook_that_is_not_there_is_a_mistake(tmp_path):
    assert isinstance(course_check(tmp_path / "none.ipynb").exception, CourseError)


@pytest.mark.parametrize("content", ["", "{", '{"cells": []}'])
def test_a_notebook_that_cannot_be_read_fails_calmly(tmp_path, content):
    path = tmp_path / "ps1_dark_knowledge.ipynb"
    path.write_text(content)
    found = course_check(path)
    assert found.exit_code == 1 and "0 of 40 points" in found.output and "no" in found.output


def test_asking_for_help_loads_no_torch():
    code = "import sys; from course_lib.cli import check; from course_lib.cli.app import app\n"
    code += "try: app(['check', '--help'])\nexcept SystemExit: pass\nassert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
