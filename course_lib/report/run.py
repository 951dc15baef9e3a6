"""run: a finished run folder, read and checked."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.errors import CourseError
from course_lib.predictions import Predictions

MEASURES = ("accuracy", "nll", "brier", "ece", "signed_gap", "ece_over", "ece_under", "overconfidence_error")
SCALINGS = ("none", "temperature")
_COLUMNS = {"model", "arm", "seed", "distillation_temperature", "split", "scaling", "scaling_temperature", *MEASURES}


@dataclass(frozen=True)
class Measured:
    """One line of ``summary.csv``: one model on one split, as trained or after temperature scaling.

    Attributes:
        model: Its name, as in ``predictions/``.
        arm: ``teacher``, ``ce``, ``mixup``, ``kd`` or ``mixup_kd``.
        seed: None for the teacher.
        temperature: Distillation temperature; None where nothing is distilled.
        split: ``calib`` or ``test``.
        scaling: ``none`` or ``temperature``.
        values: The measures and ``scaling_temperature`` by name; None where the model could not be scaled honestly.
    """

    model: str
    arm: str
    seed: int | None
    temperature: float | None
    split: str
    scaling: str
    values: dict[str, float] | None


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: Where it is.
        config: What was run, on what, with what.
        measured: Every line of its summary.
        curves: Every line of its metrics: one per model and epoch.
        timings: Every line of its timings, as text.
    """

    folder: Path
    config: dict[str, Any]
    measured: tuple[Measured, ...]
    curves: tuple[dict[str, Any], ...]
    timings: tuple[dict[str, str], ...]

    @property
    def arms(self) -> list[str]:
        """The students' arms, in the order in which they were asked for."""
        return list(dict.fromkeys(row.arm for row in self.measured if row.arm != "teacher"))

    @property
    def has_teacher(self) -> bool:
        """Whether a teacher was there to learn from."""
        return any(row.arm == "teacher" for row in self.measured)

    def temperatures(self, arm: str) -> list[float | None]:
        """The distillation temperatures of an arm, from low to high; one None where nothing is distilled."""
        found = {row.temperature for row in self.measured if row.arm == arm}
        return sorted(found, key=lambda temperature: temperature or 0.0)

    def lines(self, arm: str, temperature: float | None, split: str, scaling: str) -> list[Measured]:
        """One line per seed, in the order of the seeds."""
        wanted = (arm, temperature, split, scaling)
        found = [row for row in self.measured if (row.arm, row.temperature, row.split, row.scaling) == wanted]
        return sorted(found, key=lambda row: row.seed or 0)

    def predictions(self, arm: str, temperature: float | None, split: str = "test") -> list[Predictions]:
        """The logits of an arm's models, one per seed.

        Raises:
            CourseError: If a file is missing or damaged.
        """
        models = [row.model for row in self.lines(arm, temperature, split, "none")]
        return [Predictions.load(self.folder / "predictions" / f"{model}-{split}.safetensors") for model in models]


def load_run(folder: Path) -> Run:
    """Read the folder of a finished run.

    Raises:
        CourseError: If the folder holds no run, one that is not finished, or tables that cannot be read.
    """
    if not (folder / "config.json").is_file():
        raise CourseError(f"{folder} holds no run (no config.json): name a folder that `course run` wrote")
    if not (folder / "summary.csv").is_file():
        raise CourseError(f"the run in {folder} is not finished: go on with  course run --resume --out {folder}")
    try:
        config = json.loads((folder / "config.json").read_text())
        curves = tuple(json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines())
        timings = _table(folder / "timings.csv", {"model", "seconds"})
        measured = tuple(_measured(row) for row in _table(folder / "summary.csv", _COLUMNS))
        missing = {"settings", "data", "models", "environment"} - set(config)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CourseError(f"cannot read the run in {folder}: {error}") from error
    if missing:
        raise CourseError(f"cannot read the run in {folder}: config.json lacks {', '.join(sorted(missing))}")
    _check_complete(folder, measured)
    return Run(folder, config, measured, curves, tuple(timings))


def _check_complete(folder: Path, measured: Sequence[Measured]) -> None:
    """Every model has all four lines, and there is a student."""
    models = {row.model for row in measured}
    lines = {(row.model, row.split, row.scaling) for row in measured}
    wanted = {(model, split, scaling) for model in models for split in ("calib", "test") for scaling in SCALINGS}
    if lines != wanted or len(measured) != len(wanted) or all(row.arm == "teacher" for row in measured):
        raise CourseError(
            f"summary.csv in {folder} lacks lines: measure again with  course run --resume --out {folder}"
        )
    if any(row.values is None and row.scaling == "none" for row in measured):
        raise CourseError(f"summary.csv in {folder} lacks numbers of a model as it was trained")


def headline(run: Run) -> dict[str, float | None]:
    """The distillation temperature at which each arm is reported: lowest NLL on calib images, mean over seeds.

    Returns:
        Arm to temperature; None where nothing is distilled.
    """
    return {
        arm: min(run.temperatures(arm), key=lambda temperature: _calib_nll(run, arm, temperature)) for arm in run.arms
    }


def _calib_nll(run: Run, arm: str, temperature: float | None) -> float:
    values = [row.values["nll"] for row in run.lines(arm, temperature, "calib", "none") if row.values]
    return sum(values) / len(values)


def name_of(arm: str, temperature: float | None) -> str:
    """An arm at a temperature, as people read it.

    Example:
        >>> name_of("mixup_kd", 1.0), name_of("ce", None)
        ('mixup_kd (T = 1)', 'ce')
    """
    return arm if temperature is None else f"{arm} (T = {temperature:g})"


def _table(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        if lacking := set(columns) - set(reader.fieldnames or ()):
            raise ValueError(f"{path.name} lacks {', '.join(sorted(lacking))}")
        return list(reader)


def _measured(row: dict[str, str]) -> Measured:
    names: Sequence[str] = (*MEASURES, "scaling_temperature")
    return Measured(
        model=row["model"],
        arm=row["arm"],
        seed=int(row["seed"]) if row["seed"] else None,
        temperature=float(row["distillation_temperature"]) if row["distillation_temperature"] else None,
        split=row["split"],
        scaling=row["scaling"],
        values={name: float(row[name]) for name in names} if row["nll"] else None,
    )
