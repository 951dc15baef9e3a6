"""equal_mass: calibration errors over bins that hold equally many images.

    adaptive    sum_m n_m/N |gap_m|
    debiased    sqrt(max(0, sum_m n_m/N [gap_m^2 - acc_m (1 - acc_m) / (n_m - 1)]))

The gap of a bin is its mean confidence minus its accuracy. The term in the second is what chance adds to a squared gap.

Sources: Nguyen and O'Connor, "Posterior calibration and exploratory analysis", EMNLP 2015,
https://arxiv.org/abs/1508.05154, section 3 (equal counts); Kumar, Liang and Ma, "Verified Uncertainty Calibration",
NeurIPS 2019, https://arxiv.org/abs/1909.10155, section 4 (debiased).
"""

import torch
from torch import Tensor

from course_lib.calibration.top_label import N_BINS, bin_index


def equal_mass_index(confidence: Tensor, n_bins: int = N_BINS) -> Tensor:
    """The bin of each confidence when bins hold equally many images.

    Confidences are sorted and cut as ``numpy.array_split`` does; equal ones all join the bin of the first of them.

    Args:
        confidence: (N,) float in [0, 1], N at least 1.
        n_bins: At least 1; where there are fewer images than bins, the last bins stay empty.

    Returns:
        (N,) int64 in ``0..n_bins - 1``.

    Raises:
        ValueError: If ``n_bins`` is below 1.

    Example:
        >>> equal_mass_index(torch.tensor([0.9, 0.5, 0.5, 0.7]), n_bins=3).tolist()
        [2, 0, 0, 1]
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    n = len(confidence)
    sizes = torch.full((n_bins,), n // n_bins) + (torch.arange(n_bins) < n % n_bins)
    last_places = sizes.cumsum(0)[:-1].to(confidence.device) - 1
    edges = confidence.sort().values[last_places]  # a bin reaches to the last confidence in it, (lo, hi]
    return torch.bucketize(confidence.contiguous(), edges)


def adaptive_ece(confidence: Tensor, correct: Tensor, n_bins: int = N_BINS) -> float:
    """ECE over bins of equal counts.

    Args:
        confidence: (N,) float in [0, 1], N at least 1.
        correct: (N,) bool, or numbers 0 and 1.
        n_bins: At least 1; where there are fewer images than bins, the last bins stay empty.

    Returns:
        A float in [0, 1].

    Raises:
        ValueError: If the shapes do not fit.
        CourseError: If a confidence is NaN or outside [0, 1].

    Example:
        >>> adaptive_ece(torch.tensor([0.5, 0.5, 0.75, 1.0]), torch.tensor([1, 0, 1, 1]), n_bins=2)  # gaps 0 and 1/8
        0.0625
    """
    residual, _, _ = _equal_mass_sums(confidence, correct, n_bins)
    return residual.abs().sum().item() / len(confidence)


def debiased_l2(confidence: Tensor, correct: Tensor, n_bins: int = N_BINS) -> float:
    """Root mean square gap over bins of equal counts, freed of the bias that few images add.

    Args:
        confidence: (N,) float in [0, 1], N at least 1.
        correct: (N,) bool, or numbers 0 and 1.
        n_bins: At least 1. A bin of one image tells no gap from noise and is left out.

    Returns:
        A float in [0, 1]; 0 where noise explains the gaps.

    Raises:
        ValueError: If the shapes do not fit.
        CourseError: If a confidence is NaN or outside [0, 1].

    Example:
        >>> right = torch.tensor([1, 0, 1, 1, 1])
        >>> round(debiased_l2(torch.ones(5), right, n_bins=1), 6)  # sqrt(0.2^2 - 0.8 * 0.2 / 4): noise explains it
        0.0
    """
    residual, count, right = _equal_mass_sums(confidence, correct, n_bins)
    several = count > 1
    residual, count, right = residual[several], count[several].double(), right[several]
    share = right / count
    squared = (residual / count).square() - share * (1 - share) / (count - 1)
    return max(0.0, (count / len(confidence) * squared).sum().item()) ** 0.5


def _equal_mass_sums(confidence: Tensor, correct: Tensor, n_bins: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of each bin of equal counts: confidence minus correctness, images, right answers; each summed, (n_bins,)."""
    if confidence.ndim != 1 or confidence.shape != correct.shape or len(confidence) == 0:
        shapes = f"confidence {tuple(confidence.shape)}, correct {tuple(correct.shape)}"
        raise ValueError(f"confidence and correct must both be (N,), N at least 1, got {shapes}")
    bin_index(confidence, 1)  # refuses what is no probability
    place, right = equal_mass_index(confidence, n_bins), correct.double()
    residual = torch.bincount(place, confidence.double() - right, minlength=n_bins)
    return residual, torch.bincount(place, minlength=n_bins), torch.bincount(place, right, minlength=n_bins)
