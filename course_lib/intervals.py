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
probability forecasts", 2012, https://doi.org/10.1007/s00382-011-1191-1; the added answers, Agresti and Coull,
"Approximate is better than exact", The American Statistician 1998, https://doi.org/10.1080/00031305.1998.10480550. The
construction for ECE is ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from course_lib.calibration import N_BINS, bin_index, reliability_bins
from course_lib.predictions import Predictions, confidence_and_correct

LEVEL = 0.95
ADDITIVE = ("accuracy", "nll", "brier", "signed_gap")
BINNED = ("ece", "overconfidence_error")
IMAGES_AT_ONCE = 2**20  # of simulated test sets: 8 MB a column


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


@dataclass(frozen=True)
class _BinSums:
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
    def bias(self) -> Tensor:
        """How much of each bin's share of the ECE may be noise.

        The bias is largest where the true gap is 0, so the variance is at least that of calibrated answers.
        """
        variance = torch.maximum(self.variance, self.calibrated / self.filled)
        return self.weight * (variance / self.filled).sqrt() * math.sqrt(2 / math.pi)


def _bin_sums(place: Tensor, confidence: Tensor, correct: Tensor, bins: int) -> _BinSums:
    confidence, right = confidence.double(), correct.double()
    residual = confidence - right
    summed = (torch.ones_like(right), residual, residual**2, confidence * (1 - confidence), right)
    return _BinSums(*(torch.bincount(place, weights=each, minlength=bins) for each in summed))


def _binned_parts(confidence: Tensor, correct: Tensor, name: str, n_bins: int) -> _Parts:
    """ECE or overconfidence error, made linear around the gaps that were seen."""
    bins = reliability_bins(confidence, correct, n_bins)
    index = bin_index(confidence, n_bins)
    bias = _bin_sums(index, confidence, correct, n_bins).bias
    if name == "ece":
        factor = bins.gap.sign()
    else:  # only the positive half of the noise counts, at the confidence of its bin
        factor, bias = bins.confidence * (bins.gap > 0), bins.confidence * bias / 2
    value = (bins.weight * factor * bins.gap).sum().item()
    return _Parts(value, factor[index] * (confidence.double() - correct.double()), bias.sum().item())


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

    Raises:
        ValueError: If the arrays do not pair, or hold fewer than 2 images.
    """
    if confidence.ndim != 1 or confidence.shape != correct.shape or len(confidence) < 2:
        shapes = f"confidence {tuple(confidence.shape)}, correct {tuple(correct.shape)}"
        raise ValueError(f"confidence and correct must both be (N,), N at least 2, got {shapes}")
    sums = _bin_sums(bin_index(confidence, n_bins), confidence, correct, n_bins)
    return Interval(*(end.item() for end in _ece_and_ends(sums)))


def _ece_and_ends(sums: _BinSums) -> tuple[Tensor, Tensor, Tensor]:
    """Plug-in ECE of each test set, and the ends of its interval; each (...)."""
    n = int(sums.count.sum(-1).max())
    ece = (sums.weight * sums.gap.abs()).sum(-1)
    # A bin in which every answer was right is not free of noise: Agresti and Coull add 2 right and 2 wrong answers.
    share_right = (sums.right + 2) / (sums.count + 4)
    variance = torch.maximum(sums.variance, share_right * (1 - share_right))
    spread = (sums.weight * (variance + sums.gap**2)).sum(-1) - ece**2  # within bins, and between them
    reach = _t_quantile(n - 1) * (spread / (n - 1)).sqrt()
    return ece, (ece - sums.bias.sum(-1) - reach).clamp_min(0), ece + reach


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


def interval_of_mean(samples: Tensor) -> Interval:
    """The mean of numbers that were measured for several models on the same images.

    Args:
        samples: (models, N) float, at least two numbers. One row alone speaks for that model only; one column, for
            those images only.

    Returns:
        The mean, and its interval over models and images, both of which are samples; see ``paired_difference``.

    Example:
        >>> found = interval_of_mean(torch.tensor([[1.0, 2.0, 3.0]]))  # 2, and 4.303 standard errors of 1/sqrt(3)
        >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3)
        (2.0, -0.484, 4.484)
    """
    if samples.ndim != 2 or samples.numel() < 2:
        raise ValueError(f"at least two numbers are needed, as (models, N), got {tuple(samples.shape)}")
    samples = samples.double()
    estimate, reach = samples.mean().item(), _reach(samples)
    return Interval(estimate, estimate - reach, estimate + reach)


def _reach(differences: Tensor) -> float:
    """Half the width of the interval of a mean over (seeds, images), both of which are samples."""
    samples = [means for means in (differences.mean(dim=0), differences.mean(dim=1)) if len(means) > 1]
    variances = [means.var().item() / len(means) for means in samples]
    degrees = [len(means) - 1 for means in samples]
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
    confidence, place, n = confidence.double(), bin_index(confidence, n_bins), len(confidence)
    chance = (confidence - (bins.gap * kept)[place]).clamp(0, 1)
    truth = torch.bincount(place, weights=confidence - chance, minlength=n_bins).abs().sum().item() / n
    held, at_once = 0, max(1, IMAGES_AT_ONCE // n)
    for start in range(0, replications, at_once):
        sets = min(at_once, replications - start)
        rows = torch.from_numpy(rng.integers(n, size=sets * n))
        correct = torch.from_numpy(rng.random(sets * n)) < chance[rows]
        bin_of_set = place[rows] + n_bins * torch.arange(sets).repeat_interleave(n)
        sums = _bin_sums(bin_of_set, confidence[rows], correct, sets * n_bins)
        per_set = _BinSums(*(getattr(sums, field.name).view(sets, n_bins) for field in fields(sums)))
        _, low, high = _ece_and_ends(per_set)
        held += int(((low <= truth) & (truth <= high)).sum())
    return held / replications
