"""reliability: how often a model is right when it says that it is sure.

A point is a bin of confidence: across, the mean confidence in it; upwards, the share that is right. On the diagonal
a model is as often right as it says; below, it is overconfident. The rows beneath say how many answers each bin holds,
because a bin of five answers says next to nothing.

Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017,
https://arxiv.org/abs/1706.04599, section 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from course_lib.calibration import N_BINS, reliability_bins
from course_lib.plots.style import INK, QUIET, Look, Picture, drawing, look_of, new_figure, percent_ticks
from course_lib.predictions import confidence_and_correct

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 20  # the share of right answers among 20 has a standard error of up to 0.11
AS_GIVEN = Look(INK, "o", (0, (5, 1.5)))
SCALED = Look("#0e8a74", "^", "-")


@dataclass(frozen=True)
class Answers:
    """What the models of one arm answered.

    Attributes:
        label: The name that stands in the figure.
        look: How it is drawn.
        confidence: (N,) in [0, 1]; several seeds are one long row.
        correct: (N,) bool.
    """

    label: str
    look: Look
    confidence: Tensor
    correct: Tensor


def answers_of(arm: str, label: str, confidence: Tensor, correct: Tensor) -> Answers:
    """The answers of an arm, in the arm's look."""
    return Answers(label, look_of(arm), confidence, correct)


def reliability_of_arms(answers: Sequence[Answers], n_bins: int = N_BINS) -> Picture:
    """Reliability diagrams of several models on one axis.

    Args:
        answers: At least one.
        n_bins: Bins of equal width.

    Returns:
        A picture; its words name the fullest bin of every model.
    """
    heading = "How often the models are right, by how sure they are"
    return _diagram(answers, n_bins, heading, f"Reliability diagram of {_count(len(answers), 'model')}.")


def reliability_of_one(
    logits: Tensor, labels: Tensor, scaled_logits: Tensor | None = None, n_bins: int = N_BINS
) -> Picture:
    """The reliability diagram of one model, before and perhaps after temperature scaling.

    Args:
        logits: (N, K).
        labels: (N,) int64.
        scaled_logits: (N, K), the same divided by a temperature that was fitted elsewhere.
        n_bins: Bins of equal width.
    """
    answers = [Answers("as given", AS_GIVEN, *confidence_and_correct(logits, labels))]
    if scaled_logits is not None:
        answers.append(Answers("scaled", SCALED, *confidence_and_correct(scaled_logits, labels)))
    when = "before and after temperature scaling" if scaled_logits is not None else "as given"
    heading = "How often the model is right, by how sure it is"
    return _diagram(answers, n_bins, heading, f"Reliability diagram of one model, {when}.")


def _diagram(answers: Sequence[Answers], n_bins: int, heading: str, opening: str) -> Picture:
    with drawing():
        rows = 0.3 * len(answers)
        figure = new_figure(10, 6.5 + rows)
        axes, strip = figure.subplots(2, 1, sharex=True, height_ratios=[5.2, rows + 0.15])
        axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1.2, zorder=1)
        axes.text(0.02, 0.95, "underconfident:\nmore often right than sure", color=QUIET, va="top")
        axes.text(0.98, 0.05, "overconfident:\nless often right than sure", color=QUIET, ha="right")
        largest = max(int(reliability_bins(each.confidence, each.correct, n_bins).count.max()) for each in answers)
        for each in answers:
            _draw_bins(axes, each, n_bins, largest)
        axes.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="share that is right", title=heading)
        axes.tick_params(labelbottom=False, bottom=False)
        percent_ticks(axes, upwards=True)
        _draw_counts(strip, answers, n_bins)
    return Picture(figure, " ".join([opening, *(_fullest_bin(each, n_bins) for each in answers)]))


def _draw_bins(axes: "Axes", answers: Answers, n_bins: int, largest: int) -> None:
    """One point per bin, larger where it holds more answers; hollow and unconnected where it holds few."""
    bins = reliability_bins(answers.confidence, answers.correct, n_bins)
    count, confidence, accuracy = (
        np.asarray(part, dtype=float) for part in (bins.count, bins.confidence, bins.accuracy)
    )
    enough, some = count >= FEW, (count > 0) & (count < FEW)
    look = answers.look
    known = np.where(enough, accuracy, np.nan)
    axes.plot(np.where(enough, confidence, np.nan), known, color=look.colour, linestyle=look.line, zorder=2, alpha=0.9)
    areas = 45 + 155 * np.sqrt(count / largest)
    axes.scatter(
        confidence[enough], accuracy[enough], areas[enough],
        color=look.colour, marker=look.marker, edgecolor="white", linewidth=0.8, zorder=4, clip_on=False,
    )  # fmt: skip
    axes.scatter(
        confidence[some], accuracy[some], 32,
        facecolor="white", marker=look.marker, edgecolor=look.colour, linewidth=1, alpha=0.55, zorder=3, clip_on=False,
    )  # fmt: skip


def _draw_counts(axes: "Axes", answers: Sequence[Answers], n_bins: int) -> None:
    """How many answers are in each bin: a row of small numbers per model, which is the legend as well."""
    centres = (np.arange(n_bins) + 0.5) / n_bins
    for row, each in enumerate(answers):
        counts = reliability_bins(each.confidence, each.correct, n_bins).count.tolist()
        for centre, count in zip(centres, counts, strict=True):
            colour = QUIET if count < FEW else INK
            axes.text(
                centre, row, _short(int(count)) if count else "·", ha="center", va="center", fontsize=9.5, color=colour
            )
        axes.scatter(-0.016, row, 55, color=each.look.colour, marker=each.look.marker, clip_on=False, zorder=3)
        axes.text(
            -0.034, row, each.label, ha="right", va="center", color=each.look.colour, fontweight="bold", fontsize=11
        )
    axes.set(ylim=(len(answers) - 0.4, -0.6), xlabel="confidence")
    axes.set_title(
        f"Answers in each bin (fewer than {FEW}: hollow points)", fontsize=11, fontweight="normal", color=QUIET
    )
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    percent_ticks(axes, upwards=False)


def _short(count: int) -> str:
    """A count in at most four characters.

    Example:
        >>> [_short(count) for count in (0, 950, 9999, 12_345, 3_400_000)]
        ['0', '950', '9999', '12k', '3M']
    """
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if count >= 10_000 and count >= size:
            return f"{count / size:.0f}{letter}"
    return str(count)


def _fullest_bin(answers: Answers, n_bins: int) -> str:
    """What the bin with most answers says."""
    bins = reliability_bins(answers.confidence, answers.correct, n_bins)
    fullest = int(bins.count.argmax())
    low, high, right = fullest / n_bins, (fullest + 1) / n_bins, float(bins.accuracy[fullest])
    share = int(bins.count[fullest]) / len(answers.confidence)
    sure = f"{share:.0%} of its answers, {float(bins.confidence[fullest]):.1%} sure on average"
    return f"{answers.label}: at confidence {low:.2f} to {high:.2f} ({sure}) it is right {right:.1%} of the time."


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
