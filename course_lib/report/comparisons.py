"""comparisons: arm against arm, paired over the same seeds and the same test images.

A difference is first minus second. Where its 95 % interval holds 0 it is undecided, however large it looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from course_lib.intervals import Interval, paired_difference
from course_lib.predictions import Predictions
from course_lib.report.run import Run, headline
from course_lib.report.tables import COLUMNS

PAIRS = (("mixup_kd", "ce"), ("mixup_kd", "mixup"), ("mixup_kd", "kd"), ("kd", "ce"), ("mixup", "ce"))
COMPARED = (
    ("none", "accuracy"),
    ("none", "nll"),
    ("none", "ece"),
    ("none", "signed_gap"),
    ("none", "overconfidence_error"),
    ("temperature", "nll"),
    ("temperature", "ece"),
)


@dataclass(frozen=True)
class Comparison:
    """One measure of two arms.

    Attributes:
        first: The arm that is asked about.
        second: The arm that it is held against.
        measure: Which number.
        scaling: ``none`` or ``temperature``.
        interval: First minus second.
    """

    first: str
    second: str
    measure: str
    scaling: str
    interval: Interval

    @property
    def finding(self) -> str:
        """What the interval says of the first arm: better, worse, undecided; of its gap, more or less confident."""
        if not self.interval.decided:
            return "undecided"
        higher = self.interval.estimate > 0
        if self.measure == "signed_gap":
            return "more confident" if higher else "less confident"
        return "better" if higher == (self.measure == "accuracy") else "worse"

    @property
    def size(self) -> str:
        """The difference as it is printed, such as ``+1.20``."""
        return f"{self._factor * self.interval.estimate:+.{self.digits}f}"

    @property
    def bounds(self) -> str:
        """The interval as it is printed, such as ``[-0.40, +2.80]``."""
        low, high = (f"{self._factor * end:+.{self.digits}f}" for end in (self.interval.low, self.interval.high))
        return f"[{low}, {high}]"

    @property
    def digits(self) -> int:
        """Two for points, three for nats; more where a decided interval would seem to touch 0."""
        usual = 2 if self._factor > 1 else 3
        near = min(abs(self._factor * end) for end in (self.interval.low, self.interval.high))
        if not self.interval.decided or near == 0:
            return usual
        return next((digits for digits in range(usual, 7) if round(near, digits) > 0), 7)

    @property
    def _factor(self) -> float:
        return COLUMNS[self.measure].factor


def comparisons(run: Run) -> list[Comparison]:
    """Every pair of arms that the run holds, at their headline temperatures.

    Raises:
        CourseError: If the predictions of a model are missing or damaged.
    """
    chosen = headline(run)
    as_trained = {arm: run.predictions(arm, temperature) for arm, temperature in chosen.items()}
    scaled = {arm: _scaled(run, arm, temperature, as_trained[arm]) for arm, temperature in chosen.items()}
    models = {"none": as_trained, "temperature": scaled}
    return [
        Comparison(first, second, measure, scaling, paired_difference(*both, measure))
        for first, second in PAIRS
        if first in chosen and second in chosen
        for scaling, measure in COMPARED
        if all(both := (models[scaling][first], models[scaling][second]))
    ]


def _scaled(run: Run, arm: str, temperature: float | None, models: Sequence[Predictions]) -> list[Predictions]:
    """The same models with their logits divided by the temperatures fitted on calib; none where one was not fitted."""
    lines = run.lines(arm, temperature, "test", "temperature")
    if any(line.values is None for line in lines):
        return []
    return [
        replace(model, logits=model.logits.double() / line.values["scaling_temperature"])
        for model, line in zip(models, lines, strict=True)
        if line.values is not None
    ]
