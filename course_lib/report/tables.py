"""tables: the numbers of a run, mean and standard deviation over seeds, for people.

ECE never stands alone: beside it are the signed gap, its over- and underconfident parts, and NLL, because models can
reach the same ECE by claiming too much, too little, or both.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from course_lib.report.run import Measured, Run, headline, name_of


@dataclass(frozen=True)
class Spread:
    """A number over seeds.

    Attributes:
        mean: Over the seeds.
        deviation: Standard deviation over the seeds (divided by S - 1); None where there is one.
    """

    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Mean and standard deviation.

        Example:
            >>> Spread.of([1.0, 2.0, 3.0]), Spread.of([4.0])
            (Spread(mean=2.0, deviation=1.0), Spread(mean=4.0, deviation=None))
        """
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class Column:
    """How a measure is printed.

    Attributes:
        measure: Its name in ``summary.csv``.
        heading: Its name in tables, with its unit.
        meaning: What it is, in a few words.
        factor: 100 for what is printed in percent.
        digits: After the point.
        signed: Whether a plus sign is shown.
    """

    measure: str
    heading: str
    meaning: str
    factor: float = 1.0
    digits: int = 3
    signed: bool = False

    def number(self, value: float) -> str:
        """A value as it is printed.

        Example:
            >>> Column("signed_gap", "gap", "", 100, 1, signed=True).number(0.0123)
            '+1.2'
        """
        return f"{self.factor * value:{'+' if self.signed else ''}.{self.digits}f}"

    def cell(self, spread: Spread, joint: str = "") -> str:
        """A spread as it is printed: mean, and where there are several seeds the standard deviation."""
        if spread.deviation is None:
            return self.number(spread.mean)
        return f"{self.number(spread.mean)}{joint}±{self.deviation(spread)}"

    def deviation(self, spread: Spread) -> str:
        """The standard deviation as it is printed; empty where there is one seed. Nats go without a leading zero."""
        if spread.deviation is None:
            return ""
        return f"{self.factor * spread.deviation:.{self.digits}f}".removeprefix("0" if self.factor == 1 else "")


COLUMNS = {
    column.measure: column
    for column in (
        Column("accuracy", "accuracy %", "share of right answers", 100, 1),
        Column("scaling_temperature", "fitted T", "the logits are divided by it; fitted on calib images", digits=2),
        Column("nll", "NLL", "negative log-likelihood in nats; lower is better"),
        Column("brier", "Brier", "squared distance from the truth, 0 to 2; lower is better"),
        Column(
            "ece", "ECE %", "mean distance of confidence from accuracy over 15 bins; the sum of over and under", 100, 1
        ),
        Column("signed_gap", "gap", "signed gap: mean confidence minus accuracy, in points", 100, 1, signed=True),
        Column("ece_over", "over", "the part of ECE from bins that are too sure, in points", 100, 1),
        Column("ece_under", "under", "the part of ECE from bins that are not sure enough, in points", 100, 1),
        Column("overconfidence_error", "OE %", "overconfidence error: over, weighted by confidence", 100, 2),
    )
}
AS_TRAINED = tuple(column for name, column in COLUMNS.items() if name != "scaling_temperature")
AFTER_SCALING = tuple(column for name, column in COLUMNS.items() if name != "accuracy")


@dataclass(frozen=True)
class Row:
    """An arm at one distillation temperature, on test images.

    Attributes:
        arm: Its arm.
        name: With its temperature, where it distils.
        as_trained: Every measure.
        scaled: Every measure after temperature scaling; None where the model must not be scaled.
    """

    arm: str
    name: str
    as_trained: Mapping[str, Spread]
    scaled: Mapping[str, Spread] | None


def arm_table(run: Run) -> list[Row]:
    """The teacher and every arm at its headline temperature."""
    chosen: dict[str, float | None] = {"teacher": None} if run.has_teacher else {}
    return [_row(run, arm, temperature) for arm, temperature in (chosen | headline(run)).items()]


def full_table(run: Run) -> list[Row]:
    """The teacher and every arm at every temperature."""
    arms = (["teacher"] if run.has_teacher else []) + run.arms
    return [_row(run, arm, temperature) for arm in arms for temperature in run.temperatures(arm)]


def _row(run: Run, arm: str, temperature: float | None) -> Row:
    scaled = run.lines(arm, temperature, "test", "temperature")
    return Row(
        arm,
        name_of(arm, temperature),
        _spreads(run.lines(arm, temperature, "test", "none")),
        None if any(line.values is None for line in scaled) else _spreads(scaled),
    )


def _spreads(lines: Iterable[Measured]) -> dict[str, Spread]:
    """Each measure over the seeds."""
    values = [line.values for line in lines if line.values is not None]
    return {name: Spread.of([each[name] for each in values]) for name in COLUMNS}


def seeds_of(run: Run) -> int:
    """Students per arm and temperature."""
    return len({row.seed for row in run.measured if row.arm != "teacher"})


def sample_of(run: Run) -> str:
    """What the numbers of a run are about, in one line."""
    seeds = seeds_of(run)
    spread = f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "1 seed"
    return f"{run.config['settings']['data']}: {run.config['data']['test']:,} test images; {spread}"
