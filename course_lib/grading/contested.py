"""contested: two people handed in under one number, so that nobody's notebook was taken; who, until it is settled.

``course collect`` writes them to ``downloaded/PS/contested.json``, anew each time. A case is settled when the teacher
puts another one of the notebooks into ``submitted/``.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.files import write_atomically
from course_lib.grading.course_folder import Course
from course_lib.grading.submission import in_a_line

Claim = tuple[str, str]  # what the platform calls who handed in, and the SHA-256 of the notebook


def claim_of(called: str, content: bytes) -> Claim:
    """Who says that a notebook is theirs."""
    return in_a_line(called), hashlib.sha256(content).hexdigest()


def write(course: Course, assignment: str, claims: Mapping[str, Sequence[Claim]]) -> None:
    """Replace the list of who is contested, and remember what was collected for them before."""
    path = course.contested(assignment)
    cases = {
        student: {"claims": found, "before": _digest_of(course, student, assignment)}
        for student, found in claims.items()
    }
    if cases or path.exists():
        write_atomically(path, json.dumps(cases, indent=1, sort_keys=True) + "\n")


def unsettled(course: Course, assignment: str) -> dict[str, str]:
    """Student to what is to be settled, in a sentence; those whose notebook a teacher chose since are left out."""
    try:
        cases: dict[str, Any] = json.loads(course.contested(assignment).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    found: dict[str, str] = {}
    for student, case in sorted(cases.items()):
        now = _digest_of(course, student, assignment)
        if now == case["before"] or now not in {digest for _, digest in case["claims"]}:
            found[student] = sentence([called for called, _ in case["claims"]], student, assignment)
    return found


def sentence(people: Sequence[str], student: str, assignment: str) -> str:
    """Who claims a number, and the way out."""
    names = " and ".join(dict.fromkeys(map(repr, people)))
    return (
        f"claimed by {names}, and neither was taken: put the right notebook into submitted/{student}/{assignment}/, or "
        f"take the wrong archive out of downloaded/{assignment}/archive/ and collect again"
    )


def _digest_of(course: Course, student: str, assignment: str) -> str:
    try:
        return hashlib.sha256(course.submission(student, assignment).read_bytes()).hexdigest()
    except OSError:
        return ""
