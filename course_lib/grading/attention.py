"""attention: whose submission a person should look at, and why.

What is noted of most submissions tells of the class and not of a learner: above all, that a locked cell differs from
the exercise because that was released anew after it had been handed out. It is said once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from course_lib.grading.people import People
from course_lib.grading.reports import SubmissionReport

UNUSUAL = {"timeout": "ran out of time", "killed": "its process was killed"}
FEW = 3  # submissions are no class


def shared_notes(reports: Mapping[str, SubmissionReport]) -> dict[str, int]:
    """Notes of more than half of a class, and how many submissions have them."""
    notes = Counter(note for report in reports.values() for note in set(report.notes))
    return {note: count for note, count in sorted(notes.items()) if count >= FEW and 2 * count > len(reports)}


def attention_of(
    reports: Mapping[str, SubmissionReport], trouble: Mapping[str, str], people: People
) -> dict[str, tuple[str, ...]]:
    """Student to why a person should look, in alphabetical order.

    Args:
        reports: By student.
        trouble: Student to why there is no report.
        people: Who is claimed by two.
    """
    shared = shared_notes(reports)
    found = defaultdict[str, list[str]](list)
    for student, sentence in people.contested.items():
        found[student].append(sentence)
    for student, reason in trouble.items():
        found[student].append(f"not graded: {reason}")
    for student, report in reports.items():
        found[student] += [reason for reason in _reasons(report) if reason not in shared]
    return {student: tuple(reasons) for student, reasons in sorted(found.items()) if reasons}


def _reasons(report: SubmissionReport) -> Iterator[str]:
    """Why a person should look at a submission."""
    yield from report.notes
    for question in report.questions:
        if question.verdict in UNUSUAL:
            yield f"{question.name}: {UNUSUAL[question.verdict]}"
        yield from (f"{question.name}: {note}" for note in question.notes)
