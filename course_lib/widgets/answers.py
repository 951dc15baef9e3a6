"""answers: a guess beside its answer, and all guesses of a reader in a reliability diagram of their own."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from course_lib import calibration
from course_lib.plots.style import FAINT, INK, MINUS, look_of
from course_lib.widgets.svg import Chart, picture, shares, words

N_BINS = 5
WIDTH = 760
RECORD_SIZE = (560, 470)
RIGHT, WRONG = look_of("kd").colour, look_of("ce").colour


@dataclass(frozen=True)
class Guess:
    """What a reader has committed to.

    Attributes:
        confidence: In [0, 1].
        right: Whether the guess was right.
    """

    confidence: float
    right: bool


def choice_card(
    text: str, options: Sequence[str], answer: str | None, guess: str | None, confidence: float, asked: bool
) -> str:
    """Options, with the guess and the answer marked where they are given; with the question above where ``asked``."""
    marks, y = _headline(text) if asked else ([], 0)
    for option in options:
        y += 32
        found, chosen = option == answer, option == guess
        colour = RIGHT if found else WRONG if chosen else INK
        marks.append(
            f"<circle cx='30' cy='{y - 6}' r='8' fill='{colour if chosen else 'white'}' stroke='{colour}'"
            " stroke-width='2'/>"
        )
        told = [option, *(["the answer"] if found else []), *([f"your guess, {confidence:.0%} sure"] if chosen else [])]
        marks.append(words(50, y, " — ".join(told), colour=colour, bold=found))
    said = f"{text} Options: {'; '.join(options)}."
    if answer is not None:
        said += f" The answer is {answer}; the guess was {guess}, {confidence:.0%} sure."
    return picture(marks, WIDTH, y + 24, said)


def number_card(
    text: str,
    ends: tuple[float, float],
    answer: float | None,
    guess: float | None,
    confidence: float,
    near: float,
    asked: bool,
) -> str:
    """A scale, with the guess, what it covers and the answer where they are given."""
    marks, top = _headline(text) if asked else ([], 0)
    chart = Chart((50, top + 44, WIDTH - 100, 50), ends, (0, 1))
    low, high = ends
    ticks = [(value, f"{value:.3g}".replace("-", MINUS)) for value in (low, (low + high) / 2, high)]
    chart.axes(ticks, [], "", "")
    said = f"{text} A number from {low:.3g} to {high:.3g}."
    if answer is not None and guess is not None:
        colour = RIGHT if abs(guess - answer) <= near * (1 + 1e-9) else WRONG
        chart.bar((max(low, guess - near), min(high, guess + near)), (0, 0.55), colour, 0.25)
        chart.point(guess, 0, colour)
        chart.line([answer, answer], [0, 1], INK, width=3)
        anchor = "start" if answer < (low + high) / 2 else "end"
        chart.label(answer, 1, f"the answer: {answer:.3g}", INK, anchor, dy=-10, bold=True)
        told = f"you: {guess:.3g}, {confidence:.0%} sure to be within {near:.3g}"
        chart.marks.append(words(WIDTH / 2, top + 140, told, colour=colour, anchor="middle"))
        said += f" The answer is {answer:.3g}; the guess was {guess:.3g}, {confidence:.0%} sure."
    return picture([*marks, *chart.marks], WIDTH, top + 156, said)


def record_picture(made: Sequence[Guess]) -> tuple[str, str]:
    """The reader's own reliability diagram, and what it says.

    Args:
        made: At least one guess.

    Returns:
        An SVG, and a few sentences.
    """
    confidence = torch.tensor([guess.confidence for guess in made], dtype=torch.float64)
    correct = torch.tensor([guess.right for guess in made])
    bins = calibration.reliability_bins(confidence, correct, N_BINS)
    brier = float((confidence - correct.double()).square().mean())
    gap = calibration.signed_gap(confidence, correct)
    chart = Chart((70, 70, 440, 290), (0, 1), (-0.08, 1.08))
    chart.axes(shares(), shares(), "how sure you were", "how often you were right", "You")
    chart.line([0, 1], [0, 1], FAINT, width=3)
    chart.label(0.03, 0.9, "you know more than you claim", RIGHT)
    chart.label(0.97, 0.1, "you claim more than you know", WRONG, "end")
    look = look_of("mixup_kd")
    for count, sure, right in zip(*(part.tolist() for part in bins), strict=True):
        if count:
            chart.ring(sure, right, 13, look.colour, 2, "white")
            x, y = chart.at(sure, right)
            chart.marks.append(words(x, y + 5, str(count), colour=look.colour, anchor="middle", size=15, bold=True))
    points = round(100 * abs(gap))
    claimed = "exactly as much as you knew" if points == 0 else f"{points} points {'more' if gap > 0 else 'less'}"
    than = "" if points == 0 else " than you knew"
    said = (
        f"{len(made)} guess{'es' * (len(made) > 1)}, {float(correct.double().mean()):.0%} right. Brier score "
        f"{brier:.3f}: 0 is perfect, 0.25 is that of always saying 50%. You claimed {claimed}{than}. The number in a "
        "point counts its guesses; so few say little."
    )
    numbers = f"Brier score {brier:.3f}, signed gap {gap:+.2f}".replace("-", MINUS)
    return picture([*chart.marks, words(70, 450, numbers, size=18, bold=True)], *RECORD_SIZE, said), said


def _headline(text: str) -> tuple[list[str], int]:
    """The question in lines that fit, and where the last of them stands."""
    lines = textwrap.wrap(text, 74)
    return [words(20, 34 + 24 * row, part, bold=True) for row, part in enumerate(lines)], 34 + 24 * (len(lines) - 1)
