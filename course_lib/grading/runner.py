"""runner: judges a submission: reads it, has it run elsewhere, and compares what comes back."""

import re
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from course_lib.errors import CourseError
from course_lib.grading import jail
from course_lib.grading.asking import Asking, Heard, Run
from course_lib.grading.library_answers import copied
from course_lib.grading.limits import Limits
from course_lib.grading.reports import QuestionReport, SubmissionReport
from course_lib.grading.submission import Submission, assignment_of, plain, read_submission
from course_lib.questions import find, questions_of
from course_lib.questions.card import Verdict
from course_lib.questions.judging import Judge
from course_lib.questions.question import Question

WRITTEN = {"ps5_mixup_distillation": {"verdict": 4}}  # answers that a person grades, and their points
MESSAGE = 4000  # characters
FOLDER = re.compile(r"(?<![^\s'\"])[^\s'\"]*[/\\]course-\w{8}\b")  # in which a notebook runs without a jail
ADDRESS = re.compile(r"0x[0-9a-fA-F]+|(?<![\d.])\d{13,}(?!\.?\d)")  # of an object, which differs from run to run


def judge_notebook(
    path: Path,
    assignment: str | None = None,
    *,
    seed: int,
    isolated: bool = True,
    library: Literal["zero", "warn"] = "zero",
    limits: Limits | None = None,
) -> SubmissionReport:
    """Judge a notebook.

    Args:
        path: Of the notebook.
        assignment: Such as ``ps1_dark_knowledge``; told from the notebook where it is not given.
        seed: Of the cases. One of grading should be large, so that nobody tries them all.
        isolated: Whether the notebook runs in a jail.
        library: Whether an answer that calls the library's own gets no points, or points and a note.
        limits: What the submission may use; those of the course where they are not given.

    Returns:
        A report. Whatever is wrong with the submission itself is in there.

    Raises:
        CourseError: If there is no jail here, no such assignment or file, or the assignment cannot be told.
    """
    if isolated and (reason := jail.why_not()):
        raise CourseError(reason)
    submission = read_submission(path)
    assignment = assignment or assignment_of(submission)
    judges = {name: _judge(name, seed) for name in questions_of(assignment)}
    run = _run(submission, judges, limits or Limits(), isolated=isolated, refuse=library == "zero")
    reports = [_report(judge, run, submission) for judge in judges.values()]
    for name, points in WRITTEN.get(assignment, {}).items():
        reports.append(QuestionReport(name, 0, points, "manual", message=f"{name}: for a person to grade"))
    notes = (*submission.problems, *submission.telling, *_lost_cells(run))
    return SubmissionReport(
        submission.name, assignment, submission.digest, seed, isolated, tuple(reports), tuple(map(plain, notes))
    )


@lru_cache(maxsize=128)
def _judge(name: str, seed: int) -> Judge:
    return Judge(find(name), seed)


def _run(submission: Submission, judges: dict[str, Judge], limits: Limits, *, isolated: bool, refuse: bool) -> Run:
    if not submission.cells:
        return Run({name: Heard("missing") for name in judges})
    return Asking(submission.cells, judges, limits, isolated=isolated, refuse=refuse).ask()


def _lost_cells(run: Run) -> list[str]:
    return [f"Code cell {number + 1} did not come to an end: {how}." for number, how in sorted(run.lost.items())]


def _report(judge: Judge, run: Run, submission: Submission) -> QuestionReport:
    question, heard = judge.question, run.heard[judge.question.name]
    notes = tuple(f"calls {name} instead of answering" for name in heard.library)
    if name := copied(submission.cells, question):
        notes += (f"repeats the source of {name}",)
    if heard.how == "answered":
        return _judged(judge, heard, notes)
    verdict, sentence = _not_judged(question, run, submission)
    message = _message(f"{question.name}: not judged, 0 of {question.points} points\n{sentence}")
    return QuestionReport(question.name, 0, question.points, verdict, message=message, notes=notes)


def _judged(judge: Judge, heard: Heard, notes: tuple[str, ...]) -> QuestionReport:
    question = judge.question
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = judge.judge(heard.outputs)
            card = Verdict(found)
            message = _message(str(card))
    except Exception as error:  # arrays that no answer holds; nothing of theirs may stop the class
        message = f"{question.name}: not judged, 0 of {question.points} points\nThe answer cannot be compared."
        notes += (f"comparing raised {type(error).__name__}",)
        return QuestionReport(question.name, 0, question.points, "error", message=message, notes=notes)
    verdict = "pass" if found.passed else "error" if found.faults[0].kind == "error" else "fail"
    if card.status == "not yet" and not found.points:
        verdict = "missing"
    return QuestionReport(
        question.name, found.points, question.points, verdict, found.mistakes, message, dict(found.groups), notes
    )


def _not_judged(question: Question, run: Run, submission: Submission) -> tuple[str, str]:
    """Verdict and sentence of a question without an answer."""
    how = run.heard[question.name].how
    if how != "missing":
        return SENTENCES.get(how, SENTENCES["killed"])
    cell = submission.cell_of(question.name)
    if cell in run.lost:
        verdict, sentence = SENTENCES.get(run.lost[cell], SENTENCES["killed"])
        return verdict, f"Its cell did not come to an end. {sentence}"
    if cell in run.errors:
        return "error", f"Its cell raises {run.errors[cell]}."
    return "missing", f"There is no function {question.name}."


SENTENCES = {
    "timeout": ("timeout", "It took too long: is there a loop that never ends?"),
    "memory": ("killed", "It used too much memory."),
    "much": ("killed", "It gave back more than could be looked at."),
    "killed": ("killed", "It ended the Python that it ran in."),
    "malformed": ("error", "What came back is no answer."),
}


def _message(text: str) -> str:
    """A text without what differs from run to run, or cannot be shown."""
    return plain(FOLDER.sub("/scratch", ADDRESS.sub("0x...", text)), MESSAGE)
