"""variants: all errors that are also called ECE, of one set of predictions, in one pass over its rows."""

from dataclasses import dataclass

from torch import Tensor

from course_lib.calibration.classwise import confidence_and_classwise
from course_lib.calibration.equal_mass import adaptive_ece, debiased_l2
from course_lib.calibration.smooth import smooth_ece
from course_lib.calibration.top_label import N_BINS
from course_lib.predictions import check_logits


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
    """Every variant of one set of predictions.

    Args:
        logits: (N, K) float.
        labels: (N,) int64.
        n_bins: Bins, where there are bins.

    Returns:
        The numbers.

    Raises:
        CourseError: If the arrays cannot be predictions.

    Example:
        >>> import torch
        >>> found = measure_variants(torch.zeros(4, 2), torch.tensor([0, 0, 0, 1]))  # 1/2 sure, 3/4 right
        >>> found.adaptive_ece, found.classwise_ece, round(found.smooth_ece, 6)
        (0.25, 0.25, 0.25)
    """
    check_logits(logits, labels)
    confidence, classwise = confidence_and_classwise(logits, labels, n_bins)
    correct = logits.argmax(dim=1) == labels
    return Variants(
        adaptive_ece=adaptive_ece(confidence, correct, n_bins),
        classwise_ece=classwise,
        debiased_l2=debiased_l2(confidence, correct, n_bins),
        smooth_ece=smooth_ece(confidence, correct),
    )
