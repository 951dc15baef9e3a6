"""top_label: does a model that is 80 % sure answer right 8 times out of 10?

Confidence c is the largest probability, a is 1 where the answer is right. Images are sorted into M equal bins of
confidence; bin m holds n_m of N images, its gap is their mean confidence minus their accuracy.

    ECE         = sum_m n_m/N |gap_m|            = over + under
    over        = sum_m n_m/N max(gap_m, 0)      under = sum_m n_m/N max(-gap_m, 0)
    OE          = sum_m n_m/N conf_m max(gap_m, 0)
    MCE         = max_m |gap_m|
    signed gap  = mean(c) - mean(a)              positive when overconfident; |signed gap| <= ECE

A confidence on an edge belongs to the lower bin, (lo, hi]; the first bin is closed at 0; empty bins count nothing. ECE
alone hides the direction, and OE alone is 0 for any underconfident model: read them together.

Sources: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017,
https://arxiv.org/abs/1706.04599, sections 2 and 3 (ECE, MCE); Thulasidasan, Chennupati, Bilmes, Bhattacharya and
Michalak, "On Mixup Training", NeurIPS 2019, https://arxiv.org/abs/1905.11001, section 3 (OE).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.errors import CourseError

N_BINS = 15


class ReliabilityBins(NamedTuple):
    """What happened in each bin of confidence.

    Attributes:
        count: (n_bins,) int64. Images in the bin.
        confidence: (n_bins,) float64. Their mean confidence; 0 in an empty bin.
        accuracy: (n_bins,) float64. Share of right answers; 0 in an empty bin.
    """

    count: Tensor  # pyright: ignore[reportIncompatibleMethodOverride]
    confidence: Tensor
    accuracy: Tensor

    @property
    def weight(self) -> Tensor:
        """(n_bins,) float64. Share of all images."""
        return self.count.double() / self.count.sum()

    @property
    def gap(self) -> Tensor:
        """(n_bins,) float64. Mean confidence minus accuracy."""
        return self.confidence - self.accuracy


def bin_index(confidence: Tensor, n_bins: int = N_BINS) -> Tensor:
    """The bin of each confidence: (lo, hi], the first closed at 0, edges k/n_bins in float64.

    Args:
        confidence: (N,) float in [0, 1].
        n_bins: At least 1.

    Returns:
        (N,) int64 in ``0..n_bins - 1``.

    Raises:
        ValueError: If ``n_bins`` is below 1.
        CourseError: If a confidence is NaN or outside [0, 1].

    Example:
        >>> bin_index(torch.tensor([0.0, 0.25, 0.2501, 1.0]), n_bins=4).tolist()
        [0, 0, 1, 3]
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    outside = ~((confidence >= 0) & (confidence <= 1))
    if outside.any():
        first = int(outside.nonzero()[0])
        raise CourseError(f"confidence {float(confidence[first])} at place {first} is no probability in [0, 1]")
    inner_edges = torch.arange(1, n_bins, dtype=torch.float64, device=confidence.device) / n_bins
    return torch.bucketize(confidence.double().contiguous(), inner_edges)


def reliability_bins(confidence: Tensor, correct: Tensor, n_bins: int = N_BINS) -> ReliabilityBins:
    """Count, mean confidence and accuracy of each bin.

    Args:
        confidence: (N,) float in [0, 1], N at least 1.
        correct: (N,) bool, or numbers 0 and 1.
        n_bins: At least 1.

    Returns:
        Three (n_bins,) tensors.

    Raises:
        ValueError: If the shapes do not fit, or there is no image or no bin.
        CourseError: If a confidence is NaN or outside [0, 1].

    Example:
        >>> bins = reliability_bins(torch.tensor([0.875, 0.625]), torch.tensor([True, False]), n_bins=2)
        >>> bins.count.tolist(), bins.confidence.tolist(), bins.accuracy.tolist()
        ([0, 2], [0.0, 0.75], [0.0, 0.5])
    """
    if confidence.ndim != 1 or confidence.shape != correct.shape or len(confidence) == 0:
        shapes = f"confidence {tuple(confidence.shape)}, correct {tuple(correct.shape)}"
        raise ValueError(f"confidence and correct must both be (N,), N at least 1, got {shapes}")
    index = bin_index(confidence, n_bins)
    count = torch.bincount(index, minlength=n_bins)
    filled = count.clamp_min(1)
    mean_confidence = torch.bincount(index, weights=confidence.double(), minlength=n_bins) / filled
    share_right = torch.bincount(index, weights=correct.double(), minlength=n_bins) / filled
    return ReliabilityBins(count, mean_confidence, share_right)


def expected_calibration_error(confidence: Tensor, correct: Tensor, n_bins: int = N_BINS) -> float:
    """Mean absolute gap between confidence and accuracy, bin by bin; a float in [0, 1].

    Arguments and errors are those of ``reliability_bins``, here and below.

    Example:
        >>> expected_calibration_error(torch.tensor([0.75, 0.75, 0.25]), torch.tensor([1, 0, 0]))  # 2/3 1/4 + 1/3 1/4
        0.25
    """
    bins = reliability_bins(confidence, correct, n_bins)
    return (bins.weight * bins.gap.abs()).sum().item()


def signed_gap(confidence: Tensor, correct: Tensor) -> float:
    """Mean confidence minus accuracy; a float in [-1, 1], positive when the model is overconfident.

    Example:
        >>> signed_gap(torch.tensor([0.75, 0.75]), torch.tensor([True, False]))
        0.25
    """
    return (confidence.double().mean() - correct.double().mean()).item()


def overconfidence_error(confidence: Tensor, correct: Tensor, n_bins: int = N_BINS) -> float:
    """Overconfidence, weighted by the confidence at which it happens; a float in [0, 1].

    Example:
        >>> round(overconfidence_error(torch.full((2,), 0.9), torch.tensor([True, False])), 6)  # 0.9 * (0.9 - 0.5)
        0.36
    """
    bins = reliability_bins(confidence, correct, n_bins)
    return (bins.weight * bins.confidence * bins.gap.clamp_min(0)).sum().item()


def maximum_calibration_error(confidence: Tensor, correct: Tensor, n_bins: int = N_BINS) -> float:
    """Largest absolute gap of any bin that holds an image; a float in [0, 1].

    Example:
        >>> maximum_calibration_error(torch.tensor([0.75, 0.25]), torch.tensor([True, True]))
        0.75
    """
    return reliability_bins(confidence, correct, n_bins).gap.abs().max().item()
