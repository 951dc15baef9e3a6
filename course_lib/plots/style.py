"""style: one look for every figure, which survives colour blindness, a projector and a printer.

Each arm has one colour, one marker and one line everywhere. The colours differ in lightness as well as in hue: the two
closest are 46 units apart in CIELAB, and 31 under simulated red or green blindness (2 can just be told apart).
A figure travels with a sentence that says what it shows to those who cannot see it.

Source: simulation by Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
Deficiency", IEEE TVCG 2009, https://doi.org/10.1109/TVCG.2009.113.
"""

import io
from base64 import b64encode
from contextlib import AbstractContextManager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib.arms import arm_of
from course_lib.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1c1c1e"  # words and axes
QUIET = "#6a6a70"  # what stands back; 5.3 : 1 on white, still read from the last row
FAINT = "#d9d9de"  # grid and diagonals
MINUS = "\N{MINUS SIGN}"
PIXELS_PER_INCH = 200  # a figure 10 inches wide is shown 1,000 pixels wide: twice the pixels for sharp screens


@dataclass(frozen=True)
class Look:
    """How one arm is drawn, in every figure.

    Attributes:
        colour: Hexadecimal sRGB.
        marker: In matplotlib's letters.
        line: In matplotlib's letters.
    """

    colour: str
    marker: str
    line: str | tuple[float, tuple[float, ...]]


LOOKS = {
    "teacher": Look("#6b6b6b", "D", (0, (1, 1.2))),
    "ce": Look("#a51d1a", "o", (0, (5, 1.5))),
    "mixup": Look("#d07f10", "s", (0, (4, 1, 1, 1))),
    "kd": Look("#0c6ad7", "^", (0, (7, 1.5, 1.5, 1.5))),
    "mixup_kd": Look("#47104a", "P", "-"),
}


def look_of(arm: str) -> Look:
    """How an arm is drawn; a changed arm looks like the arm that it is a change of.

    Example:
        >>> look_of("mixup_kd+dial=2") == LOOKS["mixup_kd"]
        True
    """
    return LOOKS[arm if arm in LOOKS else arm_of(arm).base]


_RC: dict[Any, Any] = {
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 12,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.unicode_minus": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "lines.linewidth": 2,
    "savefig.dpi": PIXELS_PER_INCH,
}


def drawing() -> AbstractContextManager[None]:
    """Figures made or saved inside this context have the house's look; settings elsewhere are left alone."""
    import matplotlib

    return matplotlib.rc_context(_RC)


@dataclass(frozen=True)
class Picture:
    """A figure and what it shows, in words.

    Attributes:
        figure: A matplotlib figure that no global state knows of.
        alt: One or a few sentences made from the data.
    """

    figure: "Figure"
    alt: str

    def png(self) -> bytes:
        """The figure as PNG, 200 pixels an inch, its words inside as its description."""
        with drawing():
            image = io.BytesIO()
            self.figure.savefig(image, format="png", metadata={"Description": self.alt, "Software": None})
        return image.getvalue()

    def _repr_html_(self) -> str:
        """The figure in a notebook, with its alt text, in one size whatever the notebook's width."""
        image, width = b64encode(self.png()).decode(), round(PIXELS_PER_INCH / 2 * self.figure.get_figwidth())
        style = f"width:{width}px;max-width:100%;height:auto"
        return f'<img src="data:image/png;base64,{image}" alt="{escape(self.alt)}" style="{style}">'


def save(picture: Picture, path: Path) -> None:
    """Write a picture as PNG, whole or not at all."""
    write_atomically(path, picture.png())


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of this size in inches, independent of pyplot and of any screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def percent_ticks(axes: "Axes", *, upwards: bool) -> None:
    """Ticks at 0, 20, ..., 100 % on the axis of a share."""
    shares = np.linspace(0, 1, 6)
    (axes.set_yticks if upwards else axes.set_xticks)(shares, [f"{share:.0%}" for share in shares])


def points(gap: float) -> str:
    """A difference of two shares in percentage points, with its sign.

    Example:
        >>> points(-0.0123), points(0.004), points(-0.0001)
        ('−1.2', '+0.4', '0.0')
    """
    rounded = f"{100 * gap:+.1f}"
    return "0.0" if rounded in ("+0.0", "-0.0") else rounded.replace("-", MINUS)
