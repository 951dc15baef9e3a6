"""labels: names written beside what they name, so that no legend has to be decoded, and so that none hides another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

# Offsets in points from a point to its label, the first choices first; the last three are far, with a leader line.
_SIDES = {"right": 1, "left": -1}
_NEAR = [(side, 10 * step, rise) for rise in (8, -17, -4) for side, step in _SIDES.items()]
_FAR = [(side, 34 * step, rise) for rise in (34, -42, 64, -72) for side, step in _SIDES.items()]


def labels_beside(axes: "Axes", heights: Sequence[float], words: Sequence[str], colours: Sequence[str]) -> None:
    """Write one label right of an axis for each curve, at its height where there is room, else as near as can be.

    Args:
        axes: Its limits and scale are final.
        heights: Where each curve ends, in data coordinates.
        words: The labels.
        colours: Of the words.
    """
    line_height = 1.25 * 11 / 72 / (axes.get_figure().get_figheight() * axes.get_position().height)  # pyright: ignore
    to_share = axes.transAxes.inverted().transform
    ends = [to_share(axes.transData.transform((0, height)))[1] for height in heights]
    for index, share in enumerate(spread_apart(np.clip(ends, 0, 1), line_height)):
        axes.annotate(
            words[index],
            xy=(1, float(np.clip(ends[index], 0, 1))),
            xytext=(1.035, share),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            fontsize=11,
            fontweight="bold",
            color=colours[index],
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colours[index],
                "linewidth": 0.8,
                "shrinkA": 2,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )


def spread_apart(heights: Sequence[float] | np.ndarray, distance: float) -> list[float]:
    """Move labels apart until neighbours are at least ``distance`` from each other, keeping their order.

    Example:
        >>> [round(height, 2) for height in spread_apart([0.5, 0.52, 0.9], 0.1)]
        [0.46, 0.56, 0.9]
    """
    order = np.argsort(heights, kind="stable")
    groups = [[float(heights[index])] for index in order]
    places = [(group, float(np.mean(group))) for group in groups]
    merged = True
    while merged:
        merged = False
        for first in range(len(places) - 1):
            (low, at_low), (high, at_high) = places[first : first + 2]
            if at_high - at_low < distance * (len(low) + len(high)) / 2 - 1e-12:
                both = low + high
                places[first : first + 2] = [(both, float(np.mean(both)))]
                merged = True
                break
    spread = [
        centre + distance * (index - (len(group) - 1) / 2) for group, centre in places for index in range(len(group))
    ]
    moved = [0.0] * len(spread)
    for index, height in zip(order, spread, strict=True):
        moved[index] = height
    return moved


def label_points(
    axes: "Axes",
    places: Sequence[tuple[float, float]],
    words: Sequence[str],
    colours: Sequence[str],
    strong: Sequence[bool],
) -> None:
    """Write one label near each point, where it hides the least of other points and labels.

    Args:
        axes: Its limits are final and its figure is laid out.
        places: Of the points, in data coordinates.
        words: The labels.
        colours: Of the words.
        strong: Whether a label is large and bold; these choose their places first.
    """
    from matplotlib.patheffects import withStroke
    from matplotlib.transforms import Bbox

    taken = [Bbox.from_bounds(x - 12, y - 12, 24, 24) for x, y in axes.transData.transform(places)]
    for index in sorted(range(len(words)), key=lambda index: not strong[index]):
        label = axes.annotate(
            words[index],
            places[index],
            xytext=(0, 0),
            textcoords="offset points",
            color=colours[index],
            fontsize=12 if strong[index] else 10,
            fontweight="bold" if strong[index] else "normal",
            path_effects=[withStroke(linewidth=3, foreground="white")],
            zorder=5 if strong[index] else 4.5,
        )
        label.set_in_layout(False)
        best = min([*_NEAR, *_FAR], key=lambda choice: _hidden_by(label, choice, taken, axes.get_window_extent()))
        taken.append(_place(label, best))
        if best in _FAR:
            line = {"arrowstyle": "-", "color": colours[index], "linewidth": 0.8, "shrinkA": 1, "shrinkB": 4}
            axes.annotate("", places[index], _offset(best), textcoords="offset points", arrowprops=line, zorder=3.5)


def _offset(choice: tuple[str, int, int]) -> tuple[float, float]:
    """Where a leader line meets its label, in points from the labelled point."""
    return choice[1], choice[2] + 4


def _place(label: "Annotation", choice: tuple[str, int, int]) -> "Bbox":
    """Put a label somewhere, and say what it covers, in pixels."""
    side, *offset = choice
    label.set_position((offset[0], offset[1]))
    label.set_horizontalalignment("left" if side == "right" else "right")
    return label.get_window_extent()


def _hidden_by(label: "Annotation", choice: tuple[str, int, int], taken: Sequence["Bbox"], frame: "Bbox") -> float:
    """What a label at a place would cost: what it covers of others, what is cut off of it, and a bit for distance."""
    box = _place(label, choice)
    covered = sum(_shared(box, other) for other in taken)
    return covered + 2 * (box.width * box.height - _shared(box, frame)) + 3.0 * [*_NEAR, *_FAR].index(choice)


def _shared(first: "Bbox", second: "Bbox") -> float:
    """The area of two boxes' overlap, in square pixels."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return max(width, 0.0) * max(height, 0.0)
