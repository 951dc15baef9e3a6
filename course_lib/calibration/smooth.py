"""smooth: a calibration error without bins; gaps are smoothed as widely as they are large.

    smECE_sigma = integral over [0, 1] of |mean_i K_sigma(t, c_i) (c_i - a_i)| dt
    smooth ECE  = the sigma at which smECE_sigma = sigma

K_sigma is a Gaussian of standard deviation sigma, reflected at 0 and at 1. smECE_sigma falls as sigma rises, so there
is one such sigma. On a fine grid a reflected Gaussian is a factor exp(-(pi k sigma)^2 / 2) of the k-th cosine.

Source: Blasiok and Nakkiran, "Smooth ECE: Principled Reliability Diagrams via Kernel Smoothing", ICLR 2024,
https://arxiv.org/abs/2309.12236, section 3.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.calibration.top_label import bin_index

GRID = 2**13  # cells of [0, 1]
NEARLY_0 = 1e-12  # an error below it is rounding


def smooth_ece(confidence: Tensor, correct: Tensor) -> float:
    """The calibration error that needs no bins: gaps smoothed as widely as they are large.

    Args:
        confidence: (N,) float in [0, 1], N at least 1.
        correct: (N,) bool, or numbers 0 and 1.

    Returns:
        A float in [0, 1].

    Raises:
        ValueError: If the shapes do not fit.
        CourseError: If a confidence is NaN or outside [0, 1].

    Example:
        >>> smooth_ece(torch.tensor([1.0, 1.0]), torch.tensor([1, 1]))
        0.0
        >>> round(smooth_ece(torch.full((4,), 0.9), torch.tensor([1, 0, 1, 0])), 3)  # one gap: nothing cancels
        0.4
    """
    from scipy.fft import dct, idct
    from scipy.optimize import brentq

    if confidence.ndim != 1 or confidence.shape != correct.shape or len(confidence) == 0:
        shapes = f"confidence {tuple(confidence.shape)}, correct {tuple(correct.shape)}"
        raise ValueError(f"confidence and correct must both be (N,), N at least 1, got {shapes}")
    bin_index(confidence, 1)  # refuses what is no probability
    residual = _on_grid(confidence.double().cpu(), correct.double().cpu()).numpy()
    waves, frequency = dct(residual, norm="ortho"), np.pi * np.arange(GRID)

    def excess(sigma: float) -> float:
        smoothed: Any = idct(waves * np.exp(-((frequency * sigma) ** 2) / 2), norm="ortho")
        return float(np.abs(smoothed).sum()) - sigma

    if excess(NEARLY_0) <= 0:
        return 0.0
    if excess(1.0) >= 0:  # sure and wrong, always
        return 1.0
    root: Any = brentq(excess, NEARLY_0, 1.0, xtol=1e-12)
    return root


def _on_grid(confidence: Tensor, correct: Tensor) -> Tensor:
    """(GRID,): confidence minus correctness, shared between the two cells whose middles are nearest, over N."""
    place = confidence * GRID - 0.5
    lower = place.floor()
    upper_share, residual = place - lower, (confidence - correct) / len(confidence)
    cells = torch.zeros(GRID, dtype=torch.float64)
    for cell, share in ((lower, 1 - upper_share), (lower + 1, upper_share)):
        cells += torch.bincount(cell.long().clamp(0, GRID - 1), residual * share, minlength=GRID)
    return cells
