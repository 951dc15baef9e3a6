"""calibration_file: anybody's predictions, from an .npz file to numbers and a diagram.

The file holds ``logits`` (N, K) and ``labels`` (N,), and perhaps ``calib_logits`` and ``calib_labels``: other images,
on which the temperature is fitted. A temperature is never fitted on what is reported.
"""

import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib import plots
from course_lib.calibration import measure, measure_variants
from course_lib.errors import CourseError
from course_lib.predictions import check_logits, log_of_probs
from course_lib.temperature import TemperatureFit, find_temperature, scaled_logits

NO_SCALED = (
    "There are no calib_logits and calib_labels, so no temperature is fitted: "
    "fitted on the images that are reported, it would flatter them."
)


@dataclass(frozen=True)
class FileResult:
    """What was measured on one file.

    Attributes:
        logits: (N, K) float64.
        labels: (N,) int64.
        raw: The numbers as they came, by name: those of ``Measures`` and of ``Variants``.
        fit: The temperature, where calib arrays were given.
        scaled: The numbers after scaling.
    """

    logits: Tensor
    labels: Tensor
    raw: dict[str, Any]
    fit: TemperatureFit | None
    scaled: dict[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        """The numbers as plain values: as they came at the top, after scaling under ``scaled``."""
        if self.fit is None or self.scaled is None:
            return self.raw
        scaling = {"temperature": self.fit.temperature, "at_bound": self.fit.at_bound}
        return self.raw | {"scaled": self.scaled | scaling}

    def as_text(self) -> str:
        """The numbers as a table for a person."""
        raw, scaled = self.raw, self.scaled
        head = f"{raw['n']:,} predictions of {raw['classes']} classes"
        lines = [f"{head:<34}{'as given':>12}{'' if scaled is None else 'scaled':>12}"]
        for name, value in raw.items():
            if name not in ("n", "classes"):
                after = "" if scaled is None else f"{scaled[name]:>12.4f}"
                lines.append(f"  {name.replace('_', ' '):<32}{value:>12.4f}{after}")
        if self.fit is None:
            return "\n".join([*lines, NO_SCALED])
        bound = f" (at bound: {self.fit.reason})" if self.fit.at_bound else ""
        return "\n".join([*lines, f"  {'temperature':<32}{1:>12.4f}{self.fit.temperature:>12.4f}{bound}"])


def measure_file(path: Path, *, probs: bool = False) -> FileResult:
    """Measure the predictions in a file.

    Args:
        path: An .npz file.
        probs: Whether the arrays hold probabilities.

    Raises:
        CourseError: If the file cannot be read, lacks an array, or holds what cannot be predictions.
    """
    arrays = _read(path)
    logits, labels = _pair(arrays, "", path, probs)
    if "calib_logits" not in arrays and "calib_labels" not in arrays:
        return FileResult(logits, labels, _numbers(logits, labels), fit=None, scaled=None)
    calib_logits, calib_labels = _pair(arrays, "calib_", path, probs)
    if calib_logits.shape[1] != logits.shape[1]:
        raise CourseError(f"{path}: calib_logits have {calib_logits.shape[1]} classes, logits {logits.shape[1]}")
    if calib_logits.shape == logits.shape and torch.equal(calib_logits, logits):
        raise CourseError(f"{path}: calib_logits are the logits themselves; the temperature needs other images")
    fit = find_temperature(calib_logits, calib_labels)
    scaled = _numbers(scaled_logits(logits, fit.temperature), labels)
    return FileResult(logits, labels, _numbers(logits, labels), fit, scaled)


def _numbers(logits: Tensor, labels: Tensor) -> dict[str, Any]:
    """The whole family."""
    return asdict(measure(logits, labels)) | asdict(measure_variants(logits, labels))


def draw(result: FileResult, path: Path) -> Path:
    """Write the reliability diagram of a file, before and after scaling."""
    scaled = None if result.fit is None else scaled_logits(result.logits, result.fit.temperature)
    plots.save(plots.reliability_of_one(result.logits, result.labels, scaled), path)
    return path


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except TypeError:
        raise CourseError(
            f"{path} holds one array, not an archive: save it with np.savez, logits=..., labels=..."
        ) from None
    except FileNotFoundError:
        raise CourseError(f"no file {path}") from None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise CourseError(f"cannot read {path} as .npz without executing code: {error}") from error


def _pair(arrays: dict[str, np.ndarray], prefix: str, path: Path, probs: bool) -> tuple[Tensor, Tensor]:
    """Logits and labels of one part of a file, checked."""
    for name in (f"{prefix}logits", f"{prefix}labels"):
        if name not in arrays:
            raise CourseError(f"{path} has no array {name!r}; it has: {', '.join(arrays) or 'none'}")
        if arrays[name].dtype.kind not in "fiu":
            raise CourseError(f"{path}: {name} must be numbers, not {arrays[name].dtype}")
    labels = arrays[f"{prefix}labels"]
    if labels.dtype.kind == "f" and not (np.isfinite(labels) & (labels == np.round(labels))).all():
        raise CourseError(f"{path}: {prefix}labels must be class numbers, whole and counted from 0")
    logits = torch.from_numpy(arrays[f"{prefix}logits"].astype(np.float64))
    whole = torch.from_numpy(labels.astype(np.int64))
    try:
        logits = log_of_probs(logits) if probs else logits
        check_logits(logits, whole)
    except CourseError as error:
        raise CourseError(f"{path}: {error}") from error
    return logits, whole
