"""vicinal: what a model does between two images.

A mixed image x = lam x_i + (1 - lam) x_j lies between two real ones. With p the model's prediction there,

    linear      q = lam p(x_i) + (1 - lam) p(x_j)           what a perfectly linear model would say
    L_NL        = KL(q || p)                                 0 for it, and for any model that is constant
    JS form     = JS(q, p)                                   the same in [0, log 2]
    normalised  = L_NL / H(q)                                per nat of uncertainty that linearity would show

The entropy of p splits, by the chain rule, along the pair S = {y_i, y_j}, with m = sum_{k in S} p_k:

    H(p) = within_pair + leak + off_pair = m H(p|S) + h2(m) + (1 - m) H(p|not S)

    confusion   = (1 - m) - [lam (1 - m_i) + (1 - lam) (1 - m_j)]      off-pair mass above its level on the clean images
    structure   = 1 - JS(p|not S, q_ij|not S) / log 2                  does the rest still look like dark knowledge?

where m_i, m_j are the pair's mass on the two clean images, and q_ij = lam P_a + (1 - lam) P_b with P_c the model's mean
prediction for clean images of class c. A flatter model tends to a smaller L_NL: compare models at equal temperature or
entropy (``temperature.temperature_for_entropy``) before calling one more linear.

L_NL is the measure of arXiv 2606.12171, as its authors compute it. Confusion, structure and the split are our
definitions: the paper's own formula is not known to us.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_lib.dark_knowledge import entropy
from course_lib.mixup import mix

LAMBDA_BINS = 20
PEAK = (0.45, 0.55)  # the middle, where two images are mixed most


@dataclass(frozen=True)
class Pairs:
    """Which images are mixed, and how.

    Attributes:
        first: (P,) int64. Places of the images themselves.
        second: (P,) int64. Places of their partners.
        lam: (P,) float64 in [0, 1]. Weight of the first.
    """

    first: Tensor
    second: Tensor
    lam: Tensor


def draw_pairs(labels: Tensor, rounds: int, rng: np.random.Generator, *, cross_class: bool = True) -> Pairs:
    """Pair every image with others, each time with a lambda from U(0, 1).

    Args:
        labels: (N,) int64, of at least two classes where ``cross_class``.
        rounds: Pairs per image.
        rng: Where the randomness comes from; it is advanced.
        cross_class: Whether partners are of another class; else any image may be the partner, even the same.

    Returns:
        ``rounds * N`` pairs.

    Raises:
        ValueError: If a partner of another class is wanted and there is none.

    Example:
        >>> pairs = draw_pairs(torch.tensor([0, 0, 1]), rounds=4, rng=np.random.default_rng(0))
        >>> len(pairs.lam), pairs.second[2::3].unique().tolist()
        (12, [0, 1])
    """
    classes: NDArray[np.int64] = labels.cpu().numpy()
    n = len(classes)
    first = np.tile(np.arange(n), rounds)
    if cross_class:
        if (classes == classes[:1]).all():
            raise ValueError("all images are of one class: there are no cross-class pairs")
        order = np.argsort(classes, kind="stable")  # all others stand before or behind the run of one's own class
        start, size = (np.searchsorted(classes[order], classes[first], side=side) for side in ("left", "right"))
        size = size - start
        place = (rng.random(rounds * n) * (n - size)).astype(np.int64)
        second = order[np.where(place < start, place, place + size)]
    else:
        second = rng.integers(0, n, size=rounds * n)
    return Pairs(*(torch.from_numpy(values) for values in (first, second, rng.random(rounds * n))))


def linear_prediction(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    """What a perfectly linear model would say about mixed images.

    Args:
        probs: (N, K) float, predictions on the clean images.
        lam: (N,) float in [0, 1].
        partner: (N,) int64.

    Returns:
        (N, K), rows that sum to 1.

    Example:
        >>> linear_prediction(torch.eye(2), torch.tensor([0.75, 1.0]), torch.tensor([1, 0]))
        tensor([[0.7500, 0.2500],
                [0.0000, 1.0000]])
    """
    return mix(probs, lam, partner)


def vicinal_nonlinearity(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    """L_NL, KL(linear || mixed) of each mixed image.

    Args:
        probs: (N, K) float, predictions on the clean images.
        mixed_probs: (N, K) float > 0, predictions on the mixed images.
        lam: (N,) float in [0, 1].
        partner: (N,) int64.

    Returns:
        (N,) nats, at least 0; rounding is cut off there.

    Example:
        >>> probs = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> vicinal_nonlinearity(probs, torch.full((2, 2), 0.5), torch.tensor([1.0, 0.5]), torch.tensor([1, 0]))
        tensor([0.6931, 0.0000])
    """
    return kl_divergence(linear_prediction(probs, lam, partner), mixed_probs)


def kl_divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(p || q) of each row, (N, K) and (N, K) to (N,) nats; infinite where q is 0 and p is not."""
    log_q = torch.where(p > 0, q.log(), 0.0)
    return (torch.xlogy(p, p) - p * log_q).sum(dim=1).clamp_min(0)


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """Jensen-Shannon divergence of each row, (N, K) and (N, K) to (N,) nats in [0, log 2].

    Source: Lin, "Divergence measures based on the Shannon entropy", 1991, https://doi.org/10.1109/18.61115.

    Example:
        >>> jensen_shannon(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))  # log 2
        tensor([0.6931])
    """
    middle = ((p + q) / 2).clamp_min(torch.finfo(p.dtype).tiny)  # half the smallest number would be 0
    return ((kl_divergence(p, middle) + kl_divergence(q, middle)) / 2).clamp_max(math.log(2))


