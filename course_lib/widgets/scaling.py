"""scaling: one temperature for all images: the loss along it, and the reliability that it leaves."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib import calibration, results, temperature
from course_lib.plots.reliability import AS_GIVEN, FEW, SCALED
from course_lib.plots.style import FAINT, INK, MINUS, QUIET
from course_lib.predictions import confidence_and_correct
from course_lib.widgets.arrays import checked
from course_lib.widgets.explorer import Explorer, choice, log_slider
from course_lib.widgets.svg import Chart, nice, picture, shares, words

SIZE = (900, 560)
LOW, HIGH, STEPS = 0.2, 5.0, 61
CELLS = 500_000  # logits at most that are drawn while the slider moves
CALIB, TEST = "calib, as it should be", "test, which it is then reported on"
PART_LOOKS = {"test": (QUIET, "s", "7 4"), "calib": (INK, "D", "")}  # colour, marker, dash: no colour of an arm
Part = tuple[Tensor, Tensor]


class ScalingExplorer(Explorer):
    """The temperature under the hand beside the fitted one."""

    def __init__(
        self, calib_logits: Any = None, calib_labels: Any = None, test_logits: Any = None, test_labels: Any = None
    ):
        """Explore temperature scaling.

        Args:
            calib_logits: (N, K), on which a temperature is fitted; by default half of the shipped test predictions of a
                student of clothes, the other half of which is then the test part.
            calib_labels: (N,) classes.
            test_logits: (M, K), which are reported.
            test_labels: (M,) classes.

        Raises:
            CourseError: If the shapes do not fit.
        """
        source = ""
        if all(given is None for given in (calib_logits, calib_labels, test_logits, test_labels)):
            found = results.load("fashion/four-arms")
            shipped = found.predictions("mixup-seed0")
            order = torch.from_numpy(np.random.default_rng(0).permutation(len(shipped.labels)))
            calib, test = order[::2], order[1::2]
            calib_logits, calib_labels = shipped.logits[calib], shipped.labels[calib]
            test_logits, test_labels = shipped.logits[test], shipped.labels[test]
            source = f"{found.origin}; half of the kept test images stand in for calib here"
        whole = {"calib": checked(calib_logits, calib_labels), "test": checked(test_logits, test_labels)}
        self.fitted = {name: temperature.find_temperature(*part) for name, part in whole.items()}
        self.parts = {name: _few(part) for name, part in whole.items()}
        self._omits = any(len(self.parts[name][1]) < len(part[1]) for name, part in whole.items())
        self.grid = np.geomspace(LOW, HIGH, STEPS)
        self.curves = {
            name: np.array([temperature.nll_at_temperature(*part, float(t)) for t in self.grid])
            for name, part in self.parts.items()
        }
        self._known: dict[float, tuple[calibration.Measures, calibration.ReliabilityBins]] = {}
        controls = {
            "temperature": log_slider("temperature", 1.0, LOW, HIGH),
            "fitted_on": choice("fitted on", [CALIB, TEST]),
        }
        super().__init__("One number that repairs confidence", controls, source)

    def draw(self) -> tuple[str, str]:
        """The loss over 1/T, and the reliability of the test part before and at this temperature."""
        t, on = self.controls["temperature"].value, "calib" if self.controls["fitted_on"].value == CALIB else "test"
        fit = self.fitted[on]
        best = fit.temperature
        nll = {name: temperature.nll_at_temperature(*part, t) for name, part in self.parts.items()}
        rows = {f"T = {t:.3g}": self._test_at(t), "before, T = 1": self._test_at(1.0)}
        rows[f"fitted, T = {best:.3g}"] = self._test_at(best)
        here, before, fitted = (found[0] for found in rows.values())
        marks = [*self._losses(t, best, nll), *self._reliability(t), *_table(rows)]
        said = (
            f"At T = {t:.3g} the NLL is {nll['calib']:.3f} on calib and {nll['test']:.3f} on test, the test ECE "
            f"{here.ece:.3f} and its signed gap {here.signed_gap:+.3f}. The lowest NLL on {on} is at T = {best:.3f}, "
            f"where the test ECE is {fitted.ece:.3f}; unscaled it is {before.ece:.3f}. No answer changes."
        )
        said += f" That temperature lies {fit.reason}." if fit.at_bound else ""
        if on == "test":
            said += " This temperature has seen the images it is reported on, so its numbers flatter."
        if self._omits:
            said += f" Temperatures are fitted on all rows; {len(self.parts['test'][1])} of test are drawn."
        said = said.replace(" -", f" {MINUS}")
        return picture(marks, *SIZE, said), said

    def _test_at(self, t: float) -> tuple[calibration.Measures, calibration.ReliabilityBins]:
        """Every number and 12 bins of the test part; kept for temperatures that come again."""
        if t not in self._known:
            logits, labels = self.parts["test"]
            scaled = temperature.scaled_logits(logits, t)
            bins = calibration.reliability_bins(*confidence_and_correct(scaled, labels), 12)
            self._known[t] = calibration.measure(scaled, labels), bins
        return self._known[t]

    def _losses(self, t: float, best: float, nll: dict[str, float]) -> list[str]:
        inverse, lowest = 1 / self.grid, float(min(curve.min() for curve in self.curves.values()))
        highest = float(max(curve.max() for curve in self.curves.values()))
        at_one = float(np.interp(1.0, self.grid, self.curves["calib"]))
        top = min(highest, lowest + 3 * (max(at_one, nll["calib"]) - lowest) + 0.3)
        bottom = lowest - 0.16 * max(top - lowest, 0.01)  # below the curves there is room for words
        chart = Chart((70, 70, 380, 300), (0, 1 / LOW), (bottom, top))
        y_ticks = nice(bottom, top, "{:.2f}".format)
        chart.axes([(k, str(k)) for k in range(6)], y_ticks, "1 / T", "NLL (nats)", "The loss is convex in 1 / T")
        _mark_fitted(chart, best, bottom, top)
        for name, (colour, shape, dash) in PART_LOOKS.items():
            curve = self.curves[name]
            inside = np.flatnonzero(curve <= top)
            chart.line(inverse[inside], curve[inside], colour, dash=dash)
            if nll[name] <= top:
                chart.point(1 / t, nll[name], colour, shape)
        return [*chart.marks, *_names()]

    def _reliability(self, t: float) -> list[str]:
        chart = Chart((540, 70, 330, 300), (0, 1), (0, 1))
        chart.axes(shares(0.25), shares(0.25), "confidence", "accuracy", "Reliability on test")  # hollow where few
        chart.line([0, 1], [0, 1], FAINT, width=3)
        for at, look, dash, word in ((1.0, AS_GIVEN, "5 4", "before"), (t, SCALED, "", f"at T = {t:.3g}")):
            bins = self._test_at(at)[1]
            filled = bins.count > 0
            sure, right = bins.confidence[filled].tolist(), bins.accuracy[filled].tolist()
            chart.line(sure, right, look.colour, dash=dash, width=2 if word == "before" else 2.5)
            for c, a, count in zip(sure, right, bins.count[filled].tolist(), strict=True):
                if count < FEW:
                    chart.ring(c, a, 5, look.colour, 2, "white")
                else:
                    chart.point(c, a, look.colour, str(look.marker))
            chart.label(0.97, 0.16 if word == "before" else 0.05, word, look.colour, "end", bold=True)
        return chart.marks


def _few(part: Part) -> Part:
    """As many rows, drawn once, as can be drawn again while a slider moves."""
    logits, labels = part
    most = max(1, CELLS // logits.shape[1])
    if len(labels) <= most:
        return part
    rows = torch.from_numpy(np.sort(np.random.default_rng(0).permutation(len(labels))[:most]))
    return logits[rows], labels[rows]


def _mark_fitted(chart: Chart, best: float, bottom: float, top: float) -> None:
    """A line at the fitted temperature; its words stand below the curves, where nothing crosses them."""
    word = f"fitted: T = {best:.3g}"
    if not LOW <= best <= HIGH:
        chart.label(0.5 / LOW, bottom, f"{word}, outside", QUIET, "middle", dy=-12)
        return
    chart.line([1 / best, 1 / best], [bottom, top], QUIET, dash="2 4", width=1.5)
    anchor, dx = ("start", 6) if 1 / best < 0.5 / LOW else ("end", -6)
    chart.label(1 / best, bottom, word, QUIET, anchor, dy=-12, dx=dx)


def _names() -> list[str]:
    """The parts by name above the losses, with their lines and marks."""
    key = Chart((0, 0, *SIZE), (0, SIZE[0]), (SIZE[1], 0))
    for name, x in (("calib", 246), ("test", 360)):
        colour, shape, dash = PART_LOOKS[name]
        key.line([x, x + 38], [53, 53], colour, dash=dash)
        key.point(x + 19, 53, colour, shape)
        key.marks.append(words(x + 46, 58, name, colour=colour, bold=True))
    return key.marks


def _table(rows: dict[str, tuple[calibration.Measures, calibration.ReliabilityBins]]) -> list[str]:
    """Three rows of numbers, each under its word."""
    head = ("on test", "NLL", "ECE", "signed gap", "accuracy")
    cells: list[tuple[str, ...]] = [head]
    for word, (found, _) in rows.items():
        numbers = (f"{found.nll:.3f}", f"{found.ece:.3f}", f"{found.signed_gap:+.3f}", f"{found.accuracy:.3f}")
        cells.append((word, *numbers))
    marks = []
    for row, line in enumerate(cells):
        colour = QUIET if row == 0 else SCALED.colour if row == 1 else INK
        marks.append(words(70, 455 + 30 * row, line[0], colour=colour, bold=row == 1))
        for place, text in enumerate(line[1:]):
            x = 420 + 150 * place
            marks.append(words(x, 455 + 30 * row, text.replace("-", MINUS), colour=colour, anchor="end", size=17))
    return marks
