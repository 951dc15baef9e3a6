"""explorer: what all explorers have in common: controls, one picture that is redrawn, and its reading in words."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from html import escape
from typing import Any, ClassVar

import ipywidgets
import numpy as np

from course_lib.errors import CourseError
from course_lib.plots.style import INK, Picture
from course_lib.widgets.spoken import PLACES, spoken
from course_lib.widgets.static import as_picture
from course_lib.widgets.threads import one_thread

WIDE = ipywidgets.Layout(width="min(640px, 98%)")
NAMED = {"description_width": "12em"}
LARGE = "course-large"  # a class whose names of controls are read from the last row
STYLE = (
    f"<style>.{LARGE} {{--jp-widgets-font-size: 15px; --jp-widgets-inline-height: 30px}}"
    f".{LARGE} select, .{LARGE} option {{background-color: white !important; color: {INK} !important}}"
    f".{LARGE} .jupyter-button {{width: auto; min-width: 9em; align-self: flex-start}}</style>"
)


class Explorer(ipywidgets.VBox):
    """A picture that answers to controls.

    Attributes:
        controls: By name; all are reached and moved by keyboard, and named to screen readers.
        picture: The picture, an SVG with a description.
        reading: What it says now, in words; announced by screen readers.
    """

    small: ClassVar[bool] = True  # whether drawing is so little work that one thread is fastest

    def __init__(
        self, title: str, controls: Mapping[str, Any], source: str = "", rows: Sequence[ipywidgets.Widget] = ()
    ):
        """Show a title, controls, the picture, its reading, and where the data come from; draw for the first time.

        Args:
            title: Of the whole.
            controls: By name; one that has a value redraws the picture when it changes.
            source: The manifest of what is shown, in a line.
            rows: How controls are laid out; by default one below the other.
        """
        self.controls = dict(controls)
        self.picture = ipywidgets.HTML()
        self.reading = ipywidgets.HTML()
        for control in self.controls.values():
            if "value" in control.traits() and not isinstance(control, ipywidgets.Button):
                control.observe(self._redraw, names="value")
        head = ipywidgets.HTML(f"{STYLE}<strong style='font-size:17px'>{escape(title)}</strong>")
        parts = [head, spoken(), *(rows or self.controls.values()), self.picture, self.reading]
        if source:  # without a colour of its own, which one of both themes would not show
            parts.append(ipywidgets.HTML(f"<div style='font-size:13px;line-height:1.4'>{escape(source)}</div>"))
        super().__init__(parts)
        self.add_class(LARGE)
        self._redraw()

    def draw(self) -> tuple[str, str]:
        """The picture as SVG, and its reading in plain words, for the controls as they stand."""
        raise NotImplementedError

    def static(self) -> Picture:
        """The picture as it stands, for where no widget runs."""
        return as_picture(self.picture.value)

    def _redraw(self, _: Any = None) -> None:
        try:
            with one_thread() if self.small else nullcontext():
                drawn, said = self.draw()
        except CourseError as error:
            if not self.picture.value:
                raise  # nothing is shown yet: the caller reads it
            self.reading.value = line(f"This cannot be shown: {error}")
            return
        self.picture.value, self.reading.value = drawn, line(said)


def line(text: str) -> str:
    """Words on a white card, announced by screen readers when they change."""
    style = f"background:white;color:{INK};font-size:16px;line-height:1.45;padding:6px 10px;max-width:880px"
    return f"<div role='status' aria-live='polite' style='{style}'>{escape(text)}</div>"


def float_slider(words: str, value: float, low: float, high: float, step: float) -> ipywidgets.FloatSlider:
    """A slider with its name beside it, which answers while it moves."""
    return ipywidgets.FloatSlider(
        value=value, min=low, max=high, step=step, description=words, tooltip=words, style=NAMED, layout=WIDE
    )


def log_slider(
    words: str, value: float, low: float, high: float, steps: int = 60, readout: str = ".3g"
) -> ipywidgets.FloatLogSlider:
    """A slider whose places are equal factors apart, its value among them; it may end a little beyond ``high``."""
    first, last = np.log10(low), np.log10(high)
    step = (last - first) / steps
    if low < value < high:
        step = (np.log10(value) - first) / max(1, round((np.log10(value) - first) / step))
        last = first + step * round((last - first) / step)
    return ipywidgets.FloatLogSlider(
        value=value,
        base=10,
        min=first,
        max=last,
        step=step,
        description=words,
        tooltip=words,
        readout_format=readout,
        style=NAMED,
        layout=WIDE,
    )


def int_slider(words: str, value: int, low: int, high: int) -> ipywidgets.IntSlider:
    """A slider of whole numbers."""
    return ipywidgets.IntSlider(
        value=value, min=low, max=high, description=words, tooltip=words, style=NAMED, layout=WIDE
    )


def places_slider(words: str, value: float, places: Sequence[float]) -> ipywidgets.SelectionSlider:
    """A slider with a few values, at least two."""
    options = [(f"{place:g}", place) for place in places]
    slider = ipywidgets.SelectionSlider(
        options=options, value=value, description=words, tooltip=words, style=NAMED, layout=WIDE
    )
    return slider.add_class(PLACES)


def choice(words: str, options: Any, value: Any = None) -> ipywidgets.Dropdown:
    """A list to choose from."""
    given = {} if value is None else {"value": value}
    return ipywidgets.Dropdown(options=options, description=words, tooltip=words, style=NAMED, layout=WIDE, **given)
