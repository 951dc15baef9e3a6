"""ece: an interval for the ECE of each headline row, where one can be trusted.

Plug-in ECE is biased upward, and an interval that ignores this misses the truth. Ours does not; yet before one is
printed, a simulation on the model's own confidences asks how often such intervals hold the truth; under 90 % none is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from course_lib.calibration import N_BINS
from course_lib.intervals import Interval, ece_interval, ece_interval_coverage
from course_lib.predictions import confidence_and_correct
from course_lib.report.run import Run, headline, name_of

ENOUGH_COVERAGE = 0.9


@dataclass(frozen=True)
class EceInterval:
    """How far the ECE of one model can be trusted.

    Attributes:
        name: The row of the table.
        images: Test images.
        coverage: How often simulated intervals hold the true ECE; 0.95 is aimed at.
        interval: None where coverage is under 90 %.
    """

    name: str
    images: int
    coverage: float
    interval: Interval | None

    @property
    def cell(self) -> str:
        """The interval in percent, or that it is not shown."""
        if self.interval is None:
            return "not shown"
        return f"{100 * self.interval.low:.1f} to {100 * self.interval.high:.1f}"


def ece_intervals(run: Run) -> dict[str, EceInterval]:
    """By the name of each headline row, the interval of its first seed: one model, because seeds share test images."""
    chosen: dict[str, float | None] = {"teacher": None} if run.has_teacher else {}
    intervals = {}
    for arm, temperature in (chosen | headline(run)).items():
        model = run.predictions(arm, temperature)[0]
        confidence, correct = confidence_and_correct(model.logits, model.labels)
        coverage = ece_interval_coverage(confidence, correct, rng=np.random.default_rng(0))
        interval = ece_interval(confidence, correct, N_BINS) if coverage >= ENOUGH_COVERAGE else None
        name = name_of(arm, temperature)
        intervals[name] = EceInterval(name, len(correct), coverage, interval)
    return intervals


def why_not_shown(intervals: Sequence[EceInterval]) -> str:
    """Why some intervals are not shown; empty where all are."""
    hidden = [f"{each.name} {each.coverage:.0%}" for each in intervals if each.interval is None]
    if not hidden:
        return ""
    return (
        f"On {intervals[0].images:,} test images a 95 % interval of ECE can miss the truth too often to be shown. The "
        f"share of simulated intervals that hold it, where it is under {ENOUGH_COVERAGE:.0%}: {', '.join(hidden)}."
    )
