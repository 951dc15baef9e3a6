"""tradeoff: accuracy against calibration over the distillation temperature, from a shipped table or trained now."""

import threading
from collections.abc import Mapping
from typing import Any

import ipywidgets

from course_lib import calibration, results
from course_lib.errors import CourseError
from course_lib.plots.style import MINUS, QUIET, look_of
from course_lib.widgets.explorer import NAMED, WIDE, Explorer, choice, told
from course_lib.widgets.placing import Note, placed
from course_lib.widgets.svg import Chart, nice, picture, words

SIZE = (900, 500)
MEASURES = {"ECE": "ece", "signed gap": "signed_gap", "NLL (nats)": "nll"}
BEFORE, AFTER = "as trained", "after temperature scaling"
ARMS = ("kd", "mixup_kd")
Row = Mapping[str, Any]


class _Stopped(Exception):
    """The reader has pressed stop."""


class TradeoffExplorer(Explorer):
    """Students of one teacher at each distillation temperature."""

    def __init__(self, result: str = "digits/temperature-tradeoff"):
        """Explore a shipped study.

        Args:
            result: ``<data>/temperature-tradeoff``; a point can be trained now where the data are digits.

        Raises:
            CourseError: If there is no such result, or it holds no such table.
        """
        found = results.load(result)
        self.rows: list[Row] = [row for row in found.table("pareto") if row["arm"] in ARMS]
        summary = found.table("summary")
        self.seeds: list[Row] = [row for row in summary if row["arm"] in ARMS and row["split"] == "test"]
        self.trained: list[Row] = []
        self.training: threading.Thread | None = None
        self._stop = threading.Event()
        self._failed = ""
        self.progress = ipywidgets.FloatProgress(
            min=0.0, max=1.0, style={"description_width": "9em"}, layout={"width": "320px"}
        )
        temperatures = sorted({float(row["distillation_temperature"]) for row in self.rows})
        controls: dict[str, Any] = {
            "measure": choice("over accuracy stands", list(MEASURES)),
            "scaling": choice("models are taken", [BEFORE, AFTER]),
            "temperature": ipywidgets.SelectionSlider(
                options=[(f"{t:g}", t) for t in temperatures],
                value=temperatures[min(1, len(temperatures) - 1)],
                description="distillation temperature",
                style=NAMED,
                layout=WIDE,
            ),
        }
        rows: list[ipywidgets.Widget] = list(controls.values())
        if found.manifest["data"] == "digits":  # what is trained here has no place among students of other data
            controls |= {
                "arm": choice("arm to train", list(ARMS), "mixup_kd"),
                "train": ipywidgets.Button(description="train this point now", tooltip="on digits, some seconds"),
                "stop": ipywidgets.Button(description="stop", disabled=True, tooltip="end the training"),
            }
            controls["train"].on_click(self._start)
            controls["stop"].on_click(lambda _: self._stop.set())
            rows += [controls["arm"], ipywidgets.HBox([controls["train"], controls["stop"], self.progress])]
        super().__init__(f"Accuracy against calibration: {found.manifest['data']}", controls, told(found), rows)

    def draw(self) -> tuple[str, str]:
        """All students, the seeds of the chosen temperature, and what was trained here."""
        measure, key = self.controls["measure"].value, MEASURES[self.controls["measure"].value]
        chosen = self.controls["temperature"].value
        rows, seeds, trained = (self._taken(each) for each in (self.rows, self.seeds, self.trained))
        chart = _frame([*rows, *seeds, *trained], key, measure)
        if key == "signed_gap":
            chart.marks.append(words(872, 90, "above 0: claims too much", colour=QUIET, anchor="end"))
        here: dict[str, Row] = {}
        notes: list[Note] = []
        for arm in ARMS:
            path = sorted((row for row in rows if row["arm"] == arm), key=lambda row: row["distillation_temperature"])
            here[arm] = next(row for row in path if row["distillation_temperature"] == chosen)
            of_point = [row for row in seeds if row["arm"] == arm and row["distillation_temperature"] == chosen]
            notes += _path(chart, path, here[arm], of_point, key)
        for row in trained:
            colour = look_of(row["arm"]).colour
            chart.ring(row["accuracy"], row[key], 9, colour, 3)
            word = f"yours, T {row['distillation_temperature']:g}"
            notes.append(Note(*chart.at(row["accuracy"], row[key]), word, colour))
        seen = [row for row in seeds if row["distillation_temperature"] == chosen]
        points = [chart.at(row["accuracy"], row[key]) for row in (*rows, *seen, *trained)]
        chart.marks += placed(notes, points, (80, 72, 870, 438))
        chart.marks += _names()
        said = self._said(measure, key, chosen, here)
        return picture(chart.marks, *SIZE, said), said

    def _taken(self, rows: list[Row]) -> list[Row]:
        """The rows of models as they are taken: as trained, or after temperature scaling."""
        scaling = "none" if self.controls["scaling"].value == BEFORE else "temperature"
        return [row for row in rows if row["scaling"] == scaling]

    def _said(self, measure: str, key: str, chosen: float, here: Mapping[str, Row]) -> str:
        parts = [
            f"{arm}: accuracy {float(row['accuracy']):.3f}, {measure} {float(row[key]):.3f}"
            for arm, row in here.items()
        ]
        said = f"At distillation temperature {chosen:g}, {self.controls['scaling'].value}, means over seeds: "
        said += f"{'; '.join(parts)}. Small dots are the single seeds: where they mingle, the order of two means is "
        said += "chance. The study's table of differences has the intervals."
        if self.trained:
            row = self._taken(self.trained)[-1]
            said += f" You trained {row['arm']} at T = {row['distillation_temperature']:g}, one seed: "
            said += f"accuracy {row['accuracy']:.3f}, {measure} {row[key]:.3f}."
        said += f" The training failed: {self._failed}." if self._failed else ""
        return said.replace(" -", f" {MINUS}")

    def _start(self, _: Any = None) -> None:
        if self.training is not None and self.training.is_alive():
            return
        self._stop.clear()
        self.controls["train"].disabled, self.controls["stop"].disabled = True, False
        arm, temperature = self.controls["arm"].value, self.controls["temperature"].value
        self.training = threading.Thread(target=self._train, args=(arm, temperature), daemon=True)
        self.training.start()

    def _train(self, arm: str, temperature: float) -> None:
        """Train one student, in a thread of its own; sliders go on answering."""
        self.progress.value, self.progress.description, self._failed = 0.0, f"{arm}, T {temperature:g}", ""
        try:
            seed = 1000 + len(self.trained) // 2  # two rows for each student; the study had the small seeds
            self.trained = [*self.trained, *_student(arm, temperature, seed, self._tick)]
            self.progress.description = "done"
        except _Stopped:
            self.progress.description = "stopped"
        except CourseError as error:
            self.progress.description, self._failed = "failed", str(error)
        finally:
            self.controls["train"].disabled, self.controls["stop"].disabled = False, True
            self._redraw()

    def _tick(self, done: float) -> None:
        if self._stop.is_set():
            raise _Stopped
        if done - self.progress.value > 0.02 or done == 1:
            self.progress.value = done


