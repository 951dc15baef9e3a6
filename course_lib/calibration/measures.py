"""measures: every number about one set of predictions, in one pass over its rows.

With m the largest logit of a row, e_k = exp(z_k - m) and s = sum_k e_k, one exponential per logit is enough:

    confidence = 1 / s          -log p_y = m - z_y + log s
    sum_k (p_k - 1[k = y])^2 = sum_k e_k^2 / s^2 - 2 e_y / s + 1
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.calibration.top_label import N_BINS, reliability_bins
from course_lib.predictions import check_logits, slices


def exponentials(logits: Tensor) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
    """Slices of rows with what softmax is made of, in float64.

    Yields:
        The rows; their logits below the largest, (n, K); the exponentials of these, (n, K); and their sums, (n,).
    """
    for rows in slices(logits):
        part = logits[rows].double()
        centred = part - part.amax(dim=1, keepdim=True)
        scaled = centred.exp()
        yield rows, centred, scaled, scaled.sum(dim=1)


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
    """
    check_logits(logits, labels)
    nll = brier = 0.0
    confidences, answers = [], []
    for rows, centred, scaled, total in exponentials(logits):
        own = labels[rows, None]
        nll += (total.log() - centred.gather(1, own).squeeze(1)).sum().item()
        of_own = scaled.gather(1, own).squeeze(1) / total
        brier += (scaled.square().sum(dim=1) / total.square() - 2 * of_own + 1).sum().item()
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
