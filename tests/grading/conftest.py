"""A course of one assignment, released; tests that look at the classroom alone have answers judged by their words."""

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from released_course import PS, lay_out

from course_lib.grading import assessing
from course_lib.grading.course_folder import Course
from course_lib.grading.rehearsal import solved
from course_lib.grading.reports import QuestionReport, SubmissionReport
from course_lib.grading.tampering import cells_of, name_of, source_of
from course_lib.questions import questions_of


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    from course_lib.grading.gradebook import Nbgrader

    course = lay_out(tmp_path_factory.mktemp("released"), PS)
    assert Nbgrader(course).release(PS) == ""
    return course


@pytest.fixture
def course(released, tmp_path, monkeypatch):
    """A copy of the released course, which is also the current folder."""
    shutil.copytree(released.root, tmp_path / "course")
    monkeypatch.chdir(tmp_path / "course")
    return Course(tmp_path / "course")


@pytest.fixture
def nbgrader(course):
    from course_lib.grading.gradebook import Nbgrader

    return Nbgrader(course)


@pytest.fixture
def right(course):
    """The exercise with right answers."""
    return solved(course, PS)


class WordsJudge:
    """Stands in for the judge: an answer is right unless it says ``wrong``, and ``slow`` ones run out of time."""

    def __init__(self):
        self.asked = []

    def __call__(self, path, assignment, *, seed, isolated, library):
        self.asked.append(path.parent.parent.name)
        answers = {name_of(cell): source_of(cell) for cell in cells_of(path)}
        questions = tuple(self.judged(each, answers.get(each.name, "")) for each in questions_of(assignment).values())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return SubmissionReport(path.name, assignment, digest, seed, isolated, questions)

    def judged(self, question, answer):
        most, verdict, points = question.points, "pass", question.points
        if not answer or "wrong" in answer or "slow" in answer:
            verdict, points = ("timeout" if "slow" in answer else "fail" if answer else "missing"), 0
        mistakes = (question.mistakes[0].name,) if verdict == "fail" else ()
        message = f"{question.name}: {verdict}, {points} of {most} points\nThe answer is <i>{verdict}</i>."
        groups = {"plain": True, "edge": verdict == "pass"} if verdict in ("pass", "fail") else {}
        return QuestionReport(question.name, points, most, verdict, mistakes, message, groups)


@pytest.fixture
def words_judge(monkeypatch):
    judge = WordsJudge()
    monkeypatch.setattr(assessing, "judge_notebook", judge)
    monkeypatch.setattr("course_lib.grading.executor.why_not", lambda: None)
    return judge


@pytest.fixture
def pace():
    from course_lib.grading.classroom import Pace

    return Pace(2, ThreadPoolExecutor)
