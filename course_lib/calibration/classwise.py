"""classwise: the calibration of every class's own probability, not only of the answer.

    classwise ECE = 1/K sum_k sum_m |sum over bin m of p_k of (p_k - 1[y = k])| / N

Most probabilities are near 0. Those up to the first edge are not sorted: their bin is all that the others are not.

Source: Kull, Perello Nieto, Kangsepp, Silva Filho, Song and Flach, "Beyond temperature scaling", NeurIPS 2019,
https://arxiv.org/abs/1910.12656, definition 4.
"""

import torch
from torch import Tensor

from course_lib.calibration.top_label import N_BINS, bin_index
from course_lib.predictions import check_logits, exponentials


def classwise_ece(logits: Tensor, labels: Tensor, n_bins: int = N_BINS) -> float:
    """Mean over classes of the ECE of each class's own probability.

    Args:
        logits: (N, K) float.
        labels: (N,) int64.
        n_bins: Bins of equal width, at least 1, with edges as in ``bin_index``.

    Returns:
        A float in [0, 2/K]: small wherever there are many classes.

    Raises:
        CourseError: If the arrays cannot be predictions.

    Example:
        >>> classwise_ece(torch.zeros(4, 2), torch.tensor([0, 0, 0, 1]))  # both classes: said 1/2, seen 3/4 and 1/4
        0.25
    """
    check_logits(logits, labels)
    return confidence_and_classwise(logits, labels, n_bins)[1]


def confidence_and_classwise(logits: Tensor, labels: Tensor, n_bins: int) -> tuple[Tensor, float]:
    """The largest probability of each row, (N,) float64, and the classwise error; nothing is checked."""
    classes = logits.shape[1]
    cells = classes * n_bins
    said, seen = torch.zeros(2, cells, dtype=torch.float64, device=logits.device)  # of each class and bin
    whole = torch.zeros(classes, dtype=torch.float64, device=logits.device)
    confidences = []
    for rows, _, scaled, total in exponentials(logits):
        confidences.append(1 / total)
        probs = scaled.div_(total[:, None])
        whole += probs.sum(dim=0)
        row, of_class = (probs > 1 / n_bins).nonzero(as_tuple=True)  # at most n_bins - 1 a row
        values = probs[row, of_class]
        said += torch.bincount(of_class * n_bins + bin_index(values, n_bins), values, minlength=cells)
        own = probs.gather(1, labels[rows, None]).squeeze(1)
        seen += torch.bincount(labels[rows] * n_bins + bin_index(own, n_bins), minlength=cells)
    said, seen = said.view(classes, n_bins), seen.view(classes, n_bins)
    said[:, 0] = whole - said.sum(dim=1)  # all others lie in the first bin
    return torch.cat(confidences), (said - seen).abs().sum().item() / len(labels) / classes
