"""ece: how far an ECE could be off.

ECE adds up absolute values of noisy gaps, so its plug-in value lies too high, by an amount b that is unknown but
bounded,

    0 <= b <= B,    B = sum_m w_m sigma_m sqrt(2/pi)         sigma_m: standard error of the gap of bin m, weight w_m

(noise of standard deviation s adds at most s sqrt(2/pi) to an absolute value, and least to a large one). The interval
reaches as far as that bias can: from ``plug-in - B - t se`` to ``plug-in + t se``. It is wide where images are few,
which is the truth: with 500 images a perfectly calibrated model shows an ECE of several percent.

Sources: the bounded-bias interval follows Armstrong and Kolesar, "Simple and honest confidence intervals", Quantitative
Economics 2020, https://arxiv.org/abs/1606.01200; the bias of ECE, Brocker, "Estimating reliability and resolution of
probability forecasts", 2012, https://doi.org/10.1007/s00382-011-1191-1; the added answers, Agresti and Coull,
"Approximate is better than exact", The American Statistician 1998, https://doi.org/10.1080/00031305.1998.10480550. The
construction for ECE is ours.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.calibration import N_BINS, bin_index
from course_lib.intervals.mean import Interval, t_quantile


@dataclass(frozen=True)
class BinSums:
    """Sums over the images of each bin, of one test set or of several; each (..., n_bins) float64."""

    count: Tensor
    residual: Tensor  # confidence minus correct
    squared: Tensor  # its square
    calibrated: Tensor  # confidence (1 - confidence), the variance of a calibrated answer
    right: Tensor

    @property
    def weight(self) -> Tensor:
        """Share of the images of its set."""
        return self.count / self.count.sum(-1, keepdim=True)

    @property
    def filled(self) -> Tensor:
        """Count, and 1 where there is none, to divide by."""
        return self.count.clamp_min(1)

    @property
    def gap(self) -> Tensor:
        """Mean confidence minus accuracy."""
        return self.residual / self.filled

    @property
    def variance(self) -> Tensor:
        """Variance of a residual in its bin, as it was seen."""
        return (self.squared / self.filled - self.gap**2).clamp_min(0)

    @property
    def doubted(self) -> Tensor:
        """Variance of a residual in its bin, where an answer more could always have been wrong, or right.

        A bin without an error is not free of noise: Agresti and Coull add 2 right and 2 wrong answers.
        """
        share_right = (self.right + 2) / (self.count + 4)
        return torch.maximum(self.variance, share_right * (1 - share_right))

    @property
    def bias(self) -> Tensor:
        """How much of each bin's share of the ECE may be noise.

        The bias is largest where the true gap is 0, so the variance is at least that of calibrated answers.
        """
        variance = torch.maximum(self.variance, self.calibrated / self.filled)
        return self.weight * (variance / self.filled).sqrt() * math.sqrt(2 / math.pi)


def bin_sums(place: Tensor, confidence: Tensor, correct: Tensor, bins: int) -> BinSums:
    """Sums over the images of each place; three (N,) tensors, places in ``0..bins - 1``."""
    confidence, right = confidence.double(), correct.double()
    residual = confidence - right
    summed = (torch.ones_like(right), residual, residual**2, confidence * (1 - confidence), right)
    return BinSums(*(torch.bincount(place, weights=each, minlength=bins) for each in summed))


def ece_interval(confidence: Tensor, correct: Tensor, n_bins: int = N_BINS) -> Interval:
    """The ECE of one model, and how far off it may be.

    Args:
        confidence: (N,) float in [0, 1], N at least 2.
        correct: (N,) bool.
        n_bins: Bins of confidence.

    Returns:
        The plug-in value and an interval for the ECE that endless images would show in the same bins.

    Raises:
        ValueError: If the arrays do not pair, or hold fewer than 2 images.
    """
    if confidence.ndim != 1 or confidence.shape != correct.shape or len(confidence) < 2:
        shapes = f"confidence {tuple(confidence.shape)}, correct {tuple(correct.shape)}"
        raise ValueError(f"confidence and correct must both be (N,), N at least 2, got {shapes}")
    sums = bin_sums(bin_index(confidence, n_bins), confidence, correct, n_bins)
    return Interval(*(end.item() for end in ece_and_ends(sums)))


def ece_and_ends(sums: BinSums) -> tuple[Tensor, Tensor, Tensor]:
    """Plug-in ECE of each test set, and the ends of its interval; each (...)."""
    n = int(sums.count.sum(-1).max())
    ece = (sums.weight * sums.gap.abs()).sum(-1)
    spread = (sums.weight * (sums.doubted + sums.gap**2)).sum(-1) - ece**2  # within bins, and between them
    half = t_quantile(n - 1) * (spread / (n - 1)).sqrt()
    return ece, (ece - sums.bias.sum(-1) - half).clamp_min(0), ece + half
