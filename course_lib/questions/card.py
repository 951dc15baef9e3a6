"""card: a judgement as a learner reads it: HTML in a notebook, plain text elsewhere.

Nothing of a learner's is shown without being escaped.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import numpy as np

from course_lib.questions.case import Net, Rng, Sgd, Value
from course_lib.questions.judging import Judgement

SHOWN = 40  # numbers of an array that are shown whole
WIDE = 1000  # characters: each row of a matrix has its own line
SHOULD_HOLD = "This should hold, and does not:"
COLOURS = {"passed": "#1b7837", "not yet": "#5e5e5e", "wrong": "#b35806"}  # told apart without colour by their words


@dataclass(frozen=True)
class Verdict:
    """What `check` returns.

    Its plain text is one number, the points, which is what nbgrader reads; its HTML is the card.

    Attributes:
        judgement: What was found.
        solution: Where a solution is, told once all hints are taken.
        note: On what was judged, where that may surprise.
    """

    judgement: Judgement
    solution: str = ""
    note: str = ""

    def __repr__(self) -> str:
        return str(self.judgement.points)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    @property
    def status(self) -> str:
        """``passed``, ``not yet`` for an answer that was not begun, or ``wrong``."""
        if self.judgement.passed:
            return "passed"
        begun = self.judgement.points or any(fault.kind != "stub" for fault in self.judgement.faults)
        return "wrong" if begun else "not yet"

    def lines(self) -> Iterator[str]:
        """The card as plain text."""
        question, judgement = self.judgement.question, self.judgement
        yield f"{question.name}: {self.status}, {judgement.points} of {question.points} points"
        if self.note:
            yield self.note
        if self.status == "passed":
            yield "All cases pass. Grading uses fresh ones of the same kinds."
            return
        if self.status == "not yet":
            help_ = "" if self.solution else f" hint({question.name!r}) helps."
            yield f"About {question.minutes} minutes.{help_}"
        else:
            yield from self._what_is_wrong()
        if self.solution:
            yield self.solution

    def _what_is_wrong(self) -> Iterator[str]:
        judgement, fault = self.judgement, self.judgement.faults[0]
        yield f"{SHOULD_HOLD} {fault.sentence}" if fault.kind == "invariant" else fault.sentence
        yield f"The case: {fault.case.why or 'drawn at random'}."
        for name, value in fault.case.arguments.items():
            yield _row(f"  {name} = ", value)
        if fault.expected is not None:
            yield _row("  expected  ", fault.expected)
        if fault.yours is not None:
            yield _row("  yours     ", fault.yours)
        if fault.broken:
            yield f"{SHOULD_HOLD} {fault.broken}"
        if len(judgement.advice) > 1:
            yield "Two or more known mistakes look like this:"
        yield from judgement.advice
        parts = ", ".join(f"{group} {'pass' if passed else 'fail'}" for group, passed in judgement.groups.items())
        yield f"Groups of cases: {parts}."

    def _repr_html_(self) -> str:
        return html_of(self.status, "\n".join(self.lines()))


def html_of(status: str, message: str) -> str:
    """A card.

    Args:
        status: ``passed``, ``not yet`` or ``wrong``.
        message: Plain text; its first line is the heading. Everything is escaped.

    Returns:
        HTML without any script.
    """
    head, *rest = message.split("\n")
    body = "".join(f"<div style='white-space:pre-wrap;font-family:monospace'>{escape(line)}</div>" for line in rest)
    colour = COLOURS[status]
    return (
        f"<div role='status' style='border-left:4px solid {colour};padding:4px 10px;margin:4px 0'>"
        f"<strong style='color:{colour}'>{escape(head)}</strong>{body}</div>"
    )


def _row(name: str, value: Value) -> str:
    """A name and its value, whose further lines begin below the first."""
    return name + shown(value).replace("\n", "\n" + " " * len(name))


def shown(value: Value) -> str:
    """A value in a line; a matrix in a line for each row.

    Example:
        >>> shown(np.array([0.25, 1.0])), shown(Rng(3)), shown(2.0)
        ('[0.25 1.  ]', 'np.random.default_rng(3)', '2.0')
    """
    if isinstance(value, np.ndarray):
        if value.size > SHOWN:
            return f"an array of shape {value.shape}, {value.dtype}"
        return np.array2string(value, max_line_width=WIDE, precision=6, suppress_small=False, separator=" ")
    if isinstance(value, Rng):
        return f"np.random.default_rng({value.seed})"
    if isinstance(value, Net):
        return f"a small network in {'training' if value.training else 'evaluation'} mode"
    if isinstance(value, Sgd):
        late = f", its buffers at {value.velocity}" if value.velocity else ""
        return f"SGD of {value.of}, learning rate {value.learning_rate}, momentum {value.momentum}{late}"
    return repr(value)
