"""static: the picture of an explorer as a figure, for where no browser draws it: print, GitHub, a script.

It reads the few SVG elements that ``svg`` writes and draws them with matplotlib at the same places, in the same sizes.
"""

import io
import re
from base64 import b64decode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from course_lib.plots.style import PIXELS_PER_INCH, Picture, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHARPNESS = 1.5  # pixels of the file per pixel of the SVG
POINTS = SHARPNESS / PIXELS_PER_INCH * 72  # in matplotlib's unit, per pixel of the SVG
ANCHORS = {"start": "left", "middle": "center", "end": "right"}
Marks = dict[str, str]


def as_picture(drawn: str) -> Picture:
    """What an explorer shows, as a picture.

    Args:
        drawn: SVG from ``svg.picture``.

    Returns:
        The same marks as a matplotlib figure, with the SVG's own description.
    """
    from matplotlib.layout_engine import PlaceHolderLayoutEngine

    root = ElementTree.fromstring(drawn)
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    figure = new_figure(width * SHARPNESS / PIXELS_PER_INCH, height * SHARPNESS / PIXELS_PER_INCH)
    figure.set_layout_engine(PlaceHolderLayoutEngine(True, True))  # every mark has its place already
    axes = figure.add_axes((0, 0, 1, 1))
    for order, (kind, marks, text) in enumerate(_elements(root, {})):
        _DRAW[kind](axes, marks, {"zorder": order + 1}, text)
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    axes.axis("off")
    return Picture(figure, root.attrib["aria-label"])


def _elements(parent: Any, inherited: Marks) -> Iterator[tuple[str, Marks, str]]:
    """Each mark that is painted, in order, with what its group says about it."""
    for element in parent:
        kind, marks = element.tag.rpartition("}")[2], {**inherited, **element.attrib}
        if kind == "g":
            yield from _elements(element, marks)
        else:
            yield kind, marks, element.text or ""


def _number(marks: Marks, name: str, otherwise: float = 0.0) -> float:
    return float(marks.get(name) or otherwise)


def _paint(marks: Marks) -> dict[str, Any]:
    """Fill and outline of a shape."""
    from matplotlib.colors import to_rgba

    fill = to_rgba(marks.get("fill", "black"), _number(marks, "fill-opacity", 1)) if _filled(marks) else "none"
    width = _number(marks, "stroke-width", 1) * POINTS if "stroke" in marks else 0
    return {"facecolor": fill, "edgecolor": marks.get("stroke", "none"), "linewidth": width, **_dashes(marks)}


def _filled(marks: Marks) -> bool:
    return marks.get("fill", "black") != "none"


def _dashes(marks: Marks) -> dict[str, Any]:
    """In matplotlib dashes are counted in line widths, in SVG in pixels."""
    if not marks.get("stroke-dasharray"):
        return {"linestyle": "solid"}
    width = _number(marks, "stroke-width", 1)
    return {"linestyle": (0, [float(part) / width for part in marks["stroke-dasharray"].split()])}


def _rect(axes: "Axes", marks: Marks, order: Any, _: str) -> None:
    from matplotlib.patches import Rectangle

    place = _number(marks, "x"), _number(marks, "y")
    axes.add_patch(Rectangle(place, _number(marks, "width"), _number(marks, "height"), **_paint(marks), **order))


def _circle(axes: "Axes", marks: Marks, order: Any, _: str) -> None:
    from matplotlib.patches import Circle

    axes.add_patch(Circle((_number(marks, "cx"), _number(marks, "cy")), _number(marks, "r"), **_paint(marks), **order))


def _path(axes: "Axes", marks: Marks, order: Any, _: str) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    shape = Path(list(_corners(marks["d"])), closed=False)
    axes.add_patch(PathPatch(shape, **_paint(marks), **order))


def _corners(commands: str) -> Iterator[tuple[float, float]]:
    """The corners of a path of straight lines."""
    x = y = 0.0
    start = (x, y)
    for command, rest in re.findall(r"([MhvlZz])([^MhvlZz]*)", commands):
        steps = [float(number) for number in re.findall(r"-?[\d.]+", rest)]
        if command in "Zz":
            yield start
            continue
        for place in range(0, len(steps), 1 if command in "hv" else 2):
            if command == "M":
                x, y = start = steps[place], steps[place + 1]
            else:
                x += steps[place] if command in "hl" else 0
                y += steps[place] if command == "v" else steps[place + 1] if command == "l" else 0
            yield x, y


def _polyline(axes: "Axes", marks: Marks, order: Any, _: str) -> None:
    corners = [tuple(map(float, pair.split(","))) for pair in marks["points"].split()]
    if not corners:
        return
    x, y = zip(*corners, strict=True)
    if _filled(marks):
        paint = _paint(marks)
        axes.fill(x, y, **paint, **order)
        return
    width = _number(marks, "stroke-width", 1) * POINTS
    axes.plot(x, y, color=marks["stroke"], linewidth=width, dash_capstyle="butt", **_dashes(marks), **order)


def _text(axes: "Axes", marks: Marks, order: Any, text: str) -> None:
    from matplotlib.patheffects import withStroke

    effects = []
    if "stroke" in marks:
        effects = [withStroke(linewidth=_number(marks, "stroke-width") * POINTS, foreground=marks["stroke"])]
    axes.text(
        _number(marks, "x"),
        _number(marks, "y"),
        text,
        color=marks["fill"],
        fontsize=_number(marks, "font-size") * POINTS,
        fontweight=marks.get("font-weight", "normal"),
        ha=ANCHORS[marks.get("text-anchor", "start")],
        va="baseline",
        family="DejaVu Sans",
        parse_math=False,
        path_effects=effects,
        **order,
    )


def _image(axes: "Axes", marks: Marks, order: Any, _: str) -> None:
    import numpy as np
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(b64decode(marks["href"].partition(",")[2]))).convert("RGB"))
    x, y, width, height = (_number(marks, name) for name in ("x", "y", "width", "height"))
    axes.imshow(pixels, extent=(x, x + width, y + height, y), interpolation="nearest", **order)


_DRAW = {"rect": _rect, "circle": _circle, "path": _path, "polyline": _polyline, "text": _text, "image": _image}
