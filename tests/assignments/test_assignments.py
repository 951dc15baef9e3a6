"""What learners get is what was written, without the answers; what was written is right."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course_lib.questions import ASSIGNMENTS, POINTS, questions_of
from course_lib.questions.judging import judge

ROOT = Path(__file__).parent.parent.parent
WRITTEN = [name for name in ASSIGNMENTS if (ROOT / "solutions" / name).is_dir()]
each = pytest.mark.parametrize("assignment", WRITTEN)


def notebook(folder, assignment):
    return nbformat.read(ROOT / folder / assignment / f"{assignment}.ipynb", as_version=4)


def code_of(cells):
    return [cell.source for cell in cells if cell.cell_type == "code"]


def run(sources):
    """Run cells as a notebook does; gives the names that they leave and the verdicts of their last lines."""
    names, verdicts = {}, []
    for source in sources:
        *body, last = source.rstrip().split("\n")
        is_check = last.startswith("check(")
        exec("\n".join(body) if is_check else source, names)
        if is_check:
            verdicts.append(eval(last, names))
    return names, verdicts


def graded(notebook):
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


@each
def test_the_solutions_get_all_points_and_are_what_the_library_does(assignment, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    with contextlib.redirect_stdout(io.StringIO()):
        names, verdicts = run(code_of(notebook("solutions", assignment).cells))
    assert all(verdict.status == "passed" for verdict in verdicts)
    assert sum(float(repr(verdict)) for verdict in verdicts) == sum(
        question.points for question in questions_of(assignment).values()
    )
    for name, question in questions_of(assignment).items():
        assert judge(question, names[name], seed=12_345).passed, name


@each
def test_the_untouched_exercise_runs_to_its_end_with_calm_cards_and_no_points(assignment, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    with contextlib.redirect_stdout(io.StringIO()):
        _, verdicts = run(code_of(notebook("exercises", assignment).cells))
    assert len(verdicts) == len(questions_of(assignment))
    assert all(verdict.status == "not yet" and float(repr(verdict)) == 0 for verdict in verdicts)


@each
def test_every_question_has_its_prompt_its_answer_and_a_locked_check_worth_its_points(assignment):
    cells = graded(notebook("solutions", assignment))
    for name, question in questions_of(assignment).items():
        asked, answer, check = (cells[grade_id] for grade_id in (f"ask_{name}", name, f"check_{name}"))
        assert answer.metadata.nbgrader.solution and not answer.metadata.nbgrader.locked
        assert check.metadata.nbgrader.grade and check.metadata.nbgrader.locked
        assert check.metadata.nbgrader.points == question.points
        assert check.source.splitlines()[-1] == f'check("{name}", {name})'
        assert f"*{question.points} points, about {question.minutes} minutes" in asked.source
        for part in ("**What.**", "**Why.**", "**By hand.**"):
            assert part in asked.source, (name, part)
    points = sum(cell.metadata.nbgrader.get("points", 0) for cell in cells.values())
    assert points == POINTS


@each
def test_nothing_but_the_notebook_lies_beside_it_and_no_answer_is_in_the_exercise(assignment):
    for folder in ("solutions", "exercises"):
        assert [path.name for path in (ROOT / folder / assignment).iterdir()] == [f"{assignment}.ipynb"]
    released = (ROOT / "exercises" / assignment / f"{assignment}.ipynb").read_text()
    assert "SOLUTION" not in released
    for cell in notebook("solutions", assignment).cells:
        for answer in re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", cell.source, flags=re.DOTALL):
            for line in answer.splitlines():
                assert len(line.strip()) < 12 or line.strip() not in released, line


@each
def test_notebooks_are_stored_without_outputs(assignment):
    for folder in ("solutions", "exercises"):
        for cell in notebook(folder, assignment).cells:
            assert not cell.get("outputs") and cell.get("execution_count") is None


@pytest.mark.verify
@each
def test_the_exercise_is_byte_for_byte_what_nbgrader_makes_of_the_solution(assignment, tmp_path):
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    shutil.copytree(ROOT / "solutions", tmp_path / "solutions")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader calls alembic by its name
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", assignment]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    name = Path("exercises") / assignment / f"{assignment}.ipynb"
    assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()