def normalised_nonlinearity(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    """L_NL per nat of the linear prediction's entropy, (N,); 0 where that entropy is 0."""
    linear = linear_prediction(probs, lam, partner)
    uncertainty = entropy(linear)
    tiny = torch.finfo(probs.dtype).tiny
    return torch.where(uncertainty > 0, kl_divergence(linear, mixed_probs) / uncertainty.clamp_min(tiny), 0.0)


def linearity_gain(
    teacher_probs: Tensor,
    teacher_mixed: Tensor,
    student_probs: Tensor,
    student_mixed: Tensor,
    lam: Tensor,
    partner: Tensor,
) -> float:
    """How much more linear a student is than its teacher: mean L_NL of the teacher minus that of the student.

    Args:
        teacher_probs: (N, K) float, the teacher on the clean images.
        teacher_mixed: (N, K) float > 0, the teacher on the mixed images.
        student_probs: (N, K), the student likewise.
        student_mixed: (N, K) > 0.
        lam: (N,) float in [0, 1].
        partner: (N,) int64.

    Returns:
        A float, in nats, positive when the student is more linear.
    """
    teacher = vicinal_nonlinearity(teacher_probs, teacher_mixed, lam, partner)
    student = vicinal_nonlinearity(student_probs, student_mixed, lam, partner)
    return (teacher.mean() - student.mean()).item()


class EntropySplit(NamedTuple):
    """The entropy of predictions on mixed images, in three parts that sum to it; each (N,) nats.

    Attributes:
        within_pair: m H(p|S): which of the two, the uncertainty that a perfect vicinal labeller has too.
        leak: h2(m): one of the two, or something else?
        off_pair: (1 - m) H(p|not S): which other class.
    """

    within_pair: Tensor
    leak: Tensor
    off_pair: Tensor


def entropy_split(mixed_probs: Tensor, labels: Tensor, partner: Tensor) -> EntropySplit:
    """Split the entropy along the pair that was mixed; ours, exact by the chain rule.

    Args:
        mixed_probs: (N, K) float, predictions on the mixed images.
        labels: (N,) int64.
        partner: (N,) int64. Where both labels agree, the pair is one class.

    Returns:
        Three parts whose sum is the entropy.

    Example:
        >>> parts = entropy_split(torch.tensor([[0.25, 0.25, 0.5], [0.5, 0.5, 0.0]]), *torch.tensor([[0, 1], [1, 0]]))
        >>> [part.div(math.log(2)).tolist() for part in parts]  # in bits: H = 1.5 and 1
        [[0.5, 1.0], [1.0, 0.0], [0.0, 0.0]]
    """
    in_pair = pair_mask(labels, labels[partner], mixed_probs.shape[1])
    pair, rest = (mixed_probs.masked_fill(~mask, 0.0) for mask in (in_pair, ~in_pair))
    m, off = pair.sum(dim=1), rest.sum(dim=1)
    # - sum_{k in S} p_k log(p_k / m): the division is never carried out, so m = 0 is no special case
    within_pair = torch.special.entr(pair).sum(dim=1) + torch.xlogy(m, m)
    off_pair = torch.special.entr(rest).sum(dim=1) + torch.xlogy(off, off)
    leak = torch.special.entr(m) + torch.special.entr(off)
    return EntropySplit(within_pair.clamp_min(0), leak.clamp_min(0), off_pair.clamp_min(0))  # rounding is cut off


def pair_mask(first: Tensor, second: Tensor, num_classes: int) -> Tensor:
    """(N, K) bool: the one or two classes of each pair; ``first`` and ``second`` are (N,) labels."""
    classes = torch.arange(num_classes, device=first.device)
    return (first[:, None] == classes) | (second[:, None] == classes)


def confusion_mass(mixed_probs: Tensor, labels: Tensor, partner: Tensor) -> Tensor:
    """Probability outside the classes that were mixed.

    Args:
        mixed_probs: (N, K) float.
        labels: (N,) int64.
        partner: (N,) int64. Where both labels agree, the pair is one class.

    Returns:
        (N,) in [0, 1].

    Example:
        >>> confusion_mass(torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.5, 0.0]]), *torch.tensor([[0, 1], [1, 0]]))
        tensor([0.2500, 0.0000])
    """
    return mixed_probs.masked_fill(pair_mask(labels, labels[partner], mixed_probs.shape[1]), 0.0).sum(dim=1)


def confusion(probs: Tensor, mixed_probs: Tensor, labels: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    """Off-pair mass above its level on the two clean images; ours.

    Args:
        probs: (N, K) float, predictions on the clean images.
        mixed_probs: (N, K) float, on the mixed ones.
        labels: (N,) int64.
        lam: (N,) float in [0, 1].
        partner: (N,) int64.

    Returns:
        (N,) in [-1, 1]; 0 for a linear model.
    """
    clean_level = confusion_mass(linear_prediction(probs, lam, partner), labels, partner)
    return confusion_mass(mixed_probs, labels, partner) - clean_level


def dark_knowledge_of_classes(probs: Tensor, labels: Tensor) -> Tensor:
    """The mean prediction for clean images of each class.

    Args:
        probs: (N, K) float.
        labels: (N,) int64.

    Returns:
        (K, K): row ``c`` is the mean over images of class ``c``; NaN where there are none.

    Example:
        >>> dark_knowledge_of_classes(torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]), torch.tensor([0, 0, 1]))
        tensor([[0.7500, 0.2500],
                [0.0000, 1.0000]])
    """
    membership = torch.nn.functional.one_hot(labels, probs.shape[1]).to(probs.dtype)
    return membership.T @ probs / membership.sum(dim=0)[:, None]


def structure(mixed_probs: Tensor, of_classes: Tensor, labels: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    """How much the classes outside the pair still rank as they do in clean dark knowledge; ours.

    Args:
        mixed_probs: (N, K) float > 0, K at least 3.
        of_classes: (K, K) float > 0 of ``dark_knowledge_of_classes``.
        labels: (N,) int64.
        lam: (N,) float in [0, 1].
        partner: (N,) int64.

    Returns:
        (N,) in [0, 1]: 1 where they agree exactly, 0 where they share no class; NaN where either leaves the
        classes outside the pair no probability at all, or the dark knowledge of a class is NaN.

    Raises:
        ValueError: If there are only two classes: no pair leaves any.
    """
    if mixed_probs.shape[1] < 3:
        raise ValueError("structure needs at least 3 classes: a pair of 2 leaves none")
    second = labels[partner]
    weight = lam.to(of_classes.dtype)[:, None]
    clean = weight * of_classes[labels] + (1 - weight) * of_classes[second]
    mask = pair_mask(labels, second, mixed_probs.shape[1])
    there, here = (probs.masked_fill(mask, 0.0) for probs in (mixed_probs, clean))
    divergence = jensen_shannon(there / there.sum(dim=1, keepdim=True), here / here.sum(dim=1, keepdim=True))
    return 1 - divergence / math.log(2)


class ByLambda(NamedTuple):
    """A measure as a function of lambda.

    Attributes:
        lam: (n_bins,) float64. Middle of each of the equal bins of [0, 1].
        count: (n_bins,) int64. Pairs in the bin.
        mean: (n_bins,) float64. Mean of the measure; NaN in an empty bin.
        peak: Its mean for lambdas between 0.45 and 0.55; NaN if there are none.
    """

    lam: Tensor
    count: Tensor  # pyright: ignore[reportIncompatibleMethodOverride]
    mean: Tensor
    peak: float


def lambda_bin(lam: Tensor, n_bins: int = LAMBDA_BINS) -> Tensor:
    """(N,) int64: which of the equal bins (lo, hi] of [0, 1] each lambda lies in; 0 joins the first."""
    inner_edges = torch.arange(1, n_bins, dtype=torch.float64, device=lam.device) / n_bins
    return torch.bucketize(lam.double(), inner_edges)


def by_lambda(values: Tensor, lam: Tensor, n_bins: int = LAMBDA_BINS) -> ByLambda:
    """The mean of a measure in each bin of lambda, and at the peak.

    Args:
        values: (N,) float, one per mixed image.
        lam: (N,) float in [0, 1].
        n_bins: Equal bins of [0, 1].

    Returns:
        The means; see ``ByLambda``.

    Example:
        >>> found = by_lambda(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0.2, 0.5, 0.9]), n_bins=2)
        >>> found.count.tolist(), found.mean.tolist(), found.peak
        ([2, 1], [2.0, 5.0], 3.0)
    """
    place = lambda_bin(lam, n_bins)
    count = torch.bincount(place, minlength=n_bins)
    mean = torch.bincount(place, weights=values.double(), minlength=n_bins) / count
    middle = (lam > PEAK[0]) & (lam < PEAK[1])
    centres = (torch.arange(n_bins, dtype=torch.float64) + 0.5) / n_bins
    return ByLambda(centres, count, mean, values[middle].double().mean().item())
