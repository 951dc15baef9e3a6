"""measures: every number about one set of predictions, in one pass over its rows.

With m the largest logit of a row, e_k = exp(z_k - m) and s = sum_k e_k, one exponential per logit is enough:

    confidence = 1 / s          -log p_y = m - z_y + log s
    sum_k (p_k - 1[k = y])^2 = sum_k e_k^2 / s^2 - 2 e_y / s + 1
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.calibration.top_label import N_BINS, reliability_bins
from course_lib.predictions import check_logits, exponentials


@dataclass(frozen=True)
class Measures:
    """Every number about one set of predictions; accuracy and gaps are fractions, losses nats.

    Attributes:
        accuracy: In [0, 1].
        nll: Negative log-likelihood, at least 0.
        brier: In [0, 2].
        ece: In [0, 1]; ``ece_over + ece_under``.
        signed_gap: In [-1, 1], positive when overconfident.
        ece_over: The part of ECE from bins that are too sure.
        ece_under: The part of ECE from bins that are not sure enough.
        overconfidence_error: At most ``ece_over``.
        mce: In [0, 1]; ruled by the emptiest bins.
        n: Images.
        classes: K.
    """

    accuracy: float
    nll: float
    brier: float
    ece: float
    signed_gap: float
    ece_over: float
    ece_under: float
    overconfidence_error: float
    mce: float
    n: int
    classes: int


def measure(logits: Tensor, labels: Tensor, n_bins: int = N_BINS) -> Measures:
    """Every number about one set of predictions.

    Args:
        logits: (N, K) float.
        labels: (N,) int64.
        n_bins: Bins of confidence.

    Returns:
        The numbers.

    Raises:
        CourseError: If the arrays cannot be predictions.

    Example:
        >>> found = measure(torch.zeros(4, 2), torch.tensor([0, 0, 0, 1]))  # 1/2 sure, 3/4 right
        >>> found.accuracy, found.brier, found.signed_gap, found.ece_under
        (0.75, 0.5, -0.25, 0.25)
    """
    check_logits(logits, labels)
    nll = brier = 0.0
    confidences, answers = [], []
    for rows, largest, scaled, total in exponentials(logits):
        own = labels[rows, None]
        own_logit = logits[rows].gather(1, own).squeeze(1).double()
        nll += (largest - own_logit + total.log()).sum().item()
        of_own = scaled.gather(1, own).squeeze(1) / total
        squares = scaled.square_().sum(dim=1)
        brier += (squares / total.square() - 2 * of_own + 1).sum().item()
        confidences.append(1 / total)
        answers.append(logits[rows].argmax(dim=1) == labels[rows])
    confidence, correct = torch.cat(confidences), torch.cat(answers)
    bins = reliability_bins(confidence, correct, n_bins)
    over = (bins.weight * bins.gap.clamp_min(0)).sum().item()
    under = (bins.weight * (-bins.gap).clamp_min(0)).sum().item()
    right = correct.double().mean().item()
    return Measures(
        accuracy=right,
        nll=nll / len(labels),
        brier=brier / len(labels),
        ece=over + under,
        signed_gap=confidence.mean().item() - right,
        ece_over=over,
        ece_under=under,
        overconfidence_error=(bins.weight * bins.confidence * bins.gap.clamp_min(0)).sum().item(),
        mce=bins.gap.abs().max().item(),
        n=len(labels),
        classes=logits.shape[1],
    )
