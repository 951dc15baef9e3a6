"""reliability: one model, many calibration errors, and how much they move with bins and with images."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib import calibration, results
from course_lib.plots.style import FAINT, QUIET, look_of
from course_lib.predictions import confidence_and_correct, negative_log_likelihood
from course_lib.widgets.explorer import Explorer, checked, choice, int_slider, log_slider, told
from course_lib.widgets.svg import Chart, picture, shares, words

SIZE = (900, 540)
WIDTH, MASS = "equally wide", "equally full"
RESAMPLES = 100
OVER, UNDER = look_of("ce").colour, look_of("kd").colour


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
            logits, labels, name, source = shipped.logits, shipped.labels, name or "mixup, seed 0", told(found)
        self.logits, self.labels = checked(logits, labels)
        self.confidence, self.correct = _sure_and_right(self.logits, self.labels)
        n = len(self.labels)
        controls = {
            "n_bins": int_slider("bins", 15, 1, 60),
            "binning": choice("bins are", [WIDTH, MASS]),
            "images": log_slider("images", n, min(20, n), max(21, n)),
            "draw": int_slider("another sample", 0, 0, 50),
        }
        super().__init__(f"How sure, how often right{': ' * bool(name)}{name}", controls, source)

    def draw(self) -> tuple[str, str]:
        """The diagram, how many images each bin holds, and the numbers."""
        rng = np.random.default_rng(self.controls["draw"].value)
        count = min(len(self.labels), round(self.controls["images"].value))
        rows = torch.from_numpy(np.sort(rng.permutation(len(self.labels))[:count]))
        confidence, correct = self.confidence[rows], self.correct[rows]
        n_bins = self.controls["n_bins"].value
        place = self._places(confidence, n_bins)
        filled, sure, right = _means(place, confidence, correct, n_bins)
        gaps = filled / count * (sure - right)
        ece, over, under = float(gaps.abs().sum()), float(gaps.clamp(min=0).sum()), float((-gaps).clamp(min=0).sum())
        spread = self._resampled(place, confidence, correct, n_bins, rng)
        nll = negative_log_likelihood(self.logits[rows], self.labels[rows])
        marks = self._diagram(filled, sure, right)
        numbers = [
            ("ECE", f"{ece:.4f}"),
            ("of it claims too much", f"{over:.4f}"),
            ("of it claims too little", f"{under:.4f}"),
            ("signed gap", f"{calibration.signed_gap(confidence, correct):+.4f}"),
            ("accuracy", f"{float(correct.double().mean()):.4f}"),
            ("NLL", f"{nll:.4f}"),
            ("resampled ECE", f"{spread[0]:.4f} to {spread[1]:.4f}"),
        ]
        for row, (word, number) in enumerate(numbers):
            marks.append(words(610, 90 + 34 * row, word, colour=QUIET))
            marks.append(words(885, 90 + 34 * row, number, anchor="end", size=17))
        lean = "more than it knows" if over > under else "less than it knows"
        gap = calibration.signed_gap(confidence, correct)
        said = (
            f"{count} images in {n_bins} bins that are {self.controls['binning'].value}: ECE {ece:.3f}, signed gap "
            f"{gap:+.3f}; the model mostly claims {lean}. Resampled images give an ECE of {spread[0]:.3f} to "
            f"{spread[1]:.3f}: resampling adds noise, so most of these lie above the truth."
        )
        return picture(marks, *SIZE, said), said

    def _places(self, confidence: Tensor, n_bins: int) -> Tensor:
        equal = self.controls["binning"].value == MASS
        return (calibration.equal_mass_index if equal else calibration.bin_index)(confidence, n_bins)

    def _resampled(
        self, place: Tensor, confidence: Tensor, correct: Tensor, n_bins: int, rng: np.random.Generator
    ) -> tuple[float, float]:
        """ECE of images drawn with replacement: the middle 90 % of a hundred, all in one pass."""
        n = len(confidence)
        drawn = torch.from_numpy(rng.integers(0, n, (RESAMPLES, min(n, 2000))))
        cells = place[drawn] + n_bins * torch.arange(RESAMPLES)[:, None]
        residual = (confidence - correct.double())[drawn]
        sums = torch.bincount(cells.flatten(), residual.flatten(), minlength=RESAMPLES * n_bins)
        errors = sums.view(RESAMPLES, n_bins).abs().sum(dim=1) / drawn.shape[1]
        low, high = np.quantile(errors.numpy(), [0.05, 0.95])
        return float(low), float(high)

    def _diagram(self, filled: Tensor, sure: Tensor, right: Tensor) -> list[str]:
        n_bins = len(filled)
        chart = Chart((60, 60, 510, 330), (0, 1), (0, 1))
        chart.axes(shares(), shares(), "confidence", "accuracy")
        chart.line([0, 1], [0, 1], FAINT, width=3)
        equal = self.controls["binning"].value == MASS
        for k in filled.nonzero().flatten().tolist():
            c, a = float(sure[k]), float(right[k])
            left, end = (c - 0.006, c + 0.006) if equal else (k / n_bins, (k + 1) / n_bins)
            chart.bar((left, end), (min(a, c), max(a, c)), OVER if c > a else UNDER, 0.45)
            chart.line([left, end], [a, a], OVER if c > a else UNDER, width=3)
        chart.label(0.03, 0.93, "right more often than it claims", UNDER)
        chart.label(0.97, 0.05, "claims more than it is right", OVER, "end")
        below = Chart((60, 465, 510, 60), (0, 1), (0, float(filled.max())))
        for k in filled.nonzero().flatten().tolist():
            c = float(sure[k])
            left, end = (c - 0.006, c + 0.006) if equal else (k / n_bins, (k + 1) / n_bins)
            below.bar((left, end), (0, float(filled[k])), QUIET, 0.6)
        below.label(0.0, float(filled.max()), f"images per bin, at most {int(filled.max())}", QUIET)
        return [*chart.marks, *below.marks]


def _sure_and_right(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Confidence and correctness; rows are shifted, so that scaled logits are not taken for probabilities."""
    return confidence_and_correct(logits - logits.amax(dim=1, keepdim=True), labels)


def _means(place: Tensor, confidence: Tensor, correct: Tensor, n_bins: int) -> tuple[Tensor, Tensor, Tensor]:
    filled = torch.bincount(place, minlength=n_bins)
    divisor = filled.clamp(min=1)
    sure = torch.bincount(place, confidence, minlength=n_bins) / divisor
    return filled, sure, torch.bincount(place, correct.double(), minlength=n_bins) / divisor
