"""course_lib: mixup, distillation and calibration in one place, small enough to read.

    import course_lib as cl
    cl.expected_calibration_error(*cl.confidence_and_correct(logits, labels))

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "CourseError": "errors",
    "dark_knowledge_share": "dark_knowledge",
    "dial_teacher": "dark_knowledge",
    "entropy": "dark_knowledge",
    "flatten_dark_knowledge": "dark_knowledge",
    "permute_dark_knowledge": "dark_knowledge",
    "softmax_with_temperature": "dark_knowledge",
    "soft_cross_entropy": "losses",
    "distillation_loss": "losses",
    "sample_lambdas": "epoch_plan",
    "partial_lambdas": "epoch_plan",
    "cut_and_paste": "mixup",
    "mix": "mixup",
    "mix_labels": "mixup",
    "Predictions": "predictions",
    "accuracy": "predictions",
    "brier_score": "predictions",
    "confidence_and_correct": "predictions",
    "negative_log_likelihood": "predictions",
    "bin_index": "calibration",
    "by_group": "calibration",
    "expected_calibration_error": "calibration",
    "measure": "calibration",
    "overconfidence_error": "calibration",
    "reliability_bins": "calibration",
    "signed_gap": "calibration",
    "brier_split": "temperature",
    "find_temperature": "temperature",
    "fit_temperature": "temperature",
    "nll_at_temperature": "temperature",
    "nll_slope": "temperature",
    "temperature_for_confidence": "temperature",
    "temperature_for_entropy": "temperature",
    "confusion": "vicinal",
    "confusion_mass": "vicinal",
    "entropy_split": "vicinal",
    "linear_prediction": "vicinal",
    "linearity_gain": "vicinal",
    "structure": "vicinal",
    "vicinal_nonlinearity": "vicinal",
    "linear_cka": "geometry",
    "nearest_neighbour_accuracy": "geometry",
    "within_between_ratio": "geometry",
    "calibration_transfer": "relations",
    "pareto_front": "relations",
    "ece_interval": "intervals",
    "paired_difference": "intervals",
    "results": "results",  # the module itself
}

__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'course_lib' has no attribute {name!r}")
    home = import_module(f"course_lib.{_HOME[name]}")
    return home if name == _HOME[name] else getattr(home, name)


def __dir__() -> list[str]:
    return __all__
