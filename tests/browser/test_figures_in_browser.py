"""The pictures that stand for widgets where none run show what a browser shows of the widgets."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_lib.widgets.figures import FIGURES

pytestmark = pytest.mark.verify
KEPT = Path(__file__).parent.parent.parent / "notebooks" / "figures"


@pytest.mark.parametrize("name", FIGURES)
def test_a_static_picture_is_what_the_widget_shows(browser, name):
    page = browser.new_page(viewport={"width": 920, "height": 760}, device_scale_factor=1.5)
    page.set_content(f"<body style='margin:0'>{FIGURES[name]()}</body>")
    taken = io.BytesIO(page.locator("svg").screenshot())
    page.close()
    drawn, kept = (np.asarray(Image.open(source).convert("L"), float) for source in (taken, KEPT / f"{name}.png"))
    assert drawn.shape == kept.shape
    assert np.abs(drawn - kept).mean() < 4  # fonts and the last digit of a training may differ, not what is shown
