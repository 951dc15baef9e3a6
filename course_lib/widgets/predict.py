"""predict: a guess first, then the answer; and how well the reader's own guesses are calibrated."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar

import ipywidgets
import torch

from course_lib import calibration
from course_lib.errors import CourseError
from course_lib.plots.style import FAINT, INK, QUIET, look_of
from course_lib.widgets.explorer import WIDE
from course_lib.widgets.svg import Chart, picture, shares, words

NEAR = 0.1  # a number counts as right within this share of its range
SIZE = (560, 430)


@dataclass(frozen=True)
class Guess:
    """What a reader has committed to.

    Attributes:
        confidence: In [0, 1].
        right: Whether the guess was right.
    """

    confidence: float
    right: bool


class PredictThenRun(ipywidgets.VBox):
    """A question that is answered before the answer opens.

    Attributes:
        controls: ``guess``, ``confidence`` and ``commit``.
        reading: What came out; empty before.
    """

    made: ClassVar[list[Guess]] = []  # of all questions of this session

    def __init__(
        self,
        question: str,
        answer: Any,
        options: Sequence[str] | None = None,
        low: float | None = None,
        high: float | None = None,
        reveal: Any = None,
    ):
        """Ask.

        Args:
            question: One or two sentences.
            answer: One of the options, or a number between ``low`` and ``high``.
            options: What can be chosen.
            low: Smallest number that can be guessed, where there are no options.
            high: Largest.
            reveal: A widget or picture that is shown below after the guess, or a function that gives one.

        Raises:
            CourseError: If there is neither a choice nor a range, or the answer is outside.
        """
        if options is not None and answer not in options:
            raise CourseError(f"the answer {answer!r} is none of the options {list(options)}")
        if options is None and (low is None or high is None or not low <= answer <= high):
            raise CourseError(f"give options, or low and high around the answer {answer!r}")
        self.answer, self._reveal = answer, reveal
        self._range = (low, high)
        guess: Any
        if options is not None:
            guess = ipywidgets.RadioButtons(options=list(options), value=None, layout={"width": "98%"})
            surest, unsure = 1.0, 1 / len(options)
        else:
            assert low is not None and high is not None
            step = (high - low) / 100
            guess = ipywidgets.FloatSlider(
                value=(low + high) / 2, min=low, max=high, step=step, readout_format=".3g", layout=WIDE
            )
            surest, unsure = 1.0, 0.05
        confidence = ipywidgets.FloatSlider(
            value=round((surest + unsure) / 2, 2),
            min=round(unsure, 2),
            max=surest,
            step=0.01,
            readout_format=".0%",
            description="how sure are you?" if options is not None else "how sure to be within a tenth of the range?",
            style={"description_width": "20em"},
            layout=WIDE,
        )
        commit = ipywidgets.Button(description="commit", button_style="primary", tooltip="then the answer opens")
        commit.on_click(self._commit)
        self.controls = {"guess": guess, "confidence": confidence, "commit": commit}
        self.reading = ipywidgets.HTML()
        asked = ipywidgets.HTML(f"<div style='font-size:16px'><strong>Predict.</strong> {escape(question)}</div>")
        super().__init__([asked, *self.controls.values(), self.reading])

    def _commit(self, _: Any = None) -> None:
        guess = self.controls["guess"].value
        if guess is None:
            self.reading.value = _line("Choose one first; a guess costs nothing.")
            return
        if self.controls["commit"].disabled:
            return
        for control in self.controls.values():
            control.disabled = True
        low, high = self._range
        right = guess == self.answer if low is None or high is None else abs(guess - self.answer) <= NEAR * (high - low)
        PredictThenRun.made.append(Guess(self.controls["confidence"].value, bool(right)))
        answer = self.answer if isinstance(self.answer, str) else f"{self.answer:.3g}"
        verdict = "Right" if right else "Not this time"
        self.reading.value = _line(f"{verdict}: {answer}. You were {self.controls['confidence'].value:.0%} sure.")
        if self._reveal is not None:
            opened = self._reveal() if callable(self._reveal) else self._reveal
            self.children = (*self.children, _shown(opened))

    @classmethod
    def record(cls) -> ipywidgets.HTML:
        """The reader's own reliability diagram and Brier score, over all guesses of this session."""
        if not cls.made:
            return ipywidgets.HTML(_line("No guesses yet: commit to some above, then run this cell again."))
        confidence = torch.tensor([guess.confidence for guess in cls.made], dtype=torch.float64)
        correct = torch.tensor([guess.right for guess in cls.made])
        bins = calibration.reliability_bins(confidence, correct, 5)
        brier = float((confidence - correct.double()).square().mean())
        gap = calibration.signed_gap(confidence, correct)
        chart = Chart((70, 60, 440, 280), (0, 1), (0, 1))
        chart.axes(shares(), shares(), "how sure you were", "how often you were right", "You")
        chart.line([0, 1], [0, 1], FAINT, width=3)
        look = look_of("kd")
        for count, c, a in zip(*(part.tolist() for part in bins), strict=True):
            if count:
                chart.point(c, a, look.colour)
                chart.label(c, a, f" {count}", QUIET, dy=-12)
        lean = "more" if gap > 0 else "less"
        said = (
            f"{len(cls.made)} guesses: Brier score {brier:.3f}, 0 is perfect and 0.25 is that of a coin. You claimed "
            f"{abs(gap):.0%} {lean} than you knew. Numbers beside points are guesses in that bin; so few say little."
        )
        drawn = picture([*chart.marks, words(70, 415, f"Brier {brier:.3f}, signed gap {gap:+.2f}")], *SIZE, said)
        return ipywidgets.HTML(drawn + _line(said))


def _line(text: str) -> str:
    style = f"background:white;color:{INK};font-size:15px;line-height:1.4;padding:4px 8px;max-width:900px"
    return f"<div role='status' aria-live='polite' style='{style}'>{escape(text)}</div>"


def _shown(value: Any) -> ipywidgets.Widget:
    """A widget as it is, words as a line, anything else as a notebook displays it."""
    if isinstance(value, ipywidgets.Widget):
        return value
    if isinstance(value, str):
        return ipywidgets.HTML(_line(value))
    output = ipywidgets.Output()
    output.append_display_data(value)
    return output
