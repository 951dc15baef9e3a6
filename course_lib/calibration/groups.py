"""groups: calibration of each class, or of each bin of lambda, where that of all images together hides it."""

from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.calibration.top_label import N_BINS, bin_index


class GroupReliability(NamedTuple):
    """Calibration of groups of images: of each class, or of each bin of lambda.

    Attributes:
        count: (G,) int64. Images in the group.
        confidence: (G,) float64. Their mean confidence; NaN in an empty group, as below.
        accuracy: (G,) float64. Their mean correctness.
        ece: (G,) float64. Their ECE.
    """

    count: Tensor  # pyright: ignore[reportIncompatibleMethodOverride]
    confidence: Tensor
    accuracy: Tensor
    ece: Tensor

    @property
    def signed_gap(self) -> Tensor:
        """(G,) float64. Mean confidence minus accuracy."""
        return self.confidence - self.accuracy


def by_group(
    confidence: Tensor, correct: Tensor, group: Tensor, n_groups: int, n_bins: int = N_BINS
) -> GroupReliability:
    """Calibration of each group of images.

    Args:
        confidence: (N,) float in [0, 1].
        correct: (N,) bool, or numbers in [0, 1]: of a mixed image, the target mass of the class that was answered.
        group: (N,) int64 in ``0..n_groups - 1``: labels, answers, or bins of lambda.
        n_groups: G.
        n_bins: Bins of confidence in each group.

    Returns:
        Four (G,) tensors.

    Raises:
        ValueError: If the shapes do not fit, or a group is none of ``0..n_groups - 1``.
        CourseError: If a confidence is NaN or outside [0, 1].

    Example:
        >>> confidence, correct = torch.tensor([0.9, 0.9, 0.5]), torch.tensor([1, 0, 1])
        >>> found = by_group(confidence, correct, group=torch.tensor([0, 0, 1]), n_groups=2)
        >>> found.count.tolist(), found.ece
        ([2, 1], tensor([0.4000, 0.5000], dtype=torch.float64))
    """
    if confidence.ndim != 1 or not confidence.shape == correct.shape == group.shape:
        shapes = ", ".join(str(tuple(each.shape)) for each in (confidence, correct, group))
        raise ValueError(f"confidence, correct and group must all be (N,), got {shapes}")
    outside = (group < 0) | (group >= n_groups)
    if outside.any():
        first = int(outside.nonzero()[0])
        raise ValueError(f"group {int(group[first])} at place {first} is none of 0..{n_groups - 1}")
    place = group * n_bins + bin_index(confidence, n_bins)
    shape, cells = (n_groups, n_bins), n_groups * n_bins
    weights = (None, confidence.double(), correct.double())
    count, sure, right = (torch.bincount(place, each, minlength=cells).view(shape) for each in weights)
    size = count.sum(dim=1)
    return GroupReliability(
        count=size,
        confidence=sure.sum(dim=1) / size,
        accuracy=right.sum(dim=1) / size,
        ece=(sure - right).abs().sum(dim=1) / size,
    )
