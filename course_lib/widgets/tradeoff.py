"""tradeoff: accuracy against calibration over the distillation temperature, from a shipped table or trained now."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets

from course_lib import results
from course_lib.errors import CourseError
from course_lib.plots.style import MINUS, QUIET, look_of
from course_lib.widgets.explorer import Explorer, choice, places_slider
from course_lib.widgets.placing import Note, placed
from course_lib.widgets.students import ARMS, Row, means_of, students_of, trained_now
from course_lib.widgets.svg import Chart, nice, picture, words

SIZE = (900, 500)
MEASURES = {"ECE": "ece", "signed gap": "signed_gap", "NLL (nats)": "nll"}
BEFORE, AFTER = "as trained", "after temperature scaling"


class _Stopped(Exception):
    """The reader has pressed stop."""


class TradeoffExplorer(Explorer):
    """Students of one teacher at each distillation temperature."""

    def __init__(self, result: str = "digits/temperature-tradeoff", run: Any = None):
        """Explore a shipped study, or students of your own.

        Args:
            result: ``<data>/temperature-tradeoff``, or another study whose students distil at two temperatures or
                more; a point can be trained now where the data are digits.
            run: A run folder of yours, or the rows of its ``summary.csv``, with such students of ``kd`` or
                ``mixup_kd``; shown instead of ``result``.

        Raises:
            CourseError: If there is no such result, or no such students.
        """
        found = results.load(result) if run is None else None
        self._shipped = found is not None
        self.seeds = students_of(found.table("summary") if found else run)
        self.rows = means_of(self.seeds)
        self.arms = [arm for arm in ARMS if any(row["arm"] == arm for row in self.rows)]
        self.trained: list[Row] = []
        self.training: threading.Thread | None = None
        self._stop = threading.Event()
        self._failed = ""
        temperatures = sorted({row["distillation_temperature"] for row in self.rows})
        controls: dict[str, Any] = {
            "measure": choice("over accuracy stands", list(MEASURES)),
            "scaling": choice("models are taken", [BEFORE, AFTER]),
            "temperature": places_slider("distillation temperature", temperatures[1], temperatures),
        }
        rows: list[ipywidgets.Widget] = list(controls.values())
        data = found.manifest["data"] if found else "your students"
        if data == "digits":  # what is trained here has no place among students of other data
            controls |= self._training_controls()
            rows += [controls["arm"], ipywidgets.HBox([controls["train"], controls["stop"], self.progress])]
        super().__init__(f"Accuracy against calibration: {data}", controls, found.origin if found else "", rows)

    def _training_controls(self) -> dict[str, Any]:
        """What trains one more student; it shows how far it is in ``progress``."""
        from course_lib.widgets import live

        live.digits()  # read now: the first press has its teacher to train, and torch more to load
        self.progress = ipywidgets.FloatProgress(
            min=0.0, max=1.0, style={"description_width": "9em"}, layout={"width": "320px"}
        )
        train = ipywidgets.Button(description="train this point now", tooltip="on digits, some seconds")
        stop = ipywidgets.Button(description="stop", disabled=True, tooltip="end the training")
        train.on_click(self._start)
        stop.on_click(lambda _: self._stop.set())
        return {"arm": choice("arm to train", list(ARMS), "mixup_kd"), "train": train, "stop": stop}

    def draw(self) -> tuple[str, str]:
        """All students, the seeds of the chosen temperature, and what was trained here."""
        measure, key = self.controls["measure"].value, MEASURES[self.controls["measure"].value]
        chosen = self.controls["temperature"].value
        rows, seeds, trained = (self._taken(each) for each in (self.rows, self.seeds, self.trained))
        seen = [row for row in seeds if row["distillation_temperature"] == chosen]
        chart = _frame([*rows, *seeds, *trained], key, measure)
        if key == "signed_gap":
            chart.marks.append(words(872, 90, "above 0: claims too much", colour=QUIET, anchor="end"))
        here: dict[str, Row] = {}
        notes: list[Note] = []
        for arm in self.arms:
            path = sorted((row for row in rows if row["arm"] == arm), key=lambda row: row["distillation_temperature"])
            for row in path:
                if row["distillation_temperature"] == chosen:
                    here[arm] = row
                    _seeds(chart, row, [seed for seed in seen if seed["arm"] == arm], key)
            notes += _path(chart, path, here.get(arm), key)
        for row in trained:
            colour = look_of(row["arm"]).colour
            chart.ring(row["accuracy"], row[key], 9, colour, 3)
            word = f"yours, T {row['distillation_temperature']:g}"
            notes.append(Note(*chart.at(row["accuracy"], row[key]), word, colour))
        points = [chart.at(row["accuracy"], row[key]) for row in (*rows, *seen, *trained)]
        chart.marks += placed(notes, points, (80, 72, 870, 438))
        chart.marks += _names(self.arms)
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
        said += "chance." + " The study's table of differences has the intervals." * self._shipped
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
            self.trained = [*self.trained, *trained_now(arm, temperature, seed, self._tick)]
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


def _path(chart: Chart, path: list[Row], here: Row | None, key: str) -> list[Note]:
    """Draw the means of one arm along the temperature; what stands beside them."""
    look = look_of(path[0]["arm"])
    chart.line([row["accuracy"] for row in path], [row[key] for row in path], look.colour, width=1.2)
    notes = []
    for row in path:
        x, y = row["accuracy"], row[key]
        if row is here:
            chart.ring(x, y, 13, QUIET)
        chart.point(x, y, look.colour, str(look.marker))
        word = f"T {row['distillation_temperature']:g}"
        notes.append(Note(*chart.at(x, y), word, look.colour, bold=row is here))
    return notes


def _seeds(chart: Chart, mean: Row, seeds: list[Row], key: str) -> None:
    """Draw single seeds, each joined to their mean."""
    colour = look_of(mean["arm"]).colour
    for row in seeds:
        chart.line([mean["accuracy"], row["accuracy"]], [mean[key], row[key]], colour, width=0.8, dash="2 3")
        chart.ring(row["accuracy"], row[key], 3, colour, 1, colour)


def _names(arms: Sequence[str]) -> list[str]:
    """The arms by name, with their marks."""
    key = Chart((0, 0, SIZE[0], SIZE[1]), (0, SIZE[0]), (SIZE[1], 0))
    for arm, x in zip(arms, (690, 760), strict=False):
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
