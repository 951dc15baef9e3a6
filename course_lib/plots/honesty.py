"""honesty: accuracy beside confidence, for many students at once.

The signed gap is mean confidence minus accuracy: at 0 a model is on average as sure as it is right, above it claims too
much, below too little.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from course_lib.calibration import N_BINS
from course_lib.plots.labels import label_points
from course_lib.plots.reliability import Answers
from course_lib.plots.style import MINUS, QUIET, Picture, drawing, look_of, new_figure, percent_ticks, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Students:
    """The students of one arm at one distillation temperature.

    Attributes:
        arm: A key of ``LOOKS``.
        label: The name that stands in the figure.
        accuracy: (S,) in [0, 1], one per seed.
        signed_gap: (S,) in [-1, 1].
        headline: Whether the arm is reported at this temperature.
    """

    arm: str
    label: str
    accuracy: NDArray[np.float64]
    signed_gap: NDArray[np.float64]
    headline: bool = True


def accuracy_against_gap(students: Sequence[Students]) -> Picture:
    """Every student as a small point, the mean of each arm as a large one with its standard deviation.

    Args:
        students: At least one. Of an arm at several temperatures, the headline is drawn full, the others hollow;
            a thin line joins them in the order in which they come.

    Returns:
        A picture; its words name the mean of every headline.
    """
    with drawing():
        figure = new_figure(10, 6.6)
        axes = figure.subplots()
        axes.axvline(0, color=QUIET, linewidth=1.2, zorder=1)
        for arm in dict.fromkeys(each.arm for each in students):
            path = [(each.signed_gap.mean(), each.accuracy.mean()) for each in students if each.arm == arm]
            axes.plot(*np.transpose(path), color=look_of(arm).colour, linewidth=1, alpha=0.5, zorder=2)
        for each in sorted(students, key=lambda each: each.headline):
            _draw_students(axes, each)
        axes.margins(0.12, 0.12)
        meaning = "signed gap: mean confidence minus accuracy, percentage points"
        axes.set(xlabel=f"◂ underconfident      {meaning}      overconfident ▸", ylabel="accuracy")
        axes.set_title("Better is up, more honest is nearer to the line at 0")
        axes.xaxis.set_major_formatter(lambda gap, position: f"{100 * gap:+g}".replace("-", MINUS) if gap else "0")
        axes.yaxis.set_major_formatter(lambda share, position: f"{100 * share:g}%")
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, -0.004), max(high, 0.004))
        figure.draw_without_rendering()
        label_points(
            axes,
            [(float(each.signed_gap.mean()), float(each.accuracy.mean())) for each in students],
            [each.label for each in students],
            [look_of(each.arm).colour for each in students],
            [each.headline for each in students],
        )
    means = "; ".join(
        f"{s.label} {s.accuracy.mean():.1%} at a gap of {points(float(s.signed_gap.mean()))} points"
        for s in students
        if s.headline
    )
    return Picture(figure, f"Accuracy against signed gap. Means: {means}.")


def _draw_students(axes: "Axes", students: Students) -> None:
    look, fill = look_of(students.arm), look_of(students.arm).colour if students.headline else "white"
    gap, accuracy = students.signed_gap, students.accuracy
    axes.scatter(gap, accuracy, 24, color=look.colour, marker=look.marker, alpha=0.45, linewidth=0, zorder=2)
    if len(gap) > 1 and students.headline:
        spread = {"xerr": gap.std(ddof=1), "yerr": accuracy.std(ddof=1)}
        axes.errorbar(gap.mean(), accuracy.mean(), **spread, color=look.colour, linewidth=1.2, zorder=3)
    axes.scatter(
        gap.mean(), accuracy.mean(), 150 if students.headline else 70,
        facecolor=fill, edgecolor="white" if students.headline else look.colour, marker=look.marker,
        linewidth=1 if students.headline else 1.4, zorder=4,
    )  # fmt: skip


def confidence_histograms(answers: Sequence[Answers], n_bins: int = N_BINS) -> Picture:
    """How sure each arm is, one small panel each, with its accuracy and its mean confidence.

    Args:
        answers: At least one.
        n_bins: Bins of equal width.

    Returns:
        A picture; its words name mean confidence and accuracy of every panel.
    """
    with drawing():
        figure = new_figure(10, 1.45 * len(answers) + 0.7)
        panels = figure.subplots(len(answers), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for axes, each in zip(panels, answers, strict=True):
            _draw_histogram(axes, each, n_bins)
        panels[0].set_title("How sure the models are: share of the answers at each confidence")
        panels[-1].set_xlabel("confidence")
        panels[-1].set(xlim=(0, 1), ylim=(0, 1))
        percent_ticks(panels[-1], upwards=False)
    words = "; ".join(
        f"{a.label} {float(a.confidence.mean()):.1%} sure, {float(a.correct.double().mean()):.1%} right"
        for a in answers
    )
    return Picture(figure, f"Confidence histograms. On average: {words}.")


def _draw_histogram(axes: "Axes", answers: Answers, n_bins: int) -> None:
    confidence, correct = answers.confidence.numpy(), answers.correct.double().numpy()
    sure, right = float(confidence.mean()), float(correct.mean())
    shares, edges = np.histogram(confidence, n_bins, (0, 1), weights=np.full(len(confidence), 1 / len(confidence)))
    colour = answers.look.colour
    axes.bar(edges[:-1], shares, width=1 / n_bins, align="edge", color=colour, alpha=0.3, edgecolor="white")
    axes.axvline(right, color=colour, linewidth=2.5)
    axes.axvline(sure, color=colour, linewidth=2.5, linestyle=(0, (2, 1.2)))
    axes.text(0.02, 0.82, answers.label, transform=axes.transAxes, va="center", color=colour, fontweight="bold")
    lines = f"solid line: {right:.1%} right\ndotted line: {sure:.1%} sure, gap {points(sure - right)} points"
    axes.text(0.02, 0.42, lines, transform=axes.transAxes, va="center", fontsize=11)
    axes.set_yticks([0, 0.5, 1], ["0%", "50%", "100%"])
