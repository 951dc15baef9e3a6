"""log: when each submission was judged, how long it took, and on what terms; times stay out of reports.

A report is good as long as the last line about it names the submission, the terms and the very bytes of the report. A
line that a kill has cut short is no line, and its submission is judged again.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.grading.course_folder import Course
from course_lib.grading.reports import SubmissionReport
from course_lib.grading.submission import read_submission
from course_lib.grading.terms import Terms, questions_version


@dataclass(frozen=True)
class Entry:
    """One line.

    Attributes:
        student: Whose.
        assignment: Which.
        digest: SHA-256 of the submission.
        seed: Of the cases.
        questions: Fingerprint of what judged it, and of what was released.
        library_answers: The policy.
        report: SHA-256 of the report.
        seconds: That judging took.
        at: When it ended, in UTC.
    """

    student: str
    assignment: str
    digest: str
    seed: int
    questions: str
    library_answers: str
    report: str
    seconds: float
    at: str


def add(course: Course, student: str, report: SubmissionReport, terms: Terms, seconds: float) -> None:
    """Write down that a report was made, after it was."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    text = digest_of(report.to_json())
    version = _version(course, report.assignment)
    made = (report.digest, terms.seed, version, terms.library_answers, text)
    line = json.dumps(asdict(Entry(student, report.assignment, *made, round(seconds, 3), now)))
    course.log.parent.mkdir(parents=True, exist_ok=True)
    with open(course.log, "a", encoding="utf-8") as file:
        file.write("\n" * _is_torn(course.log) + line + "\n")


def last_entries(course: Course, assignment: str) -> dict[str, Entry]:
    """The last line about each student."""
    found: dict[str, Entry] = {}
    text = course.log.read_text(encoding="utf-8", errors="replace") if course.log.exists() else ""
    for line in text.splitlines():
        try:
            entry = Entry(**json.loads(line))
        except (ValueError, TypeError):
            continue
        if entry.assignment == assignment:
            found[entry.student] = entry
    return found


def good_report(
    course: Course, student: str, assignment: str, terms: Terms, entries: Mapping[str, Entry]
) -> SubmissionReport | None:
    """The report of a submission as it is now, on these terms; None where it must be judged.

    A report from a jail also serves where no jail is asked for.
    """
    entry = entries.get(student)
    try:
        text = course.report(student, assignment).read_text(encoding="utf-8")
        digest = read_submission(course.submission(student, assignment)).digest
    except (OSError, UnicodeDecodeError, CourseError):
        return None
    on_terms = (digest, terms.seed, _version(course, assignment), terms.library_answers, digest_of(text))
    if (
        not digest
        or entry is None
        or on_terms != (entry.digest, entry.seed, entry.questions, entry.library_answers, entry.report)
    ):
        return None
    report = SubmissionReport.from_json(text)
    return report if report.isolated or not terms.isolated else None


def digest_of(text: str) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _version(course: Course, assignment: str) -> str:
    """A fingerprint of all that decides a report beside the submission and the terms."""
    released = course.released(assignment).read_bytes() if course.released(assignment).is_file() else b""
    return digest_of(f"{questions_version(assignment)} {hashlib.sha256(released).hexdigest()}")[:16]


def _is_torn(path: Path) -> bool:
    """Whether the file ends within a line."""
    with open(path, "rb") as file:
        if not file.seek(0, 2):
            return False
        file.seek(-1, 2)
        return file.read(1) != b"\n"
