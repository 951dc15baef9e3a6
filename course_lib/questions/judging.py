"""judging: what is wrong with an answer, in words, and what it is worth.

The judge sees cases and arrays only. It compares with the reference, then with what every right answer does, then with
the mistakes that are known. Cases come in groups; a group with one wrong case is lost, and points are whole numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from course_lib.questions.calling import call
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.question import GROUPS, Function, Question

LOOSE = (1e-4, 1e-5)  # relative and absolute, of float32 results


@dataclass(frozen=True)
class Fault:
    """What is wrong in one case.

    Attributes:
        case: The case.
        kind: A word: ``error``, ``none``, ``kind``, ``shape``, ``dtype``, ``nan``, ``value``, ``gradient``,
            ``changed``, ``global``, ``rng`` or ``invariant``.
        sentence: What the learner reads.
        yours: What came back, where showing it helps.
        expected: What should have, likewise.
        broken: A property of every right answer that this one lacks; empty where none was found.
    """

    case: Case
    kind: str
    sentence: str
    yours: Array | None = None
    expected: Array | None = None
    broken: str = ""


@dataclass(frozen=True)
class Judgement:
    """What an answer is worth.

    Attributes:
        question: What was asked.
        points: Of ``question.points``.
        faults: One per wrong case, smallest case first.
        mistakes: Names of the known mistakes that behave alike in every case.
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
        self.cases = tuple(question.cases(np.random.default_rng(seed)))

    @cached_property
    def expected(self) -> tuple[Outputs, ...]:
        """What the reference does in each case."""
        question = self.question
        return tuple(call(question.reference, case, question.differentiable) for case in self.cases)

    @cached_property
    def wrong(self) -> dict[str, tuple[Outputs, ...]]:
        """What each known mistake does in each case."""
        question = self.question
        return {
            mistake.name: tuple(call(mistake.wrong, case, question.differentiable) for case in self.cases)
            for mistake in question.mistakes
        }

    def judge(self, outputs: Sequence[Outputs]) -> Judgement:
        """What the outputs of an answer, one for each case, are worth."""
        faults = [fault for number, found in enumerate(outputs) if (fault := self._fault(number, found))]
        groups = {group: True for group in GROUPS if any(case.group == group for case in self.cases)}
        for fault in faults:
            groups[fault.case.group] = False
        points = self.question.points * sum(groups.values()) // len(groups)
        faults.sort(key=lambda fault: (fault.kind == "invariant", _size(fault.case)))
        known = self.wrong.items() if faults else ()  # what a right answer need not wait for
        mistakes = tuple(name for name, theirs in known if self.same(outputs, theirs))
        return Judgement(self.question, points, tuple(faults), mistakes, groups)

    def same(self, outputs: Sequence[Outputs], theirs: Sequence[Outputs]) -> bool:
        """Whether two answers cannot be told apart by any case."""
        return all(self._same_case(mine, other) for mine, other in zip(outputs, theirs, strict=True))

    def _same_case(self, mine: Outputs, other: Outputs) -> bool:
        if ("error" in mine) != ("error" in other):
            return False
        if "error" in mine:
            return str(mine["error"]).split(":")[0] == str(other["error"]).split(":")[0]
        names = {
            name for name in (*mine, *other) if name.split(".")[0] in ("result", "gradient", "after", "global", "graph")
        }
        mine, other = _plain(mine), _plain(other)
        return str(mine["kind"]) == str(other["kind"]) and all(
            name in mine and name in other and self._close(mine[name], other[name]) for name in names
        )

    def _close(self, mine: Array, other: Array) -> bool:
        if mine.shape != other.shape or mine.dtype != other.dtype:
            return False
        if mine.dtype.kind not in "fc":
            return np.array_equal(mine, other)
        relative, absolute = LOOSE if mine.dtype == np.float32 else self.question.tolerance
        return bool(np.allclose(mine, other, rtol=relative, atol=absolute, equal_nan=True))

    def _fault(self, number: int, found: Outputs) -> Fault | None:
        """The first thing that is wrong in a case."""
        case = self.cases[number]
        if "error" in found:
            return Fault(case, "error", f"Your function raises {found['error']}.")
        if str(found["kind"]) == "None":
            printed = " It prints something; a caller needs the value back." if str(found["printed"]) else ""
            return Fault(case, "none", f"Your function returns nothing: end it with return.{printed}")
        if fault := self._differs(case, found, self.expected[number]):
            return replace(fault, broken=self._broken(case, found)) if fault.kind == "value" else fault
        if bool(found["global"]):
            return Fault(case, "global", "Global random state was used: draw from the rng that is given, and no other.")
        broken = self._broken(case, found)
        return Fault(case, "invariant", broken, found.get("result")) if broken else None

    def _broken(self, case: Case, found: Outputs) -> str:
        """The first property of every right answer that this one lacks."""
        return next((words for words, holds in self.question.invariants.items() if not holds(case, found)), "")

    def _differs(self, case: Case, found: Outputs, right: Outputs) -> Fault | None:
        """The first difference from what the reference does."""
        mine, wanted = (str(outputs["kind"]).replace("list", "tuple") for outputs in (found, right))
        scalar = {mine, wanted} <= {"tensor", "number"} and found.get("result", np.ones(2)).ndim == 0
        if mine != wanted and not scalar:
            return Fault(case, "kind", f"What should come back is {_a(wanted)}, yours is {_a(str(found['kind']))}.")
        for name in (name for name in right if name.split(".")[0] == "result"):
            if name not in found:
                return Fault(case, "kind", f"{_words(name)} is missing.")
            if fault := self._value(
                case, name, found[name], right[name], exact=mine == wanted and wanted not in ("number", "dict")
            ):
                return fault
        return self._gradient_differs(case, found, right) or self._arguments_differ(case, found, right)

    def _gradient_differs(self, case: Case, found: Outputs, right: Outputs) -> Fault | None:
        """A gradient that is missing, wrong, or where none should be."""
        names = {name: name.split(".")[0] for name in (*right, *found)}
        for name in (name for name, kind in names.items() if kind == "gradient"):
            if name not in found:
                return Fault(case, "gradient", f"No gradient reaches {_words(name)}: something cuts it off.")
            if name not in right:
                return Fault(case, "gradient", f"A gradient leaks into {_words(name)}, which should get none.")
            if not self._close(found[name], right[name]):
                sentence = f"The gradient in {_words(name)} differs."
                return Fault(case, "gradient", sentence, found[name], right[name])
        return None

    def _arguments_differ(self, case: Case, found: Outputs, right: Outputs) -> Fault | None:
        """An argument that is not afterwards what it should be."""
        for name in found:
            kind, _, argument = name.partition(".")
            if kind == "after" and (name not in right or not self._close(found[name], right[name])):
                sentence = f"{argument} is not as it should be afterwards."
                return Fault(case, "changed", sentence, found[name], right.get(name))
        return None

    def _value(self, case: Case, name: str, mine: Array, right: Array, *, exact: bool) -> Fault | None:
        what = _words(name)
        if mine.shape != right.shape:
            return Fault(case, "shape", f"{what} has shape {mine.shape}, it should have {right.shape}.", mine, right)
        if mine.dtype.kind not in "biuf":
            return Fault(case, "dtype", f"{what} is {mine.dtype}, it should be {right.dtype}.", mine, right)
        if mine.dtype.kind == "f" and np.isnan(mine).any() and not np.isnan(right).any():
            return Fault(case, "nan", f"{what} holds NaN, not a number.", mine, right)
        if exact and mine.dtype != right.dtype and not _counts(mine, right):
            return Fault(case, "dtype", f"{what} is {mine.dtype}, it should be {right.dtype}.", mine, right)
        if not self.question.random and not self._close(mine.astype(right.dtype), right):
            return Fault(case, "value", f"{what} differs.", mine, right)
        return None


def judge(question: Question, function: Function, seed: int) -> Judgement:
    """Call a function on the cases of a seed, here, and judge it; for self-checks and for testing graders."""
    judge = Judge(question, seed)
    return judge.judge([call(function, case, question.differentiable) for case in judge.cases])


def _plain(outputs: Outputs) -> Outputs:
    """A tensor of no dimensions and no graph is as good as a float."""
    if str(outputs["kind"]) != "tensor" or outputs["result"].ndim or bool(outputs["graph"]):
        return outputs
    return outputs | {"kind": np.array("number"), "result": outputs["result"].astype(np.float64)}


def _counts(mine: Array, right: Array) -> bool:
    """Whether these are counts, which may be floats."""
    return right.dtype.kind in "iu" and mine.dtype.kind == "f" and bool((mine == np.round(mine)).all())


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _words(name: str) -> str:
    """What a learner calls an output."""
    kind, _, rest = name.partition(".")
    if kind == "gradient":
        return rest
    if not rest:
        return "The result"
    return f"Part {int(rest) + 1} of the result" if rest.isdigit() else f"{rest!r} of the result"


def _size(case: Case) -> int:
    """How much there is to look at."""
    return sum(value.size for value in case.arguments.values() if isinstance(value, np.ndarray))
