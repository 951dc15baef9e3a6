"""figures: the pictures that stand for widgets where none run.

python -m course_lib.widgets.figures notebooks/figures
"""

import sys
from collections.abc import Callable
from pathlib import Path

from course_lib import widgets
from course_lib.plots.style import Picture, save
from course_lib.widgets.answers import Guess, record_picture
from course_lib.widgets.static import as_picture

GUESSES = ((0.9, True), (0.8, False), (0.95, True), (0.6, False), (0.7, True), (0.4, False), (0.55, True), (1.0, True))


def temperature_explorer() -> Picture:
    """Softened, so that there is something to see."""
    explorer = widgets.TemperatureExplorer()
    explorer.controls["temperature"].value = 3.0
    return explorer.static()


def mixup_explorer() -> Picture:
    """With two models that are trained for it, as in lesson 3."""
    models = {"teacher": widgets.train("teacher"), "student": widgets.train("mixup_kd")}
    explorer = widgets.MixupExplorer(models=models)
    explorer.controls["first"].value = 7
    explorer.controls["lam"].value = 0.4
    return explorer.static()


def predict_then_run() -> Picture:
    """The record of a reader who has made a few guesses."""
    return as_picture(record_picture([Guess(*guess) for guess in GUESSES])[0])


FIGURES: dict[str, Callable[[], Picture]] = {
    "temperature_explorer": temperature_explorer,
    "mixup_explorer": mixup_explorer,
    "reliability_explorer": lambda: widgets.ReliabilityExplorer().static(),
    "scaling_explorer": lambda: widgets.ScalingExplorer().static(),
    "tradeoff_explorer": lambda: widgets.TradeoffExplorer().static(),
    "predict_then_run": predict_then_run,
}


def write(folder: Path) -> list[Path]:
    """Write all pictures as PNG, their words inside; returns their paths."""
    paths = []
    for name, figure in FIGURES.items():
        paths.append(folder / f"{name}.png")
        save(figure(), paths[-1])
    return paths


if __name__ == "__main__":
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else "notebooks/figures")):
        print(path)
