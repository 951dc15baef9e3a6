"""question: what is asked, how it is judged, which mistakes are known.

One definition serves the check in the notebook, the official grade and the workshop. A question knows its reference,
the library's own function where there is one, so that solutions cannot drift away from what the library does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from course_lib.questions.case import Case, Outputs

Function = Callable[..., Any]
Holds = Callable[[Case, Outputs], bool]  # of a property that every right answer has in every case
GROUPS = ("plain", "edge", "stress", "random")


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people really give.

    Attributes:
        name: A word for reports.
        wrong: What they write.
        advice: What helps, without the answer.
        source: Where it was seen: a link, or ``ours`` where we saw it ourselves.
    """

    name: str
    wrong: Function
    advice: str
    source: str


@dataclass(frozen=True)
class Question:
    """One function that a learner writes.

    Attributes:
        name: Of the function.
        assignment: Such as ``ps1_dark_knowledge``.
        points: What a right answer is worth, an integer.
        minutes: How long it takes somebody who meets it for the first time.
        cases: Draws the cases from a generator; the same seed gives the same cases.
        reference: Gives the right answer, or one of many where ``random``.
        invariants: Sentence to property; the sentence is what a learner reads when it breaks.
        alternatives: Right answers that are written differently.
        mistakes: Wrong answers that are known.
        hints: From the first push to nearly the answer.
        differentiable: Arguments in which the result must be differentiable.
        tolerance: Relative and absolute, of float64 results; float32 gets at least 1e-4 and 1e-5.
        counts: Outputs that count something, such as ``result.0``: they may be floats.
        random: Whether an answer is drawn, so that the invariants alone judge its values.
    """

    name: str
    assignment: str
    points: int
    minutes: int
    cases: Callable[[np.random.Generator], Sequence[Case]]
    reference: Function
    alternatives: Sequence[Function]
    mistakes: Sequence[Mistake]
    hints: Sequence[str]
    invariants: Mapping[str, Holds] = field(default_factory=dict)
    differentiable: tuple[str, ...] = ()
    tolerance: tuple[float, float] = (1e-6, 1e-9)
    counts: tuple[str, ...] = ()
    random: bool = False
