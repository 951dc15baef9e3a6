"""reports: what is known of a submission after it was judged, as it is written to ``graded/``.

A report holds no time, no path and no machine, so the same submission, questions and seed give the same bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from course_lib.errors import CourseError

VERDICTS = ("pass", "fail", "error", "timeout", "killed", "missing", "manual")


@dataclass(frozen=True)
class QuestionReport:
    """One question of a submission.

    Attributes:
        name: Of the question.
        points: Of ``max_points``, whole.
        max_points: What a right answer is worth.
        verdict: One of ``VERDICTS``; ``manual`` is for a person to grade, ``missing`` was not answered.
        mistakes: Names of the known mistakes that the answer behaves like.
        message: What the learner reads: plain text, unescaped, several lines.
        groups: Of each group of cases, whether it passed; empty where nothing could be judged.
        notes: For the teacher alone.
    """

    name: str
    points: int
    max_points: int
    verdict: str
    mistakes: tuple[str, ...] = ()
    message: str = ""
    groups: Mapping[str, bool] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubmissionReport:
    """One submission.

    Attributes:
        notebook: The name of its file.
        assignment: Such as ``ps1_dark_knowledge``.
        digest: SHA-256 of the file, in hexadecimal digits.
        seed: Of the cases.
        isolated: Whether it ran in a jail.
        questions: In the order of the assignment.
        notes: For the teacher: cells that differ from what was released, what needs a person and why.
    """

    notebook: str
    assignment: str
    digest: str
    seed: int
    isolated: bool
    questions: tuple[QuestionReport, ...]
    notes: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """Of all questions."""
        return sum(question.points for question in self.questions)

    @property
    def max_points(self) -> int:
        """Of all questions."""
        return sum(question.max_points for question in self.questions)

    @property
    def passed(self) -> bool:
        """Whether everything that is not graded by hand passes."""
        return all(question.verdict in ("pass", "manual") for question in self.questions)

    def to_json(self) -> str:
        """The same text for the same report, ending in a newline."""
        totals = {"points": self.points, "max_points": self.max_points}
        return json.dumps(asdict(self) | totals, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "SubmissionReport":
        """Read a report back.

        Raises:
            CourseError: If it is none.
        """
        try:
            found: dict[str, Any] = json.loads(text)
            questions = tuple(_question(each) for each in found.pop("questions"))
            del found["points"], found["max_points"]  # sums of what the questions say
            return cls(**found | {"questions": questions, "notes": tuple(found["notes"])})
        except (ValueError, KeyError, TypeError) as error:
            raise CourseError(f"this is no report of a submission: {error}. Grade it again") from error


def _question(found: dict[str, Any]) -> QuestionReport:
    lists: dict[str, Any] = {name: tuple(found[name]) for name in ("mistakes", "notes")}
    return QuestionReport(**(found | lists))
