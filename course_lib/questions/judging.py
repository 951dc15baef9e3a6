"""judging: what is wrong with an answer, in words, and what it is worth.

The judge sees cases and arrays only. It compares with the reference, then with what every right answer does, then with
the mistakes that are known. Cases come in groups; a group with one wrong case is lost, and points are whole numbers.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import starmap

import numpy as np

from course_lib.questions.calling import call, one_thread
from course_lib.questions.case import Array, Case, Outputs, Rng
from course_lib.questions.comparing import Fault, difference, same_case
from course_lib.questions.question import GROUPS, Function, Mistake, Question
from course_lib.questions.raised import UNTOUCHED, meant


@dataclass(frozen=True)
class Judgement:
    """What an answer is worth.

    Attributes:
        question: What was asked.
        points: Of ``question.points``.
        faults: One per wrong case, smallest case first.
        mistakes: Names of the known mistakes that behave alike in every case, or in all that did not run out of range.
        groups: Of each group of cases, whether it passed.
    """

    question: Question
    points: int
    faults: tuple[Fault, ...]
    mistakes: tuple[str, ...]
    groups: Mapping[str, bool]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def advice(self) -> tuple[str, ...]:
        """What the known mistakes advise."""
        return tuple(mistake.advice for mistake in self.question.mistakes if mistake.name in self.mistakes)


class Judge:
    """Judges answers to one question on the cases of one seed."""

    def __init__(self, question: Question, seed: int):
        """Draw the cases; what the reference and the mistakes do with them is found when it is needed."""
        self.question = question
        with one_thread():
            self.cases = tuple(question.cases(np.random.default_rng(seed)))
        self._wrong: dict[tuple[str, int], Outputs] = {}

    @cached_property
    def expected(self) -> tuple[Outputs, ...]:
        """What the reference does in each case."""
        question = self.question
        return tuple(call(question.reference, case, question.differentiable) for case in self.cases)

    @property
    def wrong(self) -> dict[str, tuple[Outputs, ...]]:
        """What each known mistake does in each case."""
        numbers = range(len(self.cases))
        return {each.name: tuple(self._mistaken(each, number) for number in numbers) for each in self.question.mistakes}

    def judge(self, outputs: Sequence[Outputs]) -> Judgement:
        """What the outputs of an answer, one for each case, are worth."""
        with warnings.catch_warnings(), np.errstate(all="ignore"), one_thread():  # invariants compute as well
            warnings.simplefilter("ignore")
            faults = [fault for number, found in enumerate(outputs) if (fault := self._fault(number, found))]
            mistakes = tuple(self._named(outputs)) if faults else ()  # what a right answer need not wait for
        groups = {group: True for group in GROUPS if any(case.group == group for case in self.cases)}
        for fault in faults:
            groups[fault.case.group] = False
        points = self.question.points * sum(groups.values()) // len(groups)
        faults.sort(key=lambda fault: (fault.kind == "invariant", _size(fault.case)))
        return Judgement(self.question, points, tuple(faults), mistakes, groups)

    def of(self, function: Function) -> Judgement:
        """Call a function on every case, here, and judge it."""
        return self.judge([call(function, case, self.question.differentiable) for case in self.cases])

    def same(self, outputs: Sequence[Outputs], theirs: Sequence[Outputs]) -> bool:
        """Whether two answers cannot be told apart by any case, nor by what every right answer does."""
        return all(starmap(self._alike, zip(self.cases, outputs, theirs, strict=True)))

    def notices(self, function: Function) -> bool:
        """Whether an answer is wrong in any case, which is found sooner than what it is worth."""
        called = (call(function, case, self.question.differentiable) for case in self.cases)
        return any(self._fault(number, found) for number, found in enumerate(called))

    def _named(self, outputs: Sequence[Outputs]) -> list[str]:
        """The mistakes that do the same in every case.

        Where there are none, cases in which the numbers of the answer leave their range are passed over: a mistake
        in code that is unstable as well is still that mistake. All plain and random cases must be among the others.
        """
        numbers = range(len(self.cases))
        sound = [number for number in numbers if _finite(outputs[number])]
        if found := self._matching(outputs, numbers):
            return found
        passed_over = {self.cases[number].group for number in set(numbers) - set(sound)}
        if passed_over <= {"edge", "stress"} and any(self._fault(number, outputs[number]) for number in sound):
            return self._matching(outputs, sound)
        return []

    def _matching(self, outputs: Sequence[Outputs], numbers: Sequence[int]) -> list[str]:
        """The mistakes that do the same in these cases; each is called only up to the first difference."""
        return [
            mistake.name
            for mistake in self.question.mistakes
            if all(self._alike(self.cases[n], outputs[n], self._mistaken(mistake, n)) for n in numbers)
        ]

    def _mistaken(self, mistake: Mistake, number: int) -> Outputs:
        """What a known mistake does in a case."""
        if (mistake.name, number) not in self._wrong:
            called = call(mistake.wrong, self.cases[number], self.question.differentiable)
            self._wrong[mistake.name, number] = called
        return self._wrong[mistake.name, number]

    def _alike(self, case: Case, mine: Outputs, other: Outputs) -> bool:
        alike = same_case(self.question, mine, other)
        return alike and list(self._broken(case, mine)) == list(self._broken(case, other))

    def _fault(self, number: int, found: Outputs) -> Fault | None:
        """The first thing that is wrong in a case."""
        case = self.cases[number]
        if "error" in found:
            return _raised(case, str(found["error"]))
        if str(found["kind"]) == "None":
            printed = " It prints something; a caller needs the value back." if str(found["printed"]) else ""
            return Fault(case, "none", f"Your function returns nothing: end it with return.{printed}")
        if fault := difference(self.question, case, found, self.expected[number]):
            return replace(fault, broken=next(self._broken(case, found), "")) if fault.kind == "value" else fault
        if bool(found["global"]):
            return Fault(case, "global", "Global random state was used: draw from the rng that is given, and no other.")
        broken = next(self._broken(case, found), "")
        return Fault(case, "invariant", broken, found.get("result"), self._example(number)) if broken else None

    def _example(self, number: int) -> Array | None:
        """One of many right answers in a case, where nothing is drawn, so that seeing one helps."""
        drawn = any(isinstance(value, Rng) for value in self.cases[number].arguments.values())
        return self.expected[number].get("result") if self.question.random and not drawn else None

    def _broken(self, case: Case, found: Outputs) -> Iterator[str]:
        """The properties of every right answer that this one lacks; one that cannot be looked at is lacking."""
        for words, holds in self.question.invariants.items():
            try:
                kept = holds(case, found)
            except Exception:  # outputs are a learner's: whatever they lack
                kept = False
            if not kept:
                yield words


def _finite(outputs: Outputs) -> bool:
    """Whether an answer came to numbers: no error, and neither NaN nor infinity in results and gradients."""
    numbers = [value for name, value in outputs.items() if name.split(".")[0] in ("result", "gradient")]
    return "error" not in outputs and all(value.dtype.kind not in "fc" or np.isfinite(value).all() for value in numbers)


def judge(question: Question, function: Function, seed: int) -> Judgement:
    """Judge a function on the cases of a seed; for self-checks and for testing graders."""
    return Judge(question, seed).of(function)


def _raised(case: Case, text: str) -> Fault:
    """What an exception tells."""
    if text == UNTOUCHED:
        return Fault(case, "stub", "The answer is not written yet: its line raises NotImplementedError.")
    return Fault(case, "error", f"Your function raises {text.rstrip('.')}. {meant(text)}".rstrip())


def _size(case: Case) -> int:
    """How much there is to look at: numbers of arrays, and whole numbers, which say how many there will be."""
    whole = [value for value in case.arguments.values() if isinstance(value, int)]
    return sum(value.size for value in case.arguments.values() if isinstance(value, np.ndarray)) + sum(whole)
