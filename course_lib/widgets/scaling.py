"""scaling: one temperature for all images: the loss along it, and the reliability that it leaves."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib import calibration, results, temperature
from course_lib.plots.style import FAINT, QUIET, look_of
from course_lib.widgets.explorer import Explorer, checked, choice, log_slider, told
from course_lib.widgets.reliability import _sure_and_right
from course_lib.widgets.svg import Chart, nice, picture, shares, words

SIZE = (900, 470)
LOW, HIGH, STEPS = 0.2, 5.0, 61
CALIB, TEST = "calib, as it should be", "test, which it is then reported on"


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
        if calib_logits is None:
            found = results.load("fashion/four-arms")
            shipped = found.predictions("mixup-seed0")
            order = torch.from_numpy(np.random.default_rng(0).permutation(len(shipped.labels)))
            calib, test = order[::2], order[1::2]
            calib_logits, calib_labels = shipped.logits[calib], shipped.labels[calib]
            test_logits, test_labels = shipped.logits[test], shipped.labels[test]
            source = f"{told(found)}; half of the kept test images stand in for calib here"
        self.parts = {"calib": checked(calib_logits, calib_labels), "test": checked(test_logits, test_labels)}
        self.fitted = {name: temperature.fit_temperature(*part) for name, part in self.parts.items()}
        self.grid = np.geomspace(LOW, HIGH, STEPS)
        self.curves = {
            name: [temperature.nll_at_temperature(*part, float(t)) for t in self.grid]
            for name, part in self.parts.items()
        }
        controls = {
            "temperature": log_slider("temperature", 1.0, LOW, HIGH),
            "fitted_on": choice("fitted on", [CALIB, TEST]),
        }
        super().__init__("One number that repairs confidence", controls, source)

    def draw(self) -> tuple[str, str]:
        """The loss over 1/T and the reliability of the test part."""
        t = self.controls["temperature"].value
        on = "calib" if self.controls["fitted_on"].value == CALIB else "test"
        best = self.fitted[on]
        nll = {name: temperature.nll_at_temperature(*part, t) for name, part in self.parts.items()}
        confidence, correct = self._test_at(t)
        ece = {word: _ece(*self._test_at(value)) for word, value in (("here", t), ("before", 1.0), ("fitted", best))}
        gap = calibration.signed_gap(confidence, correct)
        marks = self._losses(t, best, nll)
        chart = Chart((540, 60, 330, 300), (0, 1), (0, 1))
        chart.axes(shares(0.25), shares(0.25), "confidence", "accuracy", "test, at this temperature")
        chart.line([0, 1], [0, 1], FAINT, width=3)
        bins = calibration.reliability_bins(confidence, correct, 12)
        filled = bins.count > 0
        look = look_of("kd")
        chart.line(bins.confidence[filled].tolist(), bins.accuracy[filled].tolist(), look.colour)
        for c, a in zip(bins.confidence[filled].tolist(), bins.accuracy[filled].tolist(), strict=True):
            chart.point(c, a, look.colour)
        marks += chart.marks
        line = f"test ECE: {ece['here']:.3f} here, {ece['before']:.3f} at T = 1, "
        line += f"{ece['fitted']:.3f} at the fitted {best:.3f}"
        marks.append(words(60, 445, line, size=16))
        peeks = (
            " This temperature has seen the images it is reported on, so its numbers flatter." if on == "test" else ""
        )
        said = (
            f"At T = {t:.3g} the NLL is {nll['calib']:.3f} on calib and {nll['test']:.3f} on test, the test ECE "
            f"{ece['here']:.3f} and its signed gap {gap:+.3f}. The lowest NLL on {on} is at T = {best:.3f}, where the "
            f"test ECE is {ece['fitted']:.3f}; unscaled it is {ece['before']:.3f}. No answer changes.{peeks}"
        )
        return picture(marks, *SIZE, said), said

    def _test_at(self, t: float) -> tuple[Tensor, Tensor]:
        logits, labels = self.parts["test"]
        return _sure_and_right(logits / t, labels)

    def _losses(self, t: float, best: float, nll: dict[str, float]) -> list[str]:
        inverse = 1 / self.grid
        values = [value for curve in self.curves.values() for value in curve]
        lowest = min(values)
        top = min(max(values), lowest + 3 * (max(self.curves["calib"][STEPS // 2], nll["calib"]) - lowest) + 0.3)
        chart = Chart((70, 60, 400, 300), (0, 1 / LOW), (lowest - 0.05, top))
        y_ticks = nice(lowest - 0.05, top, "{:.2f}".format)
        chart.axes([(k, str(k)) for k in range(6)], y_ticks, "1 / T", "NLL (nats)", "the loss is convex in 1 / T")
        for name, dash, colour in (("calib", "", look_of("mixup_kd").colour), ("test", "7 4", look_of("mixup").colour)):
            inside = [k for k, value in enumerate(self.curves[name]) if value <= top]
            chart.line(inverse[inside], [self.curves[name][k] for k in inside], colour, dash=dash)
            if nll[name] <= top:
                chart.point(1 / t, nll[name], colour, "o" if name == "calib" else "s")
            chart.label(1 / LOW, lowest, name, colour, "end", dy=-24 if name == "calib" else -4)
        chart.line([1 / best, 1 / best], [lowest - 0.05, top], QUIET, dash="4 4", width=1.5)
        chart.label(1 / best, top, f" fitted: T = {best:.3f}", QUIET, dy=14)
        return chart.marks


def _ece(confidence: Tensor, correct: Tensor) -> float:
    return calibration.expected_calibration_error(confidence, correct, 15)
