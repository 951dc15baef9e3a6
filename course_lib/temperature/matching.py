"""matching: the temperature at which a model is as sure, on average, as somebody asks.

As T rises from 0, the mean confidence falls from 1 to 1/K and the mean entropy rises from 0 to log K, both without
turning back: d/db of the entropy is ``-b Var(z)``, and of the largest probability ``p (z_top - mean z) >= 0``, with
b = 1/T. So there is one answer, found in log T inside a bracket. (A row of tied logits keeps the ends from 0 and 1.)

Two models compared at equal mean entropy differ in *where* they are unsure, not in how much: the control without which
a flatter model tends to look more linear between images.
"""

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from course_lib.dark_knowledge import entropy
from course_lib.errors import CourseError
from course_lib.predictions import slices
from course_lib.temperature.fit import HIGHEST, LOWEST, scaled_logits


def temperature_for_confidence(logits: Tensor, target: float) -> float:
    """The temperature at which the mean confidence equals a target.

    Args:
        logits: (N, K) float.
        target: Above 1/K and below 1.

    Returns:
        A temperature in [1e-3, 1e3].

    Raises:
        CourseError: If no temperature in that range reaches the target, or the logits are NaN or infinite.

    Example:
        >>> import torch
        >>> round(temperature_for_confidence(torch.tensor([[2.0, 0.0]]).log1p(), 0.75), 4)  # odds of 3 become 3
        1.0
    """
    return _matching(logits, target, lambda probs: -probs.amax(dim=1), -target, "mean confidence")


def temperature_for_entropy(logits: Tensor, target: float) -> float:
    """The temperature at which the mean entropy equals a target.

    Args:
        logits: (N, K) float.
        target: In nats, above 0 and below log K.

    Returns:
        A temperature in [1e-3, 1e3].

    Raises:
        CourseError: If no temperature in that range reaches the target, or the logits are NaN or infinite.

    Example:
        >>> import torch
        >>> logits = 3 * torch.tensor([[0.75, 0.25]]).log()
        >>> round(temperature_for_entropy(logits, target=0.5623351446), 4)  # the entropy of 3/4 and 1/4
        3.0
    """
    return _matching(logits, target, entropy, target, "mean entropy")


def _matching(logits: Tensor, target: float, rising: Callable[[Tensor], Tensor], level: float, what: str) -> float:
    """Where the mean over images of a quantity that rises with T passes a level."""
    from scipy.optimize import brentq

    if logits.ndim != 2 or len(logits) == 0 or logits.shape[1] < 2:
        raise CourseError(f"logits must be (N, K) with at least one row and 2 classes, got {tuple(logits.shape)}")
    if not logits.isfinite().all():
        raise CourseError("NaN or infinite logits: no temperature makes probabilities of them")

    def above(log_t: float) -> float:
        scaled = scaled_logits(logits, math.exp(log_t))
        total = sum(rising(scaled[rows].softmax(dim=1)).sum().item() for rows in slices(scaled))
        return total / len(logits) - level

    low, high = math.log(LOWEST), math.log(HIGHEST)
    ends = above(low), above(high)
    if not ends[0] <= 0 <= ends[1]:
        reached = sorted(abs(end + level) for end in ends)
        span = f"{reached[0]:.9g} to {reached[1]:.9g}"
        raise CourseError(
            f"no temperature from {LOWEST:g} to {HIGHEST:g} gives these logits a {what} of {target:.9g}: "
            f"they reach {span}"
        )
    root: Any = brentq(above, low, high, xtol=1e-12)
    return math.exp(root)
