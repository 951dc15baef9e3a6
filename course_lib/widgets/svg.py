"""svg: charts as text, which a browser draws sharply at any size, in a few milliseconds.

A chart has a plot area with a scale for each axis. Marks are added in the order in which they are painted. The text
scales with the picture; colours are those of every figure of this course, on a white card that dark themes leave white.
"""

import io
import math
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from html import escape

import numpy as np

from course_lib.plots.style import FAINT, INK, QUIET

Numbers = Sequence[float] | np.ndarray
Ticks = Sequence[tuple[float, str]]
FONT = "system-ui, 'DejaVu Sans', sans-serif"
SHAPES: dict[str, Callable[[float, float], str]] = {
    "o": lambda x, y: f"<circle cx='{x:.1f}' cy='{y:.1f}' r='6'/>",
    "s": lambda x, y: f"<rect x='{x - 5.5:.1f}' y='{y - 5.5:.1f}' width='11' height='11'/>",
    "^": lambda x, y: f"<path d='M{x:.1f},{y - 7:.1f}l7,12h-14z'/>",
    "D": lambda x, y: f"<path d='M{x:.1f},{y - 7:.1f}l7,7l-7,7l-7,-7z'/>",
    "P": lambda x, y: f"<path d='M{x - 2.5:.1f},{y - 7:.1f}h5v4.5h4.5v5h-4.5v4.5h-5v-4.5h-4.5v-5h4.5z'/>",
}


def shares(step: float = 0.2) -> list[tuple[float, str]]:
    """Ticks of an axis of shares, in percent."""
    return [(k * step, f"{k * step:.0%}") for k in range(round(1 / step) + 1)]


def nice(low: float, high: float, show: Callable[[float], str], about: int = 5) -> list[tuple[float, str]]:
    """Ticks at round numbers between two values.

    Example:
        >>> nice(0.513, 1.17, "{:.1f}".format)
        [(0.6, '0.6'), (0.8, '0.8'), (1.0, '1.0')]
    """
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    first = math.ceil(low / step)
    return [(round(k * step, 12), show(k * step)) for k in range(first, math.floor(high / step) + 1)]


