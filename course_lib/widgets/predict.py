"""predict: a guess first, then the answer; and how well the reader's own guesses are calibrated."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar

import ipywidgets

from course_lib.errors import CourseError
from course_lib.plots.style import Picture
from course_lib.widgets.answers import Guess, choice_card, number_card, record_picture
from course_lib.widgets.explorer import LARGE, NAMED, STYLE, WIDE, line
from course_lib.widgets.spoken import spoken
from course_lib.widgets.static import as_picture

NEAR = 0.1  # a number counts as right within this share of its range


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        text: One or two sentences.
        answer: One of the options, or a number.
        options: What can be chosen; none where a number is asked.
        low: Smallest number that can be guessed.
        high: Largest.
    """

    text: str
    answer: Any
    options: tuple[str, ...]
    low: float
    high: float

    def right(self, guess: Any) -> bool:
        """Whether a guess counts as right."""
        if self.options:
            return bool(guess == self.answer)
        return bool(abs(guess - self.answer) <= NEAR * (self.high - self.low) * (1 + 1e-9))

    def card(self, guess: Any = None, confidence: float = 0.0, asked: bool = True) -> str:
        """The question as an SVG, with its text where ``asked``; with the answer only where there is a guess."""
        answer = None if guess is None else self.answer
        if self.options:
            return choice_card(self.text, self.options, answer, guess, confidence, asked)
        near = NEAR * (self.high - self.low)
        return number_card(self.text, (self.low, self.high), answer, guess, confidence, near, asked)


class PredictThenRun(ipywidgets.VBox):
    """A question that is answered before the answer opens.

    Attributes:
        controls: ``guess``, ``confidence`` and ``commit``.
        picture: The guess beside the answer; empty before.
        reading: What came out; empty before.
    """

    made: ClassVar[list[Guess]] = []  # of all questions of this session
    _answered: ClassVar[set[str]] = set()
    _records: ClassVar[list[ipywidgets.HTML]] = []

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
            options: What can be chosen, at least two.
            low: Smallest number that can be guessed, where there are no options.
            high: Largest.
            reveal: A widget or picture that is shown below after the guess, or a function that gives one.

        Raises:
            CourseError: If there is neither a choice nor a range, or the answer is outside.
        """
        if options is not None and (answer not in options or len(options) < 2):
            raise CourseError(f"the answer {answer!r} is none of the options {list(options)}, or there are under two")
        if options is None and (low is None or high is None or not low <= answer <= high or low == high):
            raise CourseError(f"give options, or low and high around the answer {answer!r}")
        self.question = Question(question, answer, tuple(options or ()), low or 0.0, 1.0 if high is None else high)
        self._reveal, self._committed = reveal, False
        guess, confidence = _guess_control(self.question), _confidence_control(self.question)
        commit = ipywidgets.Button(description="commit", button_style="primary", tooltip="then the answer opens")
        commit.on_click(self._commit)
        self.controls = {"guess": guess, "confidence": confidence, "commit": commit}
        self.picture, self.reading = ipywidgets.HTML(), ipywidgets.HTML()
        asked = f"{STYLE}<div style='font-size:17px;line-height:1.4'><strong>Predict.</strong> {escape(question)}</div>"
        super().__init__([ipywidgets.HTML(asked), spoken(), *self.controls.values(), self.reading, self.picture])
        self.add_class(LARGE)

    def static(self) -> Picture:
        """The question, and after the guess its answer, for where no widget runs."""
        guess, confidence = (self.controls[name].value for name in ("guess", "confidence"))
        return as_picture(self.question.card(guess, confidence) if self._committed else self.question.card())

    def _commit(self, _: Any = None) -> None:
        guess, confidence = self.controls["guess"].value, self.controls["confidence"].value
        if guess is None:
            self.reading.value = line("Choose one first; a guess costs nothing.")
            return
        if self._committed:
            return
        self._committed = True
        for control in self.controls.values():
            control.disabled = True
        for name in ("guess", "confidence"):  # the picture shows both from now on
            self.controls[name].layout.display = "none"
        right = self.question.right(guess)
        again = self.question.text in self._answered
        if not again:
            self._answered.add(self.question.text)
            self.made.append(Guess(confidence, right))
        self.reading.value = line(self._verdict(right, confidence, again))
        self.picture.value = self.question.card(guess, confidence, asked=False)
        for shown in self._records:
            shown.value = _record_text()
        if self._reveal is not None:
            opened = self._reveal() if callable(self._reveal) else self._reveal
            self.children = (*self.children, _shown(opened))

    def _verdict(self, right: bool, confidence: float, again: bool) -> str:
        answer = self.question.answer
        words = answer if isinstance(answer, str) else f"{answer:.3g}"
        said = f"{'Right' if right else 'Not this time'}: {words}. You were {confidence:.0%} sure."
        return said + (" You have answered this before: the first guess counts." if again else "")

    @classmethod
    def record(cls) -> ipywidgets.HTML:
        """The reader's own reliability diagram and Brier score, over all guesses of this session; it keeps up."""
        shown = ipywidgets.HTML(_record_text())
        cls._records.append(shown)
        return shown


def _record_text() -> str:
    if not PredictThenRun.made:
        return line("No guesses yet: commit to some above; they are counted here.")
    drawn, said = record_picture(PredictThenRun.made)
    return drawn + line(said)


def _guess_control(question: Question) -> Any:
    if question.options:
        return ipywidgets.RadioButtons(
            options=list(question.options),
            value=None,
            description="your guess",
            style=NAMED,
            layout=ipywidgets.Layout(width="98%"),
        )
    low, high = question.low, question.high
    return ipywidgets.FloatSlider(
        value=(low + high) / 2,
        min=low,
        max=high,
        step=(high - low) / 100,
        readout_format=".3g",
        description="your guess",
        tooltip="your guess",
        style=NAMED,
        layout=ipywidgets.Layout(width=WIDE.width),
    )


def _confidence_control(question: Question) -> ipywidgets.FloatSlider:
    """A choice is at least a blind guess; a number can be nearly surely wrong."""
    least = round(1 / len(question.options), 2) if question.options else 0.05
    words = "how sure?" if question.options else f"within {NEAR * (question.high - question.low):.3g}: how sure?"
    return ipywidgets.FloatSlider(
        value=round((1 + least) / 2, 2),
        min=least,
        max=1.0,
        step=0.01,
        readout_format=".0%",
        description=words,
        tooltip=words,
        style=NAMED,
        layout=ipywidgets.Layout(width=WIDE.width),
    )


def _shown(value: Any) -> ipywidgets.Widget:
    """A widget as it is, words as a line, anything else as a notebook displays it."""
    if isinstance(value, ipywidgets.Widget):
        return value
    if isinstance(value, str):
        return ipywidgets.HTML(line(value))
    output = ipywidgets.Output()
    output.append_display_data(value)
    return output
