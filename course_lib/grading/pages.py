"""pages: a submission for its learner, and a class for its teacher; one HTML file each, which opens offline.

Names, answers and error messages come from learners, so everything is escaped, and no page holds a script. A learner's
page knows neither the seed nor what is for the teacher alone. The same reports give the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from course_lib.grading.course_folder import Course, write_if_changed
from course_lib.grading.people import People
from course_lib.grading.reports import QuestionReport, SubmissionReport
from course_lib.grading.summary import summary_of
from course_lib.grading.tampering import cells_of, source_of
from course_lib.questions.question import GROUPS

TEMPLATES = Path(__file__).parent.parent / "templates"
WORDS = {
    "pass": ("right", "good"),
    "fail": ("not right yet", "bad"),
    "error": ("raises an error", "bad"),
    "timeout": ("ran out of time", "bad"),
    "killed": ("its process was killed", "bad"),
    "missing": ("not answered", "quiet"),
    "manual": ("a person grades it", "quiet"),
}


def write_page(course: Course, student: str, report: SubmissionReport) -> None:
    """Write what a learner reads beside the report of a submission."""
    text = submission_page(student, report, title_of(course.released(report.assignment), report.assignment))
    write_if_changed(course.page(student, report.assignment), text)


def submission_page(student: str, report: SubmissionReport, title: str) -> str:
    """What a learner reads.

    Args:
        student: Whose submission it is.
        report: What is known of it.
        title: Of the assignment.
    """
    return _render("submission.html", student=student, report=report, title=title)


def class_page(
    assignment: str,
    reports: Mapping[str, SubmissionReport],
    title: str,
    trouble: Mapping[str, str] | None = None,
    people: People | None = None,
) -> str:
    """What a teacher reads.

    Args:
        assignment: Such as ``ps1_dark_knowledge``.
        reports: By student.
        title: Of the assignment.
        trouble: Student to why there is no report.
        people: What is known of them besides.
    """
    summary = summary_of(assignment, reports, trouble, people)
    return _render("class.html", summary=summary, title=title)


def title_of(released: Path, assignment: str) -> str:
    """The first heading of an exercise; its name where there is none."""
    for cell in cells_of(released):
        for line in source_of(cell).splitlines():
            if line.startswith("# ") and cell.get("cell_type") == "markdown":
                return line.removeprefix("# ").strip()
    return assignment


def _render(template: str, **values: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["explanation"] = _explanation
    return environment.get_template(template).render(**values, words=WORDS, groups=GROUPS)


def _explanation(question: QuestionReport) -> str:
    """What a learner is told, without what the page shows in another form: the heading and the groups of cases."""
    lines = question.message.split("\n")[1:]
    return "\n".join(line for line in lines if not line.startswith("Groups of cases:"))
