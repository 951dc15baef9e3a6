"""temperature: one number that repairs confidence, or that makes two models equally sure."""

from course_lib.temperature.fit import (
    HIGHEST,
    LOWEST,
    TemperatureFit,
    find_temperature,
    fit_on,
    fit_temperature,
    nll_at_temperature,
    nll_slope,
    scaled_logits,
)
from course_lib.temperature.matching import temperature_for_confidence, temperature_for_entropy
from course_lib.temperature.split import BrierSplit, brier_split

__all__ = [
    "HIGHEST",
    "LOWEST",
    "BrierSplit",
    "TemperatureFit",
    "brier_split",
    "find_temperature",
    "fit_on",
    "fit_temperature",
    "nll_at_temperature",
    "nll_slope",
    "scaled_logits",
    "temperature_for_confidence",
    "temperature_for_entropy",
]
