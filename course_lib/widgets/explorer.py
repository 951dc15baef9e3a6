"""explorer: what all explorers have in common: controls, one picture that is redrawn, and its reading in words."""

from collections.abc import Mapping
from html import escape
from typing import Any

import ipywidgets
import numpy as np
import torch
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.plots.style import INK, QUIET
from course_lib.results import Result

WIDE = ipywidgets.Layout(width="min(640px, 98%)")


class Explorer(ipywidgets.VBox):
    """A picture that answers to controls.

    Attributes:
        controls: By name; all are reached and moved by keyboard.
        picture: The picture, an SVG with a description.
        reading: What it says now, in words; announced by screen readers.
    """

    def __init__(self, title: str, controls: Mapping[str, Any], source: str = ""):
        """Show a title, controls, the picture, its reading, and where the data come from; draw for the first time."""
        self.controls = dict(controls)
        self.picture = ipywidgets.HTML()
        self.reading = ipywidgets.HTML()
        for control in self.controls.values():
            if "value" in control.traits() and not isinstance(control, ipywidgets.Button):
                control.observe(self._redraw, names="value")
        parts = [ipywidgets.HTML(f"<strong style='font-size:17px'>{escape(title)}</strong>"), *self.controls.values()]
        parts += [self.picture, self.reading]
        if source:
            parts.append(ipywidgets.HTML(f"<span style='font-size:12px;color:{QUIET}'>{escape(source)}</span>"))
        super().__init__(parts)
        self._redraw()

    def draw(self) -> tuple[str, str]:
        """The picture as SVG, and its reading in plain words, for the controls as they stand."""
        raise NotImplementedError

    def _redraw(self, _: Any = None) -> None:
        drawn, said = self.draw()
        self.picture.value = drawn
        style = f"background:white;color:{INK};font-size:15px;line-height:1.4;padding:4px 8px;max-width:900px"
        self.reading.value = f"<div role='status' aria-live='polite' style='{style}'>{escape(said)}</div>"


def float_slider(words: str, value: float, low: float, high: float, step: float) -> ipywidgets.FloatSlider:
    """A slider with its name beside it, which answers while it moves."""
    return ipywidgets.FloatSlider(
        value=value, min=low, max=high, step=step, description=words, style={"description_width": "11em"}, layout=WIDE
    )


def log_slider(words: str, value: float, low: float, high: float, steps: int = 60) -> ipywidgets.FloatLogSlider:
    """A slider whose places are equal factors apart."""
    first, last = np.log10(low), np.log10(high)
    return ipywidgets.FloatLogSlider(
        value=value,
        base=10,
        min=first,
        max=last,
        step=(last - first) / steps,
        description=words,
        readout_format=".3g",
        style={"description_width": "11em"},
        layout=WIDE,
    )


def int_slider(words: str, value: int, low: int, high: int) -> ipywidgets.IntSlider:
    """A slider of whole numbers."""
    return ipywidgets.IntSlider(
        value=value, min=low, max=high, description=words, style={"description_width": "11em"}, layout=WIDE
    )


def choice(words: str, options: Any, value: Any = None) -> ipywidgets.Dropdown:
    """A list to choose from."""
    given = {} if value is None else {"value": value}
    return ipywidgets.Dropdown(
        options=options, description=words, style={"description_width": "11em"}, layout=WIDE, **given
    )


def checked(logits: Any, labels: Any) -> tuple[Tensor, Tensor]:
    """A reader's own predictions as tensors.

    Args:
        logits: (N, K) of anything that becomes a tensor.
        labels: (N,) likewise.

    Returns:
        (N, K) float64 and (N,) int64.

    Raises:
        CourseError: If the shapes do not fit, or a label is no class.
    """
    values, classes = torch.as_tensor(logits).double(), torch.as_tensor(labels).long()
    if values.ndim != 2 or classes.ndim != 1 or len(values) != len(classes) or len(values) == 0 or values.shape[1] < 2:
        raise CourseError(
            f"logits must be (N, K) and labels (N,), got {tuple(values.shape)} and {tuple(classes.shape)}: "
            "give one row of logits and one class per image"
        )
    if not values.isfinite().all() or classes.min() < 0 or classes.max() >= values.shape[1]:
        raise CourseError(f"logits must be finite, labels classes from 0 to {values.shape[1] - 1}")
    return values, classes


def told(result: Result) -> str:
    """The manifest of a shipped result in one line."""
    manifest = result.manifest
    machine = manifest["environment"]
    parts = [f"{result.name}: {manifest['command']}", f"revision {manifest['revision']}", f"seeds {manifest['seeds']}"]
    return " · ".join([*parts, f"{machine['processor']}, {machine['threads']} thread, torch {machine['torch']}"])
