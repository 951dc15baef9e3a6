"""figures: the pictures that stand for widgets where none run.

python -m course_lib.widgets.figures notebooks/figures
"""

import sys
from collections.abc import Callable
from pathlib import Path

from course_lib import widgets
from course_lib.plots.style import save
from course_lib.widgets.answers import Guess, record_picture
from course_lib.widgets.static import as_picture

GUESSES = ((0.9, True), (0.8, False), (0.95, True), (0.6, False), (0.7, True), (0.4, False), (0.55, True), (1.0, True))


def temperature_explorer() -> str:
    """Softened, so that there is something to see."""
    explorer = widgets.TemperatureExplorer()
    explorer.controls["temperature"].value = 3.0
    return explorer.picture.value


def mixup_explorer() -> str:
    """With two models that are trained for it, as in lesson 3."""
    models = {"teacher": widgets.train("teacher"), "student": widgets.train("mixup_kd")}
    explorer = widgets.MixupExplorer(models=models)
    explorer.controls["first"].value = 7
    explorer.controls["lam"].value = 0.4
    return explorer.picture.value


def scaling_explorer() -> str:
    """Near its fitted temperature, so that before and after differ."""
    explorer = widgets.ScalingExplorer()
    explorer.controls["temperature"].value = 0.8
    return explorer.picture.value


def predict_then_run() -> str:
    """The record of a reader who has made a few guesses."""
    return record_picture([Guess(*guess) for guess in GUESSES])[0]


# The SVG that a browser shows, by the name of its file.
FIGURES: dict[str, Callable[[], str]] = {
    "temperature_explorer": temperature_explorer,
    "mixup_explorer": mixup_explorer,
    "reliability_explorer": lambda: widgets.ReliabilityExplorer().picture.value,
    "scaling_explorer": scaling_explorer,
    "tradeoff_explorer": lambda: widgets.TradeoffExplorer().picture.value,
    "predict_then_run": predict_then_run,
}


def write(folder: Path) -> list[Path]:
    """Write all pictures as PNG, their words inside; returns their paths."""
    paths = []
    for name, drawn in FIGURES.items():
        paths.append(folder / f"{name}.png")
        save(as_picture(drawn()), paths[-1])
    return paths


if __name__ == "__main__":
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else "notebooks/figures")):
        print(path)
