"""course_lib: mixup, distillation and calibration in one place, small enough to read.

    import course_lib as cl
    cl.expected_calibration_error(*cl.confidence_and_correct(logits, labels))

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "CourseError": "errors",
    "soft_cross_entropy": "losses",
    "distillation_loss": "losses",
    "sample_lambdas": "epoch_plan",
    "mix": "mixup",
    "mix_labels": "mixup",
    "Predictions": "predictions",
    "accuracy": "predictions",
    "brier_score": "predictions",
    "confidence_and_correct": "predictions",
    "negative_log_likelihood": "predictions",
    "bin_index": "calibration",
    "expected_calibration_error": "calibration",
    "measure": "calibration",
    "overconfidence_error": "calibration",
    "reliability_bins": "calibration",
    "signed_gap": "calibration",
    "find_temperature": "temperature",
    "fit_temperature": "temperature",
    "nll_at_temperature": "temperature",
    "nll_slope": "temperature",
    "ece_interval": "intervals",
    "paired_difference": "intervals",
}

__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'course_lib' has no attribute {name!r}")
    return getattr(import_module(f"course_lib.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
