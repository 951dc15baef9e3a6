"""between: asks a network about pairs of held-out images, mixed, and turns answers into samples for intervals.

The mean of a measure over pairs (i, j) is one over images in two roles. To first order its error is the sum of what
each image adds as first and as second, so image k contributes

    c_k = mean + N/P (sum over pairs with first k of f - mean) + N/P (sum over pairs with second k of f - mean)

for P pairs of N images, and the spread of these gives the interval.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.mixup import mix
from course_lib.studies.part import Part
from course_lib.temperature import scaled_logits
from course_lib.vicinal import Pairs, draw_pairs

IMAGES_AT_MOST = 2_000
BATCH = 500
TINY = 1e-300  # stands for a probability that float64 cannot hold
PEAK_REACH = 0.1  # around lambda = 1/2; wider than the peak of the figures, for enough pairs
SEED = 0  # of the pairs: the same for every model, so that differences are paired


@dataclass(frozen=True)
class Probe:
    """Images and the pairs in which a network is asked about them.

    Attributes:
        views: (N, C, H, W) float in [0, 1].
        labels: (N,) int64.
        pairs: ``rounds * N`` pairs, round by round.
        rounds: Pairs in which each image stands first.
    """

    views: Tensor
    labels: Tensor
    pairs: Pairs
    rounds: int

    @classmethod
    def of(cls, part: Part, split: str = "test", rounds: int = 10, *, cross_class: bool = True) -> "Probe":
        """Pairs of images of a split."""
        views, labels = part.views(split, IMAGES_AT_MOST)
        pairs = draw_pairs(labels.cpu(), rounds, np.random.default_rng(SEED), cross_class=cross_class)
        return cls(views, labels.cpu(), pairs, rounds)

    def ask(self, network: nn.Module) -> "Answers":
        """A network's logits on the images and on their mixtures."""
        n, lam = len(self.labels), self.pairs.lam.float().to(self.views.device)
        partner = self.pairs.second.to(self.views.device)
        mixed = []
        with torch.inference_mode():
            clean = torch.cat([network(part).float().cpu() for part in self.views.split(BATCH)])
            for start in range(0, len(lam), n):
                images = mix(self.views, lam[start : start + n], partner[start : start + n])
                mixed += [network(part).float().cpu() for part in images.split(BATCH)]
        return Answers(self, clean.clone(), torch.cat(mixed).clone())

    def samples(self, values: Tensor) -> Tensor:
        """What each image contributes to the mean over pairs: (pairs,) to (N,), with the same mean."""
        n, mean = len(self.labels), values.mean()
        contribution = torch.full((n,), mean.item(), dtype=torch.float64)
        for role in (self.pairs.first, self.pairs.second):
            total = torch.bincount(role, weights=values.double() - mean, minlength=n)
            contribution += total * n / len(values)
        return contribution - contribution.mean() + mean

    def peak_samples(self, values: Tensor) -> Tensor:
        """What each image contributes to the mean over pairs around lambda = 1/2."""
        near = (self.pairs.lam - 0.5).abs() <= PEAK_REACH
        chosen = Pairs(self.pairs.first[near], self.pairs.second[near], self.pairs.lam[near])
        return Probe(self.views, self.labels, chosen, self.rounds).samples(values[near])


@dataclass(frozen=True)
class Answers:
    """Logits of one network.

    Attributes:
        probe: What it was asked.
        clean: (N, K) float32, on the images.
        mixed: (pairs, K) float32, on the mixtures.
    """

    probe: Probe
    clean: Tensor
    mixed: Tensor

    def probs(self, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
        """Probabilities on images and mixtures at a temperature, float64."""
        scaled = (scaled_logits(logits, temperature).softmax(dim=1) for logits in (self.clean, self.mixed))
        clean, mixed = (probs.clamp_min(TINY) for probs in scaled)  # a very sure model rounds others to 0
        return clean, mixed

    def each(self, measure: Callable[[Tensor, Tensor, Tensor], Tensor], temperature: float = 1.0) -> Tensor:
        """A measure of every pair.

        Args:
            measure: Takes the mixed probabilities (N, K), lambdas (N,) and partners (N,) of one round, gives (N,).
            temperature: Divides the logits.

        Returns:
            (pairs,) float64.
        """
        n, pairs = len(self.clean), self.probe.pairs
        _, mixed = self.probs(temperature)
        rounds = (slice(start, start + n) for start in range(0, len(pairs.lam), n))
        return torch.cat([measure(mixed[rows], pairs.lam[rows], pairs.second[rows]) for rows in rounds])
