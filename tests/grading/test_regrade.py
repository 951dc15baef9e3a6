"""After a question was mended a teacher sees who gains or loses, before anything is written."""

from dataclasses import replace

import pytest
from released_course import PS, scores

from course_lib.errors import CourseError
from course_lib.grading import classroom, log, regrade
from course_lib.grading.rehearsal import hand_in, with_answer
from course_lib.grading.terms import Terms


@pytest.fixture
def graded(course, right, nbgrader, pace, words_judge):
    """A class whose judge took one right answer for a wrong one."""
    hand_in(course, PS, {"ada": right, "eve": with_answer(right, "entropy", "return 'wrong, or is it'")})
    classroom.grade(course, PS, Terms(course.seed()), pace, nbgrader)
    return course


@pytest.fixture
def mended(words_judge, monkeypatch):
    judged = words_judge.judged
    monkeypatch.setattr(
        words_judge, "judged", lambda question, answer: judged(question, answer.replace("wrong, or", ""))
    )
    monkeypatch.setattr(log, "questions_version", lambda assignment: "mended")


def everything(course):
    paths = [
        *(course.root / "graded").rglob("*"),
        *(course.root / "autograded").rglob("*"),
        course.root / "gradebook.db",
    ]
    return {path: path.read_bytes() for path in paths if path.is_file()}


def test_who_gains_is_told_with_the_reason_and_nothing_is_written(graded, mended, nbgrader, pace):
    before = everything(graded)
    found = regrade.regrade(graded, PS, Terms(graded.seed()), pace, nbgrader)
    assert found.changes == (
        regrade.Change("eve", "entropy", 0, 5, "fail becomes pass; edge cases: fail becomes pass"),
    )
    assert found.same == 1 and everything(graded) == before


def test_what_was_shown_is_what_is_written(graded, mended, nbgrader, pace):
    terms = Terms(graded.seed())
    found = regrade.regrade(graded, PS, terms, pace, nbgrader)
    written = regrade.write(graded, PS, found, terms, pace, nbgrader)
    assert (written.judged, written.recorded, scores(graded)) == (2, 1, {"ada": 40, "eve": 40})
    assert classroom.grade(graded, PS, terms, pace, nbgrader).judged == 0


def test_who_loses_is_told_the_fault(graded, words_judge, nbgrader, pace, monkeypatch):
    judged = words_judge.judged
    monkeypatch.setattr(
        words_judge,
        "judged",
        lambda question, answer: judged(question, "slow" if question.name == "softmax_with_temperature" else answer),
    )
    found = regrade.regrade(graded, PS, Terms(graded.seed()), pace, nbgrader)
    assert [(each.student, each.before, each.after) for each in found.changes] == [("ada", 6, 0), ("eve", 6, 0)]
    assert found.changes[0].why.startswith(
        "pass becomes timeout; plain cases: pass becomes none; edge cases: pass becomes none"
    )


def test_a_new_and_a_gone_question_are_told(graded):
    report = log.SubmissionReport.from_json(graded.report("ada", PS).read_text())
    fewer = replace(report, questions=report.questions[1:])
    first = report.questions[0].name
    assert list(regrade.changes_of("ada", report, fewer)) == [
        regrade.Change("ada", first, 6, 0, "the question is gone")
    ]
    assert list(regrade.changes_of("ada", fewer, report)) == [regrade.Change("ada", first, 0, 6, "a new question")]
    assert list(regrade.changes_of("ada", report, report)) == []


def test_a_class_that_was_never_graded_cannot_be_regraded(course, right, nbgrader, pace, words_judge):
    hand_in(course, PS, {"ada": right})
    with pytest.raises(CourseError, match=f"course grade {PS}"):
        regrade.regrade(course, PS, Terms(course.seed()), pace, nbgrader)


def test_another_seed_is_tried_before_it_is_the_courses(graded, words_judge, nbgrader, pace):
    found = regrade.regrade(graded, PS, Terms(99), pace, nbgrader)
    assert graded.seed() != 99 and not found.changes
    written = regrade.write(graded, PS, found, Terms(99), pace, nbgrader)
    assert graded.seed() == 99 and written.judged == 2 and len(words_judge.asked) == 4


def test_who_cannot_be_judged_again_and_who_never_was_are_named_and_stop_nobody(graded, right, nbgrader, pace):
    graded.submission("ada", PS).unlink()
    hand_in(graded, PS, {"sam": right})
    found = regrade.regrade(graded, PS, Terms(graded.seed()), pace, nbgrader)
    assert found.trouble.keys() == {"ada", "sam"} and found.same == 1
    assert "not graded yet" in found.trouble["sam"] and "submitted/ada" in found.trouble["ada"]
    regrade.write(graded, PS, found, Terms(graded.seed()), pace, nbgrader)
    assert all(name in graded.class_page(PS).read_text() for name in ("ada", "sam"))
