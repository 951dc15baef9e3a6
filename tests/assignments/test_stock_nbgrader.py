"""Plain nbgrader, without any configuration of ours but the names of folders, gives the points that the cards say."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course_lib.questions import ASSIGNMENTS, POINTS, questions_of

ROOT = Path(__file__).parent.parent.parent
CONFIG = """
from pathlib import Path
c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.solution_directory = "solved"
c.ExecutePreprocessor.timeout = 120
"""


def nbgrader(course, *words):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader calls alembic by its name
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def submit(course, student, assignment, notebook):
    folder = course / "submitted" / student / assignment
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{assignment}.ipynb")


def solved(course, assignment):
    """The exercise with the solutions' answers in it, as a learner who got everything right hands it in."""
    exercise = nbformat.read(course / "exercises" / assignment / f"{assignment}.ipynb", as_version=4)
    source = nbformat.read(course / "solutions" / assignment / f"{assignment}.ipynb", as_version=4)
    answers = {cell.id: cell.source for cell in source.cells}
    for cell in exercise.cells:
        if cell.metadata.nbgrader.solution:
            cell.source = re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", answers[cell.id])
    return exercise


@pytest.mark.verify
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_solutions_get_all_automatic_points_and_untouched_exercises_none(assignment, tmp_path):
    from nbgrader.api import Gradebook

    (tmp_path / "nbgrader_config.py").write_text(CONFIG)
    shutil.copytree(ROOT / "solutions" / assignment, tmp_path / "solutions" / assignment)
    nbgrader(tmp_path, "generate_assignment", assignment)
    submit(tmp_path, "right", assignment, solved(tmp_path, assignment))
    untouched = nbformat.read(tmp_path / "exercises" / assignment / f"{assignment}.ipynb", as_version=4)
    submit(tmp_path, "untouched", assignment, untouched)
    nbgrader(tmp_path, "autograde", assignment)
    nbgrader(tmp_path, "generate_feedback", assignment)
    automatic = sum(question.points for question in questions_of(assignment).values())
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        scores = {each.student.id: each for each in gradebook.assignment_submissions(assignment)}
        assert {name: each.score for name, each in scores.items()} == {"right": automatic, "untouched": 0}
        assert scores["right"].max_score == POINTS
        assert scores["right"].needs_manual_grade == (automatic != POINTS)
    feedback = (tmp_path / "feedback" / "right" / assignment / f"{assignment}.html").read_text()
    assert feedback.count("All cases pass") == len(questions_of(assignment))
