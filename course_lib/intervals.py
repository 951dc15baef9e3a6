"""intervals: how far a number could be off, and whether two models differ at all.

Accuracy, NLL, Brier score and signed gap are means over images, so they differ image by image, and the interval of a
paired difference follows from the spread of those differences over images and over seeds. ECE and overconfidence error
are not: they add up absolute values of noisy gaps, so their plug-in values lie too high, by an amount b that is unknown
but bounded,

    0 <= b <= B,    B = sum_m w_m sigma_m sqrt(2/pi)         sigma_m: standard error of the gap of bin m, weight w_m

(noise of standard deviation s adds at most s sqrt(2/pi) to an absolute value, and least to a large one). Their
intervals reach as far as that bias can: from ``plug-in - B - t se`` to ``plug-in + t se``. They are wide where images
are few, which is the truth: with 500 images a perfectly calibrated model shows an ECE of several percent.

Sources: the bounded-bias interval follows Armstrong and Kolesar, "Simple and honest confidence intervals", Quantitative
Economics 2020, https://arxiv.org/abs/1606.01200; the bias of ECE, Brocker, "Estimating reliability and resolution of
probability forecasts", 2012, https://doi.org/10.1007/s00382-011-1191-1. The construction for ECE is ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_lib.calibration import N_BINS, bin_index, reliability_bins
from course_lib.predictions import Predictions, confidence_and_correct

LEVEL = 0.95
ADDITIVE = ("accuracy", "nll", "brier", "signed_gap")
BINNED = ("ece", "overconfidence_error")


@dataclass(frozen=True)
class Interval:
    """An estimate and the values that it could reasonably have had, at 95 %.

    Attributes:
        estimate: The number itself.
        low: Lower end.
        high: Upper end.
    """

    estimate: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether the interval leaves out 0, so that the sign is known."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class _Parts:
    """A number as a sum over images, and how much too high it may be.

    Attributes:
        value: The number.
        images: (N,) float64. What each image contributes; their mean has the spread of the number.
        bias: At most so much too high.
    """

    value: float
    images: Tensor
    bias: float


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
    return _Parts(images.mean().item(), images, bias=0.0)


def _binned_parts(confidence: Tensor, correct: Tensor, name: str, n_bins: int) -> _Parts:
    """ECE or overconfidence error, made linear around the gaps that were seen.

    The spread of a bin's gap is the larger of what was seen and what calibrated answers would have: a bin in which
    every answer was right is not free of noise.
    """
    bins = reliability_bins(confidence, correct, n_bins)
    index = bin_index(confidence, n_bins)
    residual = confidence.double() - correct.double()
    sums = [torch.bincount(index, weights=w, minlength=n_bins) for w in (residual**2, confidence * (1 - confidence))]
    filled = bins.count.clamp_min(1)
    variance = torch.maximum(sums[0] / filled - bins.gap**2, sums[1] / filled).clamp_min(0)
    noise = (bins.weight * (variance / filled).sqrt()) * math.sqrt(2 / math.pi)
    if name == "ece":
        factor, bias = bins.gap.sign(), noise.sum().item()
    else:  # only the positive half of the noise counts, at the confidence of its bin
        factor, bias = bins.confidence * (bins.gap > 0), (bins.confidence * noise).sum().item() / 2
    value = (bins.weight * factor * bins.gap).sum().item()
    return _Parts(value, factor[index] * residual, bias)


def _t_quantile(degrees_of_freedom: float) -> float:
    """How many standard errors a two-sided interval reaches."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees_of_freedom, (1 + LEVEL) / 2))


def ece_interval(confidence: Tensor, correct: Tensor, n_bins: int = N_BINS) -> Interval:
    """The ECE of one model, and how far off it may be.

    Args:
        confidence: (N,) float in [0, 1], N at least 2.
        correct: (N,) bool.
        n_bins: Bins of confidence.

    Returns:
        The plug-in value and an interval for the ECE that endless images would show in the same bins.
    """
    parts = _binned_parts(confidence, correct, "ece", n_bins)
    n = len(parts.images)
    reach = _t_quantile(n - 1) * parts.images.std().item() / math.sqrt(n)
    return Interval(parts.value, max(0.0, parts.value - parts.bias - reach), parts.value + reach)


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
    reach = _reach(differences)
    too_high, too_low = (sum(p.bias for p in models) / len(models) for models in (ours, theirs))
    return Interval(estimate, estimate - too_high - reach, estimate + too_low + reach)


def _reach(differences: Tensor) -> float:
    """Half the width of the interval of a mean over (seeds, images), both of which are samples."""
    seeds, n = differences.shape
    variances = [differences.mean(dim=0).var().item() / n]
    degrees = [n - 1]
    if seeds > 1:
        variances.append(differences.mean(dim=1).var().item() / seeds)
        degrees.append(seeds - 1)
    variance = sum(variances)
    if variance == 0:
        return 0.0
    # Welch and Satterthwaite: the degrees of freedom of a sum of estimated variances
    freedom = variance**2 / sum(v**2 / d for v, d in zip(variances, degrees, strict=True))
    return _t_quantile(freedom) * math.sqrt(variance)


def ece_interval_coverage(
    confidence: Tensor, correct: Tensor, *, replications: int = 200, rng: np.random.Generator, n_bins: int = N_BINS
) -> float:
    """How often ``ece_interval`` holds the truth, simulated on a world like this one.

    In that world images have these confidences, and an answer is right with probability confidence minus the gap of
    its bin, the gap shrunk by its noise, so that its ECE is known. Test sets of the same size are drawn from it.

    Args:
        confidence: (N,) float in [0, 1].
        correct: (N,) bool.
        replications: Test sets to draw; 200 tell 0.95 from 0.90.
        rng: Where the randomness comes from; it is advanced.
        n_bins: Bins of confidence.

    Returns:
        The share of intervals that hold the ECE of that world, in [0, 1].
    """
    bins = reliability_bins(confidence, correct, n_bins)
    noise = bins.accuracy * (1 - bins.accuracy) / bins.count.clamp_min(1)
    kept = 1 - (noise / bins.gap.square().clamp_min(1e-12)).clamp(0, 1)
    sure = confidence.double().numpy()
    place = bin_index(confidence, n_bins).numpy()
    right = np.clip(sure - (bins.gap * kept).numpy()[place], 0, 1)
    gaps = np.bincount(place, weights=sure - right, minlength=n_bins)
    truth = np.abs(gaps).sum() / len(sure)
    held = 0
    for _ in range(replications):
        rows = rng.integers(len(sure), size=len(sure))
        answers = rng.random(len(sure)) < right[rows]
        interval = ece_interval(torch.from_numpy(sure[rows]), torch.from_numpy(answers), n_bins)
        held += interval.low <= truth <= interval.high
    return held / replications
