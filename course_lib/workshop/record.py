"""record: how well a room, or one seat, knows what it knows: the numbers of ``calibration``, and their diagram.

An event is "my answer is right": with confidence c and a = 1 where it was, the Brier score is the mean of (c - a)^2.
Somebody who always says 50 % has 0.25.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import torch

from course_lib import calibration
from course_lib.plots.style import FAINT, INK, QUIET, look_of
from course_lib.widgets.svg import FONT, Chart, shares, words
from course_lib.workshop.room import Guess

N_BINS = 5
FEW = 20  # answers; a bin of fewer is drawn hollow, as in every diagram of the course
SIZE = (560, 500)
RADII = (12.0, 20.0)  # the smallest has room for its number


@dataclass(frozen=True)
class Record:
    """Numbers about guesses.

    Attributes:
        n: Guesses, at least 1.
        right: Share that was right.
        brier: In [0, 1]; 0 is perfect.
        signed_gap: Mean confidence minus share right; positive when overconfident.
        bins: Of equal width.
    """

    n: int
    right: float
    brier: float
    signed_gap: float
    bins: calibration.ReliabilityBins

    @property
    def in_words(self) -> str:
        """One sentence for a page."""
        claimed = f"{100 * abs(self.signed_gap):.0f} points {'more' if self.signed_gap > 0 else 'less'}"
        lean = "exactly as much" if round(100 * self.signed_gap) == 0 else claimed
        answers = f"{self.n} answer{'s' * (self.n > 1)}"
        than = "as" if lean.startswith("exactly") else "than"
        return f"{answers}, {self.right:.0%} right; claimed {lean} {than} was known. Brier score {self.brier:.3f}."


def record_of(guesses: Sequence[Guess]) -> Record | None:
    """The numbers about guesses; None where there are none.

    Example:
        >>> found = record_of([Guess(0.75, True), Guess(0.75, False)])
        >>> found.n, found.right, found.brier, found.signed_gap  # (1/16 + 9/16) / 2
        (2, 0.5, 0.3125, 0.25)
    """
    if not guesses:
        return None
    confidence = torch.tensor([guess.confidence for guess in guesses], dtype=torch.float64)
    correct = torch.tensor([guess.right for guess in guesses])
    return Record(
        n=len(guesses),
        right=float(correct.double().mean()),
        brier=float((confidence - correct.double()).square().mean()),
        signed_gap=calibration.signed_gap(confidence, correct),
        bins=calibration.reliability_bins(confidence, correct, N_BINS),
    )


def diagram(record: Record, title: str) -> str:
    """A reliability diagram as SVG without any style attribute, which a strict policy of a page would refuse.

    Args:
        record: What to draw.
        title: What it is of, for its description.

    Returns:
        An SVG element; all words in it are escaped.
    """
    width, height = SIZE
    chart = Chart((60, 44, 470, 372), (0, 1), (0, 1))
    chart.axes(shares(), shares(), "how sure", "how often right")
    chart.line([0, 1], [0, 1], FAINT, width=4)
    chart.label(0.03, 0.93, "right more often than claimed", look_of("kd").colour)
    chart.label(0.97, 0.08, "claimed more than was known", look_of("ce").colour, "end")
    alt = [f"{title}. {record.in_words}"]
    for count, sure, right in zip(*(part.tolist() for part in record.bins), strict=True):
        if count:
            radius = RADII[0] + (RADII[1] - RADII[0]) * (count / record.n) ** 0.5
            chart.marks.append(_disc(*chart.at(sure, right), radius, count))
            alt.append(f"Of {count} answers that were {sure:.0%} sure, {right:.0%} were right.")
    marks = "".join([f'<rect width="{width}" height="{height}" fill="white"/>', *chart.marks])
    note = words(60, height - 14, f"Numbers are answers; hollow: fewer than {FEW}.", colour=QUIET, size=14)
    name = f'role="img" aria-label="{escape(" ".join(alt), quote=True)}"'
    return f'<svg class="diagram" viewBox="0 0 {width} {height}" {name} font-family="{FONT}">{marks}{note}</svg>'


def bars(options: Sequence[str], votes: Sequence[int], answer: int) -> str:
    """Votes for each option as SVG bars; the right one is named, not only coloured."""
    row, width = 84, 900
    most = max(1, *votes)
    marks = []
    for place, (option, count) in enumerate(zip(options, votes, strict=True)):
        top, right = row * place, place == answer
        length = (width - 140) * count / most
        colour = look_of("kd").colour if right else QUIET
        word = f"{option}{' (right)' if right else ''}"
        marks.append(words(0, top + 24, word, colour=INK, size=24, bold=right))
        marks.append(f'<rect x="0" y="{top + 34}" width="{max(length, 3):.1f}" height="28" fill="{colour}"/>')
        marks.append(words(max(length, 3) + 10, top + 57, str(count), colour=INK, size=24, bold=right))
    told = "; ".join(f"{option}: {count}" for option, count in zip(options, votes, strict=True))
    name = f'role="img" aria-label="{escape(f"Votes. {told}. Right is: {options[answer]}.", quote=True)}"'
    view = f'viewBox="0 0 {width} {row * len(options)}"'
    return f'<svg class="bars" {view} {name} font-family="{FONT}">{"".join(marks)}</svg>'


def _disc(x: float, y: float, radius: float, count: int) -> str:
    colour = look_of("mixup_kd").colour
    fill, ink = ("white", colour) if count < FEW else (colour, "white")
    disc = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}" stroke="{colour}" stroke-width="3"/>'
    return disc + words(x, y + 4.5, str(count), colour=ink, anchor="middle", size=13, bold=True)