def _student(arm: str, temperature: float, seed: int, tick: Any) -> list[Row]:
    """One student of digits, as trained and after scaling on calib; the numbers are those of test."""
    from course_lib.temperature import fit_temperature, scaled_logits
    from course_lib.widgets import live

    student = live.train(arm, temperature, seed=seed, tick=tick)
    fitted = fit_temperature(student.calib.logits, student.calib.labels)
    rows = []
    for scaling, t in (("none", 1.0), ("temperature", fitted)):
        found = calibration.measure(scaled_logits(student.test.logits, t), student.test.labels)
        numbers = {"accuracy": found.accuracy, **{key: getattr(found, key) for key in MEASURES.values()}}
        rows.append({"arm": arm, "distillation_temperature": temperature, "scaling": scaling, **numbers})
    return rows


def _path(chart: Chart, path: list[Row], here: Row, seeds: list[Row], key: str) -> list[Note]:
    """Draw the means of one arm along the temperature, and the seeds of the chosen one; what stands beside them."""
    look = look_of(here["arm"])
    chart.line([row["accuracy"] for row in path], [row[key] for row in path], look.colour, width=1.2)
    for row in seeds:
        ends = [here["accuracy"], row["accuracy"]], [here[key], row[key]]
        chart.line(*ends, look.colour, width=0.8, dash="2 3")
        chart.ring(row["accuracy"], row[key], 3, look.colour, 1, look.colour)
    notes = []
    for row in path:
        x, y = row["accuracy"], row[key]
        if row is here:
            chart.ring(x, y, 13, QUIET)
        chart.point(x, y, look.colour, str(look.marker))
        word = f"T {row['distillation_temperature']:g}"
        notes.append(Note(*chart.at(x, y), word, look.colour, bold=row is here))
    return notes


def _names() -> list[str]:
    """The arms by name, with their marks."""
    key = Chart((0, 0, SIZE[0], SIZE[1]), (0, SIZE[0]), (SIZE[1], 0))
    for arm, x in zip(ARMS, (690, 760), strict=True):
        key.point(x, 28, look_of(arm).colour, str(look_of(arm).marker))
        key.marks.append(words(x + 12, 34, arm, colour=look_of(arm).colour, bold=True))
    return key.marks


def _frame(points: list[Any], key: str, measure: str) -> Chart:
    """Axes around all points, the same for every temperature, with room for labels."""
    x, y = [float(row["accuracy"]) for row in points], [float(row[key]) for row in points]
    wide, high = max(max(x) - min(x), 0.01), max(max(y) - min(y), 0.005)
    left, right = min(x) - 0.06 * wide, max(x) + 0.06 * wide
    low, top = min(y) - 0.1 * high, max(y) + 0.1 * high
    chart = Chart((80, 70, 790, 370), (left, right), (low, top))
    sizes = nice(low, top, lambda value: f"{value:.3f}".replace("-", MINUS))
    chart.axes(nice(left, right, "{:.1%}".format), sizes, "accuracy on test", measure)
    return chart
