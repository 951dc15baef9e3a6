"""people: what a learning platform calls the students, and who hands in under a number that somebody else has, too.

``course collect`` writes both to ``downloaded/PS/people.json``, anew each time. Of two people who claim one number
neither is taken; that is settled when the teacher puts another one of their notebooks into ``submitted/``.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from course_lib.files import write_atomically
from course_lib.grading.course_folder import Course
from course_lib.grading.submission import in_a_line

Claim = tuple[str, str]  # what the platform calls who handed in, and the SHA-256 of the notebook


@dataclass(frozen=True)
class People:
    """What is known of those who handed in.

    Attributes:
        called: Student to the name that the platform shows, chosen by the learner.
        contested: Student to who claims to be them, and what to do.
    """

    called: Mapping[str, str] = field(default_factory=dict)
    contested: Mapping[str, str] = field(default_factory=dict)


def claim_of(called: str, content: bytes) -> Claim:
    """Who says that a notebook is theirs."""
    return in_a_line(called, 100), hashlib.sha256(content).hexdigest()


def contested_in(claims: Mapping[str, Sequence[Claim]]) -> dict[str, Sequence[Claim]]:
    """The numbers that more than one person claims."""
    return {student: found for student, found in claims.items() if len({called for called, _ in found}) > 1}


def write(course: Course, assignment: str, claims: Mapping[str, Sequence[Claim]]) -> None:
    """Replace what is known, and remember what lay in ``submitted/`` when a number was contested first."""
    known = _read(course, assignment).get("contested", {})
    contested: dict[str, Any] = {}
    for student, found in contested_in(claims).items():
        case = {"claims": [list(claim) for claim in found], "before": _digest_of(course, student, assignment)}
        same = student in known and _settled_by(known[student]) == _settled_by(case)
        contested[student] = known[student] if same else case
    called = {student: found[-1][0] for student, found in claims.items() if student not in contested and found[-1][0]}
    text = json.dumps({"called": called, "contested": contested}, indent=1, sort_keys=True)
    write_atomically(course.people(assignment), text + "\n")


def people_of(course: Course, assignment: str) -> People:
    """What is known; contested numbers for which a teacher chose since are left out."""
    found = _read(course, assignment)
    open_cases: dict[str, str] = {}
    for student, case in sorted(found.get("contested", {}).items()):
        now = _digest_of(course, student, assignment)
        if now == case["before"] or now not in _settled_by(case):
            open_cases[student] = sentence(case["claims"], student, assignment)
    return People(found.get("called", {}), open_cases)


def sentence(claims: Sequence[Claim], student: str, assignment: str) -> str:
    """Who claims a number, and the way out."""
    names = " and ".join(dict.fromkeys(repr(called) for called, _ in claims))
    return (
        f"claimed by {names}, and neither was taken: put the right notebook into submitted/{student}/{assignment}/, or "
        f"take the wrong archive out of downloaded/{assignment}/archive/ and collect again"
    )


def _read(course: Course, assignment: str) -> dict[str, Any]:
    try:
        return json.loads(course.people(assignment).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _settled_by(case: Mapping[str, Any]) -> set[str]:
    """The SHA-256 of the notebooks of which a teacher may choose one."""
    return {digest for _, digest in case["claims"]}


def _digest_of(course: Course, student: str, assignment: str) -> str:
    try:
        return hashlib.sha256(course.submission(student, assignment).read_bytes()).hexdigest()
    except OSError:
        return ""
