"""tradeoff: accuracy against calibration over the distillation temperature, from a shipped table or trained now."""

import threading
from collections.abc import Mapping
from typing import Any

import ipywidgets

from course_lib import calibration, results
from course_lib.plots.style import QUIET, look_of
from course_lib.predictions import accuracy, confidence_and_correct, negative_log_likelihood
from course_lib.widgets.explorer import Explorer, choice, told
from course_lib.widgets.svg import Chart, nice, picture, words

SIZE = (900, 470)
MEASURES = {"ECE": "ece", "signed gap": "signed_gap", "NLL (nats)": "nll"}
BEFORE, AFTER = "as trained", "after temperature scaling"
ARMS = ("kd", "mixup_kd")


class _Stopped(Exception):
    """The reader has pressed stop."""


class TradeoffExplorer(Explorer):
    """Students of one teacher at each distillation temperature."""

    def __init__(self, result: str = "digits/temperature-tradeoff"):
        """Explore a shipped study.

        Args:
            result: ``<data>/temperature-tradeoff``.

        Raises:
            CourseError: If there is no such result, or it holds no such table.
        """
        found = results.load(result)
        self.rows: list[dict[str, Any]] = [dict(row) for row in found.table("pareto") if row["arm"] in ARMS]
        temperatures = sorted({float(row["distillation_temperature"]) for row in self.rows})
        self.trained: list[dict[str, Any]] = []
        self.training: threading.Thread | None = None
        self._stop = threading.Event()
        self.progress = ipywidgets.FloatProgress(min=0.0, max=1.0, description="", layout={"width": "200px"})
        controls = {
            "measure": choice("over accuracy stands", list(MEASURES)),
            "scaling": choice("models are taken", [BEFORE, AFTER]),
            "temperature": ipywidgets.SelectionSlider(
                options=[(f"{t:g}", t) for t in temperatures],
                value=temperatures[min(1, len(temperatures) - 1)],
                description="temperature",
                style={"description_width": "11em"},
                layout={"width": "min(640px, 98%)"},
            ),
            "arm": choice("arm to train", list(ARMS), "mixup_kd"),
            "train": ipywidgets.Button(description="train this point now", tooltip="on digits, some seconds"),
            "stop": ipywidgets.Button(description="stop", disabled=True, tooltip="end the training"),
        }
        controls["train"].on_click(self._start)
        controls["stop"].on_click(lambda _: self._stop.set())
        super().__init__("Accuracy against calibration", controls, told(found))
        self.children = (*self.children, self.progress)

    def draw(self) -> tuple[str, str]:
        """All students, those of the chosen temperature marked, and what was trained here."""
        measure, key = self.controls["measure"].value, MEASURES[self.controls["measure"].value]
        scaling = "none" if self.controls["scaling"].value == BEFORE else "temperature"
        chosen = self.controls["temperature"].value
        rows = [row for row in self.rows if row["scaling"] == scaling]
        points = [*rows, *(row for row in self.trained if row["scaling"] == scaling)]
        chart = _frame(points, key, measure)
        here: dict[str, Mapping[str, Any]] = {}
        for arm in ARMS:
            look = look_of(arm)
            path = sorted((row for row in rows if row["arm"] == arm), key=lambda row: row["distillation_temperature"])
            chart.line([row["accuracy"] for row in path], [row[key] for row in path], look.colour, width=1.2)
            for row in path:
                at = float(row["distillation_temperature"])
                x, y = float(row["accuracy"]), float(row[key])
                chart.point(x, y, look.colour, str(look.marker))
                chart.label(x, y, f"T {at:g}", look.colour, "middle", dy=-16 if arm == "kd" else 20)
                if at == chosen:
                    here[arm] = row
                    across, down = chart.at(x, y)
                    chart.marks.append(_ring(across, down, 13, QUIET, 1))
        for row in self.trained:
            if row["scaling"] == scaling:
                look = look_of(row["arm"])
                across, down = chart.at(row["accuracy"], row[key])
                chart.marks.append(_ring(across, down, 9, look.colour, 3))
                chart.label(
                    row["accuracy"], row[key], f"yours, T {row['distillation_temperature']:g}", look.colour, dy=22
                )
        for place, arm in enumerate(ARMS):
            chart.marks.append(words(640 + 120 * place, 34, arm, colour=look_of(arm).colour, size=16))
        parts = [
            f"{arm}: accuracy {float(row['accuracy']):.3f}, {measure} {float(row[key]):.3f}"
            for arm, row in here.items()
        ]
        said = f"At distillation temperature {chosen:g}, {self.controls['scaling'].value}, means over seeds: "
        said += f"{'; '.join(parts)}. "
        said += "Small differences here lie within the spread of seeds: the table of differences has the intervals."
        if self.trained:
            row = self.trained[-1]
            said += f" You trained {row['arm']} at T = {row['distillation_temperature']:g}, one seed: "
            said += f"accuracy {row['accuracy']:.3f}."
        return picture(chart.marks, *SIZE, said), said

    def _start(self, _: Any = None) -> None:
        if self.training is not None and self.training.is_alive():
            return
        self._stop.clear()
        self.controls["train"].disabled, self.controls["stop"].disabled = True, False
        arm, temperature = self.controls["arm"].value, self.controls["temperature"].value
        self.training = threading.Thread(target=self._train, args=(arm, temperature), daemon=True)
        self.training.start()

    def _train(self, arm: str, temperature: float) -> None:
        from course_lib.temperature import fit_temperature, scaled_logits
        from course_lib.widgets import live

        def tick(done: float) -> None:
            if self._stop.is_set():
                raise _Stopped
            if done - self.progress.value > 0.02 or done == 1:
                self.progress.value = done

        self.progress.value, self.progress.description = 0.0, f"{arm}, T {temperature:g}"
        try:
            seed = 1000 + len(self.trained)
            student = live.train(arm, temperature, seed=seed, tick=tick)
            fitted = fit_temperature(student.calib.logits, student.calib.labels)
            for scaling, t in (("none", 1.0), ("temperature", fitted)):
                logits, labels = scaled_logits(student.test.logits, t), student.test.labels
                confidence, correct = confidence_and_correct(logits, labels)
                row = {
                    "arm": arm,
                    "distillation_temperature": temperature,
                    "scaling": scaling,
                    "accuracy": accuracy(logits, labels),
                    "ece": calibration.expected_calibration_error(confidence, correct),
                    "signed_gap": calibration.signed_gap(confidence, correct),
                    "nll": negative_log_likelihood(logits, labels),
                }
                self.trained = [*self.trained, row]
            self.progress.description = "done"
        except _Stopped:
            self.progress.description = "stopped"
        finally:
            self.controls["train"].disabled, self.controls["stop"].disabled = False, True
            self._redraw()


def _ring(x: float, y: float, radius: float, colour: str, width: float) -> str:
    return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{radius}' fill='none' stroke='{colour}' stroke-width='{width}'/>"


def _frame(points: list[Any], key: str, measure: str) -> Chart:
    """Axes around all points, with room for their labels."""
    x, y = [float(row["accuracy"]) for row in points], [float(row[key]) for row in points]
    wide, high = max(max(x) - min(x), 0.01), max(max(y) - min(y), 0.005)
    left, right = min(x) - 0.12 * wide, max(x) + 0.12 * wide
    low, top = min(y) - 0.2 * high, max(y) + 0.2 * high
    chart = Chart((80, 60, 780, 330), (left, right), (low, top))
    chart.axes(nice(left, right, "{:.1%}".format), nice(low, top, "{:.3f}".format), "accuracy on test", measure)
    return chart
