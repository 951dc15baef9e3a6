"""paired: whether two ways of training differ at all.

Accuracy, NLL, Brier score and signed gap are means over images, so they differ image by image, and the interval of a
paired difference follows from the spread of those differences over images and over seeds. ECE and overconfidence error
are not means; they are made linear around the gaps that were seen, and the interval reaches as far as the bias of
either model can, see ``ece``. A bin without an error is given the doubt of Agresti and Coull there as here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.calibration import N_BINS, bin_index, reliability_bins
from course_lib.intervals.ece import bin_sums
from course_lib.intervals.mean import Interval, reach
from course_lib.predictions import Predictions, confidence_and_correct

ADDITIVE = ("accuracy", "nll", "brier", "signed_gap")
BINNED = ("ece", "overconfidence_error")


@dataclass(frozen=True)
class _Parts:
    """A number as a sum over images, and how much too high it may be.

    Attributes:
        value: The number.
        images: (N,) float64. What each image contributes; their mean has the spread of the number.
        bias: At most so much too high.
        hidden: Variance of a contribution that the images do not show, as a bin without an error is not free of noise.
    """

    value: float
    images: Tensor
    bias: float = 0.0
    hidden: float = 0.0


def _parts(logits: Tensor, labels: Tensor, name: str) -> _Parts:
    """One number about one set of predictions, image by image."""
    if name in BINNED:
        return _binned_parts(*confidence_and_correct(logits, labels), name, N_BINS)
    if name in ("accuracy", "signed_gap"):
        confidence, correct = confidence_and_correct(logits, labels)
        images = correct.double() if name == "accuracy" else confidence - correct.double()
    elif name == "nll":
        images = -logits.double().log_softmax(1).gather(1, labels[:, None]).squeeze(1)
    elif name == "brier":
        one_hot = torch.nn.functional.one_hot(labels, logits.shape[1])
        images = (logits.double().softmax(1) - one_hot).square().sum(1)
    else:
        raise ValueError(f"no number is called {name!r}: {', '.join([*ADDITIVE, *BINNED])}")
    return _Parts(images.mean().item(), images)


def _binned_parts(confidence: Tensor, correct: Tensor, name: str, n_bins: int) -> _Parts:
    """ECE or overconfidence error, made linear around the gaps that were seen."""
    bins = reliability_bins(confidence, correct, n_bins)
    index = bin_index(confidence, n_bins)
    sums = bin_sums(index, confidence, correct, n_bins)
    hidden = bins.weight * (sums.doubted - sums.variance)
    if name == "ece":
        factor, bias = bins.gap.sign(), sums.bias
    else:  # only the positive half of the noise counts, at the confidence of its bin
        factor, bias = bins.confidence * (bins.gap > 0), bins.confidence * sums.bias / 2
        hidden = bins.confidence.square() * hidden
    value = (bins.weight * factor * bins.gap).sum().item()
    images = factor[index] * (confidence.double() - correct.double())
    return _Parts(value, images, bias.sum().item(), hidden.sum().item())


def paired_difference(first: Sequence[Predictions], second: Sequence[Predictions], name: str) -> Interval:
    """How much one way of training differs from another, first minus second.

    The spread over seeds and the spread over images are estimated apart and added, which is never too small: each holds
    the part of chance that both share. With one seed, only images vary, and the interval holds for that seed alone.

    Args:
        first: One model's predictions for each seed.
        second: The other's, for the same seeds in the same order, on the same images.
        name: ``accuracy``, ``nll``, ``brier``, ``signed_gap``, ``ece`` or ``overconfidence_error``.

    Returns:
        The difference of the means over seeds, and its interval.

    Raises:
        ValueError: If seeds or images do not pair.
    """
    if not first or len(first) != len(second):
        raise ValueError(f"{len(first)} models cannot be paired with {len(second)}")
    if len({predictions.index_hash for predictions in (*first, *second)}) != 1:
        raise ValueError("the predictions are of different images: they cannot be paired")
    ours, theirs = ([_parts(p.logits, p.labels, name) for p in models] for models in (first, second))
    estimate = sum(a.value - b.value for a, b in zip(ours, theirs, strict=True)) / len(ours)
    differences = torch.stack([a.images - b.images for a, b in zip(ours, theirs, strict=True)])  # (seeds, N)
    too_high, too_low = (sum(p.bias for p in models) / len(models) for models in (ours, theirs))
    half = reach(differences, hidden=sum(p.hidden for p in (*ours, *theirs)) / len(ours))
    return Interval(estimate, estimate - too_high - half, estimate + too_low + half)
