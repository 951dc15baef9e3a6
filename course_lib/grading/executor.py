"""executor: what nbgrader runs instead of a kernel.

nbgrader would execute a learner's notebook as the teacher. This puts the verdict of the judge into the check cells
instead: a card that a person reads, then one finite number, which nbgrader takes as the score. Nothing is executed
here. Every rule of nbgrader that would hand out points by accident (no output, NaN, a negative number) needs a check
cell without exactly that number, so each gets one.
"""

import time
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Enum

from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.grading import log
from course_lib.grading.assessing import assess
from course_lib.grading.course_folder import Course
from course_lib.grading.jail import why_not
from course_lib.grading.pages import write_page
from course_lib.grading.reports import QuestionReport, SubmissionReport
from course_lib.grading.terms import POLICIES, Terms
from course_lib.questions.card import html_of

NOT_ISOLATED = "**Not isolated:** this submission was judged outside the jail."
STATUS = {"pass": "passed", "missing": "not yet", "manual": "not yet"}


class JudgedExecution(NbGraderPreprocessor):
    """Writes the verdicts of a report into the check cells of a notebook."""

    unsafe_no_jail = Bool(False, help="Run learners' code without a jail; every report then says so.").tag(config=True)
    library_answers = Enum(
        POLICIES, "zero", help="What an answer that calls the library's own costs: zero its points, warn nothing."
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Replace every output by what the judge says.

        Raises:
            CourseError: If there is no report and none can be made.
        """
        names = resources["nbgrader"]
        course = Course(Path(_converter(self).coursedir.root))
        terms = Terms(course.seed(), not self.unsafe_no_jail, self.library_answers)
        report = report_of(course, names["student"], names["assignment"], terms)
        verdicts = {question.name: question for question in report.questions}
        for cell in nb.cells:
            if cell.cell_type != "code":
                continue
            cell.outputs, cell.execution_count = [], None
            if utils.is_grade(cell) and not utils.is_solution(cell):
                name = cell.metadata.nbgrader.grade_id.removeprefix("check_")
                if name not in verdicts:
                    self.log.error("No verdict for %s in the report of %s", name, names["student"])
                cell.outputs = outputs_of(verdicts.get(name), name, float(cell.metadata.nbgrader.points))
        if not report.isolated:
            nb.cells.insert(0, new_markdown_cell(NOT_ISOLATED, id="not-isolated"))
        nb.metadata["course"] = {"report": log.digest_of(report.to_json())}
        return nb, resources


def _converter(preprocessor: Any) -> Any:
    """The step of nbgrader that runs a preprocessor: its exporter's owner."""
    return preprocessor.parent.parent


def report_of(course: Course, student: str, assignment: str, terms: Terms) -> SubmissionReport:
    """The report of a submission: the one that is there, or a new one, which then is there.

    Raises:
        CourseError: If the submission cannot be judged.
    """
    if found := log.good_report(course, student, assignment, terms, log.last_entries(course, assignment)):
        return found
    started = time.monotonic()
    report = assess(course.submission(student, assignment), course.released(assignment), assignment, terms)
    keep(course, student, report, terms, time.monotonic() - started)
    return report


def keep(course: Course, student: str, report: SubmissionReport, terms: Terms, seconds: float) -> None:
    """Write a report, its page, and then the line that vouches for it."""
    course.make_graded()
    write_atomically(course.report(student, report.assignment), report.to_json())
    write_page(course, student, report)
    log.add(course, student, report, terms, seconds)


def outputs_of(question: QuestionReport | None, name: str, most: float) -> list[NotebookNode]:
    """A card, and a number from 0 to what the cell is worth.

    Args:
        question: What the judge says; None where it says nothing.
        name: Of the question.
        most: What the cell is worth.
    """
    if question is None:
        question = QuestionReport(name, 0, int(most), "missing", message=f"{name}: there is no such question any more")
    message = question.message or f"{name}: {question.verdict}"
    if question.verdict == "pass":
        message = message.split("\n")[0]  # the rest looks forward to being graded
    card = html_of(STATUS.get(question.verdict, "wrong"), message)
    card = f"<div class='tex2jax_ignore'>{card}</div>"  # what an error says is no formula
    points = min(max(float(question.points), 0.0), most)
    shown = new_output("display_data", data={"text/html": card, "text/plain": message})
    return [shown, new_output("execute_result", data={"text/plain": repr(points)}, execution_count=None)]


def refuse_without_jail(terms: Terms) -> None:
    """Refuse to grade where learners' code would run as the teacher.

    Raises:
        CourseError: If a jail is asked for and there is none.
    """
    if terms.isolated and (reason := why_not()):
        raise CourseError(f"{reason}, and every report then says so")
