"""summary: a class in numbers: what was learned, what went wrong most often, and who needs a person."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean, median

from course_lib.grading.attention import attention_of, shared_notes
from course_lib.grading.people import People
from course_lib.grading.reports import QuestionReport, SubmissionReport
from course_lib.questions import questions_of
from course_lib.questions.question import GROUPS

BINS = 10  # of the distribution of points, at most


@dataclass(frozen=True)
class QuestionRow:
    """One question over a class.

    Attributes:
        name: Of the question.
        max_points: What it is worth.
        passed: How many answers are right.
        begun: How many answers there are.
        mean_points: Over everybody.
        groups: Group of cases to how many passed it, of how many that could be judged on it.
    """

    name: str
    max_points: int
    passed: int
    begun: int
    mean_points: float
    groups: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class MistakeRow:
    """A known mistake.

    Attributes:
        question: Where it was made.
        name: Of the mistake.
        count: How many made it.
        advice: What helps.
    """

    question: str
    name: str
    count: int
    advice: str


@dataclass(frozen=True)
class Summary:
    """A class.

    Attributes:
        assignment: Such as ``ps1_dark_knowledge``.
        reports: Of each student, in alphabetical order.
        questions: One row each, in their order.
        mistakes: The commonest first.
        points: Label to how many have that many points.
        attention: Student to why a person should look.
        shared: Notes that most submissions have, and how many.
        written: How many submissions hold answers that a person grades.
        called: Student to the name that a learning platform shows, where it does.
    """

    assignment: str
    reports: Mapping[str, SubmissionReport]
    questions: tuple[QuestionRow, ...]
    mistakes: tuple[MistakeRow, ...]
    points: Mapping[str, int]
    attention: Mapping[str, tuple[str, ...]]
    shared: Mapping[str, int]
    written: int
    called: Mapping[str, str]

    @property
    def isolated(self) -> bool:
        """Whether every submission ran in a jail."""
        return all(report.isolated for report in self.reports.values())

    @property
    def max_points(self) -> int:
        """Of the assignment."""
        return max((report.max_points for report in self.reports.values()), default=0)

    @property
    def mean(self) -> float:
        """Of the points."""
        return mean(report.points for report in self.reports.values()) if self.reports else 0.0

    @property
    def median(self) -> float:
        """Of the points."""
        return float(median(report.points for report in self.reports.values())) if self.reports else 0.0


def summary_of(
    assignment: str,
    reports: Mapping[str, SubmissionReport],
    trouble: Mapping[str, str] | None = None,
    people: People | None = None,
) -> Summary:
    """Count a class.

    Args:
        assignment: Such as ``ps1_dark_knowledge``.
        reports: By student.
        trouble: Student to why there is no report.
        people: What is known of them besides.
    """
    people = people or People()
    reports = dict(sorted(reports.items()))
    names = dict.fromkeys(question.name for report in reports.values() for question in report.questions)
    return Summary(
        assignment,
        reports,
        tuple(
            _row(name, [each for report in reports.values() for each in report.questions if each.name == name])
            for name in names
        ),
        _mistakes(assignment, reports),
        _distribution(
            [report.points for report in reports.values()], max((r.max_points for r in reports.values()), default=0)
        ),
        attention_of(reports, trouble or {}, people),
        shared_notes(reports),
        sum(any(question.verdict == "manual" for question in report.questions) for report in reports.values()),
        people.called,
    )


def _row(name: str, answers: list[QuestionReport]) -> QuestionRow:
    judged = [answer.groups for answer in answers if answer.groups]
    groups = {
        group: (sum(each[group] for each in judged if group in each), sum(group in each for each in judged))
        for group in GROUPS
    }
    return QuestionRow(
        name,
        answers[0].max_points,
        sum(answer.verdict == "pass" for answer in answers),
        sum(answer.verdict != "missing" for answer in answers),
        mean(answer.points for answer in answers),
        {group: counts for group, counts in groups.items() if counts[1]},
    )


def _mistakes(assignment: str, reports: Mapping[str, SubmissionReport]) -> tuple[MistakeRow, ...]:
    advice = {
        (question.name, mistake.name): mistake.advice
        for question in questions_of(assignment).values()
        for mistake in question.mistakes
    }
    made = Counter(
        (question.name, mistake)
        for report in reports.values()
        for question in report.questions
        for mistake in question.mistakes
    )
    ranked = sorted(made.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(MistakeRow(*key, count, advice.get(key, "")) for key, count in ranked)


def _distribution(points: list[int], most: int) -> dict[str, int]:
    """How many have how many points; full marks stand alone.

    Example:
        >>> _distribution([0, 3, 4, 4], 4)
        {'0': 1, '1': 0, '2': 0, '3': 1, '4': 2}
    """
    width = max(1, math.ceil(most / BINS))
    counts: dict[str, int] = {}
    for low in range(0, most, width):
        high = min(low + width, most) - 1
        label = str(low) if low == high else f"{low} to {high}"
        counts[label] = sum(low <= each <= high for each in points)
    return counts | {str(most): sum(each == most for each in points)}
