"""The pictures that stand for widgets where none run: drawn by the browser, the same as those in notebooks/figures.

COURSE_WRITE_FIGURES=1 writes them anew.
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_lib import widgets

pytestmark = pytest.mark.verify
FIGURES = Path(__file__).parent.parent.parent / "notebooks" / "figures"


def mixup_explorer():
    """With its two models, as in lesson 3."""
    models = {"teacher": widgets.train("teacher"), "student": widgets.train("mixup_kd")}
    explorer = widgets.MixupExplorer(models=models)
    explorer.controls["first"].value = 7
    explorer.controls["lam"].value = 0.4
    return explorer


def temperature_explorer():
    """Softened, so that there is something to see."""
    explorer = widgets.TemperatureExplorer()
    explorer.controls["temperature"].value = 3.0
    return explorer


MAKE = {
    "temperature_explorer": temperature_explorer,
    "mixup_explorer": mixup_explorer,
    "reliability_explorer": widgets.ReliabilityExplorer,
    "scaling_explorer": widgets.ScalingExplorer,
    "tradeoff_explorer": widgets.TradeoffExplorer,
}


@pytest.mark.parametrize("name", MAKE)
def test_a_static_picture_is_what_the_widget_shows(browser, name):
    page = browser.new_page(viewport={"width": 920, "height": 760}, device_scale_factor=1.5)
    page.set_content(f"<body style='margin:0'>{MAKE[name]().picture.value}</body>")
    taken = page.locator("svg").screenshot()
    page.close()
    path = FIGURES / f"{name}.png"
    if os.environ.get("COURSE_WRITE_FIGURES"):
        FIGURES.mkdir(exist_ok=True)
        path.write_bytes(taken)
    drawn, kept = (np.asarray(Image.open(source).convert("L"), float) for source in (io.BytesIO(taken), path))
    assert drawn.shape == kept.shape
    assert np.abs(drawn - kept).mean() < 4  # fonts and the last digit of a training may differ, not what is shown
