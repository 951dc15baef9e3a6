"""variants: the errors that are also called ECE, each by its own name.

    adaptive    the same sum over bins of equal counts instead of equal widths
    classwise   (1/K) sum_k sum_m |sum of p_k - 1[y = k] over bin m of p_k| / N       every class's probability
    debiased    sqrt(max(0, sum_m n_m/N [gap_m^2 - acc_m (1 - acc_m) / (n_m - 1)]))   L2, equal counts, no bias
    smooth      the sigma at which  integral |mean_i K_sigma(t, c_i) (c_i - a_i)| dt = sigma        no bins at all

K_sigma is a Gaussian of standard deviation sigma, reflected at 0 and at 1. The integral falls as sigma rises, so there
is one such sigma. On a fine grid a reflected Gaussian is a factor exp(-(pi k sigma)^2 / 2) of the k-th cosine.

Sources: Nguyen and O'Connor, "Posterior calibration and exploratory analysis", EMNLP 2015,
https://arxiv.org/abs/1508.05154, section 3 (equal counts); Kull et al., "Beyond temperature scaling", NeurIPS 2019,
https://arxiv.org/abs/1910.12656, definition 4 (classwise); Kumar, Liang and Ma, "Verified Uncertainty Calibration",
NeurIPS 2019, https://arxiv.org/abs/1909.10155, section 4 (debiased); Blasiok and Nakkiran, "Smooth ECE", ICLR 2024,
https://arxiv.org/abs/2309.12236, section 3 (smooth).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.calibration.measures import exponentials
from course_lib.calibration.top_label import N_BINS, bin_index
from course_lib.predictions import check_logits

GRID = 2**13  # cells of [0, 1] for the smooth error
NEARLY_0 = 1e-12  # a smooth error below it is rounding


def equal_mass_index(confidence: Tensor, n_bins: int = N_BINS) -> Tensor:
    """The bin of each confidence when bins hold equally many images.

    Confidences are sorted and cut as ``numpy.array_split`` does; equal ones all join the bin of the first of them.

    Args:
        confidence: (N,) float in [0, 1].
        n_bins: At least 1.

    Returns:
        (N,) int64 in ``0..n_bins - 1``.

    Example:
        >>> equal_mass_index(torch.tensor([0.9, 0.5, 0.5, 0.7]), n_bins=3).tolist()
        [2, 0, 0, 1]
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    n = len(confidence)
    sizes = torch.full((n_bins,), n // n_bins) + (torch.arange(n_bins) < n % n_bins)
    of_place = torch.arange(n_bins).repeat_interleave(sizes).to(confidence.device)
    ordered = confidence.sort().values
    return of_place[torch.searchsorted(ordered, confidence.contiguous())]


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


def classwise_ece(logits: Tensor, labels: Tensor, n_bins: int = N_BINS) -> float:
    """Mean over classes of the ECE of each class's own probability.

    Args:
        logits: (N, K) float.
        labels: (N,) int64.
        n_bins: Bins of equal width.

    Returns:
        A float in [0, 2/K]: small wherever there are many classes.

    Example:
        >>> classwise_ece(torch.zeros(4, 2), torch.tensor([0, 0, 0, 1]))  # both classes: said 1/2, seen 3/4 and 1/4
        0.25
    """
    check_logits(logits, labels)
    classes = logits.shape[1]
    cells = classes * n_bins
    said, seen = torch.zeros(2, cells, dtype=torch.float64, device=logits.device)  # of each class and bin
    total = torch.zeros(classes, dtype=torch.float64, device=logits.device)
    for rows, _, scaled, norm in exponentials(logits):
        probs = scaled.div_(norm[:, None])
        total += probs.sum(dim=0)
        row, of_class = (probs > 1 / n_bins).nonzero(as_tuple=True)  # at most n_bins - 1 a row
        values = probs[row, of_class]
        said += torch.bincount(of_class * n_bins + bin_index(values, n_bins), values, minlength=cells)
        own = probs.gather(1, labels[rows, None]).squeeze(1)
        seen += torch.bincount(labels[rows] * n_bins + bin_index(own, n_bins), minlength=cells)
    said, seen = said.view(classes, n_bins), seen.view(classes, n_bins)
    said[:, 0] = total - said.sum(dim=1)  # all others lie in the first bin
    return (said - seen).abs().sum().item() / len(labels) / classes


def smooth_ece(confidence: Tensor, correct: Tensor) -> float:
    """The calibration error that needs no bins: gaps smoothed as widely as they are large.

    Args:
        confidence: (N,) float in [0, 1], N at least 1.
        correct: (N,) bool, or numbers 0 and 1.

    Returns:
        A float in [0, 1].

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


@dataclass(frozen=True)
class Variants:
    """The errors that are also called ECE; each in [0, 1].

    Attributes:
        adaptive_ece: Bins of equal counts.
        classwise_ece: Every class's probability, mean over classes.
        debiased_l2: Root mean square gap without its bias.
        smooth_ece: Without bins.
    """

    adaptive_ece: float
    classwise_ece: float
    debiased_l2: float
    smooth_ece: float


def measure_variants(logits: Tensor, labels: Tensor, n_bins: int = N_BINS) -> Variants:
    """Every variant of one set of predictions; (N, K) and (N,) to numbers."""
    check_logits(logits, labels)
    confidence = torch.cat([1 / total for _, _, _, total in exponentials(logits)])
    correct = logits.argmax(dim=1) == labels
    return Variants(
        adaptive_ece=adaptive_ece(confidence, correct, n_bins),
        classwise_ece=classwise_ece(logits, labels, n_bins),
        debiased_l2=debiased_l2(confidence, correct, n_bins),
        smooth_ece=smooth_ece(confidence, correct),
    )
