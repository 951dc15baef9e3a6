"""students: rows of distilled students, from a summary or trained now, and their means over seeds."""

import csv
import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from course_lib import calibration
from course_lib.errors import CourseError
from course_lib.temperature import fit_temperature, scaled_logits

ARMS = ("kd", "mixup_kd")
SCALINGS = ("none", "temperature")  # as in summary.csv
WORDS = ("arm", "split", "scaling")
MEASURED = ("accuracy", "ece", "signed_gap", "nll")
NUMBERS = ("distillation_temperature", *MEASURED)
HOW = "course run --arms kd,mixup_kd --temperature 1 --temperature 2 --temperature 4"
Row = Mapping[str, Any]


def students_of(run: Any) -> list[Row]:
    """The students of ``kd`` and ``mixup_kd``, measured on test.

    Args:
        run: A folder with a ``summary.csv``, or the rows of one; values may be numbers or words that say numbers.

    Returns:
        One row per student and scaling.

    Raises:
        CourseError: If there are none, a value is missing, or there is nothing to choose between.
    """
    rows = _rows_of(run)
    wanted = [row for row in rows if row.get("arm") in ARMS and row.get("split") == "test"]
    students: list[Row] = [{**{name: row.get(name) for name in WORDS}, **_numbers(row)} for row in wanted]
    if not students:
        raise CourseError(f"no student of {' or '.join(ARMS)} is measured on test there: make some with  {HOW}")
    temperatures = {row["distillation_temperature"] for row in students}
    if len(temperatures) < 2:
        raise CourseError(f"all students have distillation temperature {temperatures.pop():g}: run several,  {HOW}")
    _check_scalings(students)
    return students


def means_of(students: Iterable[Row]) -> list[Row]:
    """The mean over seeds of each arm, temperature and scaling."""
    alike: dict[tuple[Any, ...], list[Row]] = {}
    for row in students:
        alike.setdefault((row["arm"], row["distillation_temperature"], row["scaling"]), []).append(row)
    return [{**rows[0], **{name: fmean(row[name] for row in rows) for name in NUMBERS}} for rows in alike.values()]


def trained_now(arm: str, temperature: float, seed: int, tick: Callable[[float], None]) -> list[Row]:
    """One student of digits, as trained and after scaling on calib; the numbers are those of test."""
    from course_lib.widgets import live

    student = live.train(arm, temperature, seed=seed, tick=tick)
    fitted = fit_temperature(student.calib.logits, student.calib.labels)
    rows: list[Row] = []
    for scaling, t in zip(SCALINGS, (1.0, fitted), strict=True):
        found = calibration.measure(scaled_logits(student.test.logits, t), student.test.labels)
        numbers = {name: getattr(found, name) for name in MEASURED}
        rows.append({"arm": arm, "scaling": scaling, "distillation_temperature": temperature, **numbers})
    return rows


def _rows_of(run: Any) -> list[Row]:
    if not isinstance(run, str | os.PathLike):
        rows = list(run) if isinstance(run, Iterable) else [run]
        if not all(isinstance(row, Mapping) for row in rows):
            raise CourseError(f"give a run folder, or the rows of its summary.csv as dictionaries, not {type(run)}")
        return rows
    path = Path(run) / "summary.csv"
    try:
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"cannot read {path} ({error}): name the folder of a finished  course run") from error


def _check_scalings(students: list[Row]) -> None:
    there = {(row["arm"], row["distillation_temperature"], row["scaling"]) for row in students}
    for arm, temperature, _ in sorted(there):
        for scaling in SCALINGS:
            if (arm, temperature, scaling) not in there:
                raise CourseError(
                    f"no row of {arm} at T = {temperature:g} has scaling {scaling!r}: give all rows of summary.csv"
                )


def _numbers(row: Row) -> dict[str, float]:
    found = {}
    for name in NUMBERS:
        try:
            found[name] = float(row[name])
        except (KeyError, TypeError, ValueError):
            found[name] = math.nan
        if not math.isfinite(found[name]):
            given = repr(row[name]) if name in row else "missing"
            raise CourseError(
                f"{name} of {row.get('model') or row['arm']} is {given}: give the rows of summary.csv as they are"
            )
    return found
