"""rule: from intervals to a verdict. It was written before the runs that it judges, and knows nothing of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from course_lib.claims.paper import CLAIMS
from course_lib.intervals import Interval

SIDES = ("above 0", "below 0", "other than 0")
UNITS = ("points", "nats", "number")
Finding = Literal["for", "against", "undecided"]

SUPPORTED, MIXED, NOT_SUPPORTED, CANNOT_SAY = VERDICTS = ("supported", "mixed", "not supported", "cannot say here")

RULE = """\
A piece of evidence is a number whose sign the claim predicts, with its 95 % interval. It speaks **for** the
claim if the whole interval lies on the predicted side of 0, **against** it if the whole interval lies on the
other side, and is **undecided** if the interval holds 0. Some pieces need a second number to be decided as
well; they are undecided if it is not. Where a claim names no direction, the number only has to be **other than
0**: it then speaks for the claim if its interval leaves out 0, and can never speak against it.

A claim is

- **supported** if nothing speaks against it, and more pieces speak for it than are undecided;
- **not supported** if something speaks against it, and nothing for it;
- **cannot say here** if every piece is undecided, or there is none;
- **mixed** otherwise.
"""


@dataclass(frozen=True)
class Evidence:
    """One number that speaks to a claim.

    Attributes:
        claim: ``C1`` to ``C8``, or one of the questions of our own.
        says: What the number is, in words.
        predicted: On which side of 0 the claim expects it.
        interval: The number and its 95 % interval.
        unit: ``points`` of percent, ``nats``, or a plain ``number``.
        needs_decided: Whether what it rests on is decided, where it rests on something.
    """

    claim: str
    says: str
    predicted: str
    interval: Interval
    unit: str
    needs_decided: bool = True

    def __post_init__(self) -> None:
        """Refuse what the rule does not know."""
        if self.claim not in CLAIMS or self.predicted not in SIDES or self.unit not in UNITS:
            raise ValueError(f"no such claim, side or unit: {self.claim}, {self.predicted}, {self.unit}")

    @property
    def finding(self) -> Finding:
        """What it says of its claim.

        Example:
            >>> Evidence("C4", "accuracy gained", "above 0", Interval(0.02, 0.01, 0.03), "points").finding
            'for'
        """
        if not self.needs_decided or not self.interval.decided:
            return "undecided"
        if self.predicted == "other than 0":
            return "for"
        return "for" if (self.interval.low > 0) == (self.predicted == "above 0") else "against"

    def as_row(self) -> Mapping[str, str | float]:
        """A line of a study's table ``evidence``."""
        ends = {"estimate": self.interval.estimate, "low": self.interval.low, "high": self.interval.high}
        return {
            "claim": self.claim,
            "says": self.says,
            "predicted": self.predicted,
            **ends,
            "unit": self.unit,
            "finding": self.finding,
        }


def shown(row: Mapping[str, str | float | None]) -> str:
    """Number and interval of a line of ``evidence``, in its unit.

    Example:
        >>> shown({"estimate": 0.0123, "low": -0.004, "high": 0.0286, "unit": "points"})
        '+1.23 [-0.40, +2.86] points'
    """
    factor, digits = (100, 2) if row["unit"] == "points" else (1, 3)
    if row["estimate"] is None:
        return "not defined"
    estimate, low, high = (f"{_near(row[name], factor, digits):+.{digits}f}" for name in ("estimate", "low", "high"))
    unit = "" if row["unit"] == "number" else f" {row['unit']}"
    return f"{estimate} [{low}, {high}]{unit}"


def _near(value: str | float | None, factor: int, digits: int) -> float:
    """Rounded, and never -0."""
    return round(factor * float(value or 0), digits) + 0.0


def verdict_of(findings: Iterable[str]) -> str:
    """The verdict on a claim from what each piece of evidence says of it; the rule is ``RULE``.

    Args:
        findings: ``for``, ``against`` or ``undecided``, one per piece.

    Returns:
        ``supported``, ``mixed``, ``not supported`` or ``cannot say here``.

    Example:
        >>> verdict_of(["for", "for", "undecided"]), verdict_of(["for", "against"]), verdict_of([])
        ('supported', 'mixed', 'cannot say here')
    """
    pieces = list(findings)
    speak_for, against, undecided = (pieces.count(word) for word in ("for", "against", "undecided"))
    if speak_for + against + undecided != len(pieces):
        raise ValueError(f"a finding is for, against or undecided, got {sorted(set(pieces))}")
    if speak_for == against == 0:
        return CANNOT_SAY
    if speak_for == 0:
        return NOT_SUPPORTED
    return SUPPORTED if against == 0 and speak_for > undecided else MIXED
