"""coverage: how often the interval of an ECE holds the truth, in a simulated world where the truth is known."""

from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from course_lib.calibration import N_BINS, bin_index, reliability_bins
from course_lib.intervals.ece import BinSums, bin_sums, ece_and_ends

IMAGES_AT_ONCE = 2**20  # of simulated test sets: 8 MB a column


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
        sums = bin_sums(bin_of_set, confidence[rows], correct, sets * n_bins)
        per_set = BinSums(*(getattr(sums, field.name).view(sets, n_bins) for field in fields(sums)))
        _, low, high = ece_and_ends(per_set)
        held += int(((low <= truth) & (truth <= high)).sum())
    return held / replications