class Chart:
    """One plot area inside a picture.

    Attributes:
        marks: SVG elements so far.
    """

    def __init__(
        self,
        box: tuple[float, float, float, float],
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        log_x: bool = False,
    ):
        """Lay out a plot area.

        Args:
            box: Left, top, width and height, in pixels of the picture.
            x: Values at the left and right edge.
            y: Values at the lower and upper edge.
            log_x: Whether the horizontal scale is logarithmic; both values are then above 0.
        """
        self.left, self.top, self.width, self.height = box
        self._x = (math.log(x[0]), math.log(x[1])) if log_x else x
        self._y = y
        self._log = log_x
        self.marks: list[str] = []

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies, in pixels."""
        value = math.log(x) if self._log else x
        across = (value - self._x[0]) / (self._x[1] - self._x[0])
        up = (y - self._y[0]) / (self._y[1] - self._y[0])
        return self.left + across * self.width, self.top + (1 - up) * self.height

    def axes(self, x_ticks: Ticks, y_ticks: Ticks, x_label: str, y_label: str, title: str = "") -> None:
        """Grid, ticks, and words at the axes; the vertical label stands above its axis, where it is read upright."""
        for value, word in y_ticks:
            _, y = self.at(math.exp(self._x[0]) if self._log else self._x[0], value)
            self.marks.append(f"<path d='M{self.left:.1f},{y:.1f}h{self.width:.1f}' stroke='{FAINT}'/>")
            self.marks.append(words(self.left - 8, y + 5, word, anchor="end", size=15))
        for value, word in x_ticks:
            x, _ = self.at(value, self._y[0])
            self.marks.append(words(x, self.top + self.height + 20, word, anchor="middle", size=15))
        base = self.top + self.height
        self.marks.append(f"<path d='M{self.left:.1f},{base:.1f}h{self.width:.1f}' stroke='{QUIET}'/>")
        self.marks.append(words(self.left + self.width / 2, base + 42, x_label, anchor="middle"))
        self.marks.append(words(self.left - 8, self.top - 12, y_label, colour=QUIET))
        if title:
            self.marks.append(words(self.left - 8, self.top - (36 if y_label else 14), title, size=17, bold=True))

    def line(self, x: Numbers, y: Numbers, colour: str, *, dash: str = "", width: float = 2.5) -> None:
        """Points joined by a line; what is not a number is left out."""
        found = [
            self.at(float(a), float(b)) for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)
        ]
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in found)
        style = f"stroke='{colour}' stroke-width='{width}' stroke-dasharray='{dash}'"
        self.marks.append(f"<polyline points='{points}' fill='none' {style}/>")

    def area(self, x: Numbers, low: Numbers, high: Numbers, colour: str, opacity: float = 0.15) -> None:
        """The space between two lines."""
        there = [self.at(float(a), float(b)) for a, b in zip(x, low, strict=True)]
        back = [self.at(float(a), float(b)) for a, b in zip(x, high, strict=True)][::-1]
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in [*there, *back])
        self.marks.append(f"<polyline points='{points}' fill='{colour}' fill-opacity='{opacity}'/>")

    def bar(self, x: tuple[float, float], y: tuple[float, float], colour: str, opacity: float = 1.0) -> None:
        """A rectangle between two values on each axis."""
        (left, low), (right, high) = self.at(x[0], y[0]), self.at(x[1], y[1])
        size = f"width='{max(0.0, right - left):.1f}' height='{abs(low - high):.1f}'"
        place = f"x='{left:.1f}' y='{min(low, high):.1f}'"
        self.marks.append(f"<rect {place} {size} fill='{colour}' fill-opacity='{opacity}'/>")

    def point(self, x: float, y: float, colour: str, shape: str = "o") -> None:
        """One mark; its shape tells arms apart without colour."""
        self.marks.append(f"<g fill='{colour}' stroke='white' stroke-width='1.5'>{SHAPES[shape](*self.at(x, y))}</g>")

    def ring(self, x: float, y: float, radius: float, colour: str, width: float = 1.5, fill: str = "none") -> None:
        """A circle around a point."""
        across, down = self.at(x, y)
        style = f"fill='{fill}' stroke='{colour}' stroke-width='{width}'"
        self.marks.append(f"<circle cx='{across:.1f}' cy='{down:.1f}' r='{radius}' {style}/>")

    def label(
        self,
        x: float,
        y: float,
        text: str,
        colour: str = INK,
        anchor: str = "start",
        dy: float = 0.0,
        dx: float = 0.0,
        bold: bool = False,
    ) -> None:
        """Words beside a point, on a white edge that keeps them readable on lines."""
        left, top = self.at(x, y)
        self.marks.append(words(left + dx, top + 5 + dy, text, colour=colour, anchor=anchor, bold=bold, edge=True))


def words(
    x: float,
    y: float,
    text: str,
    *,
    colour: str = INK,
    anchor: str = "start",
    size: float = 16,
    bold: bool = False,
    edge: bool = False,
) -> str:
    """A line of text, escaped; an edge is white and lies behind the letters."""
    weight = "bold" if bold else "normal"
    place = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' fill='{colour}'"
    behind = " stroke='white' stroke-width='5' stroke-linejoin='round' paint-order='stroke'" if edge else ""
    return f"<text {place} font-size='{size:g}' font-weight='{weight}'{behind}>{escape(text)}</text>"


def pixels(image: np.ndarray, x: float, y: float, side: float) -> str:
    """A small picture, enlarged without smoothing.

    Args:
        image: (H, W) or (H, W, 3), uint8, or float in [0, 1].
        x: Of the left edge.
        y: Of the upper edge.
        side: Width and height in pixels of the picture.
    """
    from PIL import Image

    values = image if image.dtype == np.uint8 else (255 * np.clip(image, 0, 1)).round().astype(np.uint8)
    stored = io.BytesIO()
    Image.fromarray(values).save(stored, format="png")
    data = b64encode(stored.getvalue()).decode()
    place = (
        f"x='{x:.1f}' y='{y:.1f}' width='{side:g}' height='{side:g}' style='image-rendering:pixelated' decoding='sync'"
    )
    frame = f"<rect x='{x:.1f}' y='{y:.1f}' width='{side:g}' height='{side:g}' fill='none' stroke='{QUIET}'/>"
    return f"<image {place} href='data:image/png;base64,{data}'/>{frame}"


def picture(marks: Iterable[str], width: int, height: int, alt: str) -> str:
    """Marks as one picture with its description, as wide as its place allows."""
    card = f"<rect width='{width}' height='{height}' fill='white'/>"
    name = f"role='img' aria-label='{escape(alt, quote=True)}'"
    view = f"viewBox='0 0 {width} {height}' style='width:100%;max-width:{width}px;display:block'"
    space = "xmlns='http://www.w3.org/2000/svg'"
    return f'<svg {space} {name} {view} font-family="{FONT}">{card}{"".join(marks)}</svg>'
