"""assessing: one submission to one report: what the judge says, and what was done to locked cells."""

from dataclasses import replace
from pathlib import Path

from course_lib.grading.reports import SubmissionReport
from course_lib.grading.runner import judge_notebook
from course_lib.grading.tampering import tampering_notes
from course_lib.grading.terms import Terms


def assess(submitted: Path, released: Path, assignment: str, terms: Terms) -> SubmissionReport:
    """Judge a submission; nothing of it runs in this process.

    Args:
        submitted: The notebook that was handed in.
        released: The notebook that learners were given.
        assignment: Such as ``ps1_dark_knowledge``.
        terms: Of the grading.

    Raises:
        CourseError: If there is no such file, or no jail where one is asked for.
    """
    library = "zero" if terms.library_answers == "zero" else "warn"
    report = judge_notebook(submitted, assignment, seed=terms.seed, isolated=terms.isolated, library=library)
    return replace(report, notes=(*report.notes, *tampering_notes(submitted, released)))
