"""reliability: one model, many calibration errors, and how much they move with bins and with images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib import calibration, results
from course_lib.intervals.ece import BinSums, bin_sums
from course_lib.plots.reliability import FEW
from course_lib.plots.style import FAINT, INK, MINUS, QUIET, look_of
from course_lib.predictions import confidence_and_correct, negative_log_likelihood
from course_lib.temperature import scaled_logits
from course_lib.widgets.arrays import checked
from course_lib.widgets.explorer import Explorer, choice, int_slider, log_slider
from course_lib.widgets.svg import Chart, picture, shares, words

SIZE = (900, 560)
WIDTH, MASS = "equally wide", "equally full"
RESAMPLES, MIDDLE = 200, (0.05, 0.95)
CELLS = 64  # confidences closer than this part of 1 are resampled as one
OVER, UNDER = look_of("ce").colour, look_of("kd").colour


@dataclass(frozen=True)
class Binned:
    """A sample of answers in bins.

    Attributes:
        sums: Of each bin.
        ece: The error of this binning, by its function in ``calibration``.
        band: (2, n_bins) float64. Accuracy of each bin, the middle 90 % of resampled images.
        spread: ECE likewise.
    """

    sums: BinSums
    ece: float
    band: np.ndarray
    spread: tuple[float, float]


class ReliabilityExplorer(Explorer):
    """A reliability diagram whose bins and images can be changed."""

    def __init__(self, logits: Any = None, labels: Any = None, name: str = ""):
        """Explore predictions.

        Args:
            logits: (N, K); by default those of a student of clothes that come with the library.
            labels: (N,) classes.
            name: Of the model, for the title.

        Raises:
            CourseError: If the shapes do not fit.
        """
        source = ""
        if logits is None:
            found = results.load("fashion/four-arms")
            shipped = found.predictions("mixup-seed0")
            logits, labels, name, source = shipped.logits, shipped.labels, name or "mixup, seed 0", found.origin
        given, self.labels = checked(logits, labels)
        logits = scaled_logits(given, 1.0)
        self.confidence, self.correct = confidence_and_correct(logits, self.labels)
        self._against = _own_against_others(logits, self.labels)
        n = len(self.labels)
        controls = {
            "n_bins": int_slider("bins", 15, 1, 60),
            "binning": choice("bins are", [WIDTH, MASS]),
            "images": log_slider("images", n, min(20, n), max(21, n), readout=".0f"),
            "draw": int_slider("another sample", 0, 0, 50),
        }
        super().__init__(f"How sure, how often right{': ' * bool(name)}{name}", controls, source)

    def draw(self) -> tuple[str, str]:
        """The diagram, how many images each bin holds, and the numbers."""
        n_bins, rng = self.controls["n_bins"].value, np.random.default_rng(self.controls["draw"].value)
        count = min(len(self.labels), round(self.controls["images"].value))
        rows = torch.from_numpy(np.sort(rng.permutation(len(self.labels))[:count]))
        confidence, correct = self.confidence[rows], self.correct[rows]
        found = self._binned(confidence, correct, n_bins, rng)
        gap = calibration.signed_gap(confidence, correct)
        parts = found.sums.weight * found.sums.gap
        over, under = float(parts.clamp(min=0).sum()), float((-parts).clamp(min=0).sum())
        nll = negative_log_likelihood(self._against[rows], torch.zeros(count, dtype=torch.int64))
        numbers = [
            ("ECE", f"{found.ece:.4f}", INK),
            ("over: claims too much", f"{over:.4f}", OVER),
            ("under: claims too little", f"{under:.4f}", UNDER),
            ("signed gap", f"{gap:+.4f}".replace("-", MINUS), INK),
            ("accuracy", f"{float(correct.double().mean()):.4f}", INK),
            ("NLL (nats)", f"{nll:.4f}", INK),
        ]
        marks = self._diagram(found)
        for row, (word, number, colour) in enumerate(numbers):
            marks.append(words(610, 96 + 36 * row, word, colour=QUIET if colour == INK else colour))
            marks.append(words(885, 96 + 36 * row, number, anchor="end", size=18, colour=colour))
        marks.append(words(610, 326, "the same, images resampled:", colour=QUIET))
        marks.append(words(885, 354, f"ECE {found.spread[0]:.4f} to {found.spread[1]:.4f}", anchor="end", size=18))
        lean = "no lean to either side" if over == under else f"it mostly claims {'more' if over > under else 'less'}"
        than = "" if over == under else " than it knows"
        said = (
            f"{count} images in {n_bins} bin{'s' * (n_bins > 1)}, {self.controls['binning'].value}: ECE "
            f"{found.ece:.3f}, signed gap {gap:+.3f}; {lean}{than}. Resampled images give an ECE of "
            f"{found.spread[0]:.3f} to {found.spread[1]:.3f}, and accuracies within the thin lines, 9 times out of 10; "
            "resampling adds noise, so most of these errors lie above the truth."
        ).replace(" -", f" {MINUS}")
        return picture(marks, *SIZE, said), said

    def _binned(self, confidence: Tensor, correct: Tensor, n_bins: int, rng: np.random.Generator) -> Binned:
        equal = self.controls["binning"].value == MASS
        place = (calibration.equal_mass_index if equal else calibration.bin_index)(confidence, n_bins)
        error = calibration.adaptive_ece if equal else calibration.expected_calibration_error
        band, spread = _resampled(place, confidence, correct, n_bins, rng)
        return Binned(bin_sums(place, confidence, correct, n_bins), error(confidence, correct, n_bins), band, spread)

    def _diagram(self, found: Binned) -> list[str]:
        sums, equal = found.sums, self.controls["binning"].value == MASS
        right = sums.right / sums.filled
        sure, n_bins = right + sums.gap, len(right)
        chart = Chart((60, 60, 510, 340), (0, 1), (0, 1))
        chart.axes(shares(), shares(), "confidence", "accuracy")
        chart.line([0, 1], [0, 1], FAINT, width=3)
        most = float(sums.count.max())
        below = Chart((60, 490, 510, 55), (0, 1), (0, most))
        for k in sums.count.nonzero().flatten().tolist():
            c, a, colour = float(sure[k]), float(right[k]), OVER if sums.gap[k] > 0 else UNDER
            left, end = (c - 0.006, c + 0.006) if equal else (k / n_bins, (k + 1) / n_bins)
            few = sums.count[k] < FEW
            chart.bar((left, end), (min(a, c), max(a, c)), colour, 0.12 if few else 0.4)
            middle = (left + end) / 2
            chart.line([middle, middle], found.band[:, k], colour, width=1 if few else 1.75)
            if equal:
                chart.ring(c, a, 5, colour, 2, "white" if few else colour)
            else:
                chart.line([left, end], [a, a], colour, width=3, dash="3 3" if few else "")
            below.bar((left, end), (0, float(sums.count[k])), QUIET, 0.6)
        faint = f"under {FEW} drawn {'hollow' if equal else 'dashed'}"
        chart.label(0.03, 0.93, "right more often than it claims", UNDER)
        chart.label(0.97, 0.05, "claims more than it is right", OVER, "end")
        below.label(0.0, most, f"images per bin, at most {int(most)}; {faint}", QUIET, dy=-14)
        return [*chart.marks, *below.marks]


def _resampled(
    place: Tensor, confidence: Tensor, correct: Tensor, n_bins: int, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[float, float]]:
    """Accuracy of each bin and ECE, middle 90 %, of images drawn with replacement.

    Images of the same bin, outcome and nearly the same confidence are one cell, and cells are drawn, each as often as
    it has images: as many draws as there are images, at a cost that does not grow with them.
    """
    fine = (confidence * CELLS).long().clamp_max(CELLS - 1)
    cell, member = torch.unique((place * (CELLS + 1) + fine) * 2 + correct.long(), return_inverse=True)
    sums = bin_sums(member, confidence, correct, len(cell))
    home = torch.nn.functional.one_hot(cell // 2 // (CELLS + 1), n_bins).double()
    n = len(confidence)
    drawn = torch.from_numpy(rng.multinomial(n, (sums.count / n).numpy(), size=RESAMPLES)).double()
    count, right = drawn @ home, (drawn * (sums.right > 0)) @ home
    ece = ((drawn * sums.gap) @ home).abs().sum(dim=1) / n
    accuracy = torch.where(count > 0, right / count.clamp_min(1), torch.nan)
    accuracy[:, (count == 0).all(dim=0)] = 0.0  # an empty bin is not drawn
    low, high = np.quantile(ece.numpy(), MIDDLE)
    return np.nanquantile(accuracy.numpy(), MIDDLE, axis=0), (float(low), float(high))


def _own_against_others(logits: Tensor, labels: Tensor) -> Tensor:
    """(N, 2) logits of the true class and of all others together: the same NLL, from two numbers a row."""
    own = logits.gather(1, labels[:, None])
    others = logits.scatter(1, labels[:, None], -torch.inf).logsumexp(dim=1, keepdim=True)
    return torch.cat([own, others], dim=1) - torch.maximum(own, others)
