"""comparisons: arm against arm, paired over the same seeds and the same test images.

A difference is first minus second. Where its 95 % interval holds 0 it is undecided, however large it looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from course_lib.arms import ARMS, arm_of
from course_lib.intervals import Interval, paired_difference
from course_lib.predictions import Predictions
from course_lib.report.run import Run, headline
from course_lib.report.tables import COLUMNS
from course_lib.temperature import scaled_logits

PAIRS = (("mixup_kd", "ce"), ("mixup_kd", "mixup"), ("mixup_kd", "kd"), ("kd", "ce"), ("mixup", "ce"))
COMPARED = {
    "none": ("accuracy", "nll", "ece", "signed_gap", "overconfidence_error"),
    "temperature": ("nll", "ece"),
}


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
        return self._number(self.interval.estimate)

    @property
    def bounds(self) -> str:
        """The interval as it is printed, such as ``[-0.40, +2.80]``."""
        return f"[{self._number(self.interval.low)}, {self._number(self.interval.high)}]"

    @property
    def digits(self) -> int:
        """Two for points, three for nats; more where a decided interval would seem to touch 0."""
        usual = 2 if self._factor > 1 else 3
        near = min(abs(self._factor * end) for end in (self.interval.low, self.interval.high))
        if not self.interval.decided or near == 0:
            return usual
        return next((digits for digits in range(usual, 7) if round(near, digits) > 0), 7)

    def _number(self, value: float) -> str:
        """With its sign; what rounds to 0 is +0, never -0."""
        return f"{round(self._factor * value, self.digits) + 0.0:+.{self.digits}f}"

    @property
    def _factor(self) -> float:
        return COLUMNS[self.measure].factor


def comparisons(run: Run) -> list[Comparison]:
    """Every pair of arms that the run holds, at their headline temperatures.

    Raises:
        CourseError: If the predictions of a model are missing or damaged.
    """
    chosen = headline(run)
    return [
        Comparison(*pair, measure, scaling, paired_difference(first, second, measure))
        for pair in _pairs(run.arms)
        for scaling in ("none", "temperature")
        for first, second in [[_models(run, arm, chosen[arm], scaling) for arm in pair]]
        for measure in COMPARED[scaling]
    ]


def _pairs(arms: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs that a run holds; a changed arm is held against the arm that it is a change of.

    Example:
        >>> _pairs(["ce", "mixup_kd", "mixup_kd+flat"])
        [('mixup_kd', 'ce'), ('mixup_kd+flat', 'mixup_kd')]
    """
    changed = [(arm, arm_of(arm).base) for arm in arms if arm not in ARMS]
    return [pair for pair in [*PAIRS, *changed] if set(pair) <= set(arms)]


def _models(run: Run, arm: str, temperature: float | None, scaling: str) -> list[Predictions]:
    """The test predictions of an arm's students, their logits divided by the temperatures fitted on calib or by 1."""
    lines = run.lines(arm, temperature, "test", scaling)
    models = run.predictions(arm, temperature)
    scales = [line.values["scaling_temperature"] for line in lines if line.values]
    return [
        replace(model, logits=scaled_logits(model.logits, scale)) for model, scale in zip(models, scales, strict=True)
    ]
