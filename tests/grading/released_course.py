"""A course of one assignment for tests: laid out, and looked into."""

import shutil
from pathlib import Path

import nbformat

from course_lib.grading.course_folder import Course

ROOT = Path(__file__).parent.parent.parent
PS = "ps1_dark_knowledge"


def lay_out(root, *assignments):
    """A course that was not released yet."""
    for name in assignments:
        shutil.copytree(ROOT / "solutions" / name, root / "solutions" / name)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    return Course(root)


def scores(course, assignment=PS):
    """Student to score, in the gradebook."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        return {each["student"]: each["score"] for each in gradebook.submission_dicts(assignment)}


def autograded(course, student, assignment=PS):
    return nbformat.read(course.autograded(student, assignment), as_version=4)
