"""comparing: the first difference between what an answer did and what the reference did, in words.

The arrays come from a learner's process, so nothing is taken for granted: parts and kinds come first, then shapes,
dtypes and NaN, then values, gradients and what became of the arguments.
"""

from dataclasses import dataclass

import numpy as np

from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.question import Question

LOOSE = (1e-4, 1e-5)  # relative and absolute, of float32 results
COMPARED = ("result", "kind", "gradient", "after", "global", "graph")  # what tells two answers apart


@dataclass(frozen=True)
class Fault:
    """What is wrong in one case.

    Attributes:
        case: The case.
        kind: A word: ``stub``, ``error``, ``none``, ``kind``, ``shape``, ``dtype``, ``nan``, ``value``, ``gradient``,
            ``changed``, ``global`` or ``invariant``.
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


def difference(question: Question, case: Case, found: Outputs, right: Outputs) -> Fault | None:
    """The first difference from what the reference does."""
    if sentence := _kinds_differ(found, right):
        return Fault(case, "kind", sentence)
    for name in _results(right):
        if name not in found:
            return Fault(case, "kind", f"{_words(name)} is missing.")
        if fault := _value_differs(question, case, name, found, right):
            return fault
    return _gradient_differs(question, case, found, right) or _arguments_differ(question, case, found, right)


def same_case(question: Question, mine: Outputs, other: Outputs) -> bool:
    """Whether two answers cannot be told apart by what they did in a case."""
    if ("error" in mine) != ("error" in other):
        return False
    if "error" in mine:
        return str(mine["error"]).split(":")[0] == str(other["error"]).split(":")[0]
    mine, other = _plain(question, mine), _plain(question, other)
    names = {name for name in (*mine, *other) if name.split(".")[0] in COMPARED}
    return all(name in mine and name in other and _close(question, mine[name], other[name]) for name in names)


def _close(question: Question, mine: Array, other: Array) -> bool:
    if mine.shape != other.shape or mine.dtype != other.dtype:
        return False
    if mine.dtype.kind not in "fc":
        return np.array_equal(mine, other)
    relative, absolute = map(max, LOOSE, question.tolerance) if mine.dtype == np.float32 else question.tolerance
    return bool(np.allclose(mine, other, rtol=relative, atol=absolute, equal_nan=True))


def _results(outputs: Outputs) -> list[str]:
    return [name for name in outputs if name.split(".")[0] == "result"]


def _kind(outputs: Outputs, name: str) -> str:
    """The kind of a result, or of a part of it."""
    return str(outputs.get(name.replace("result", "kind", 1), ""))


def _sort(outputs: Outputs) -> str:
    """The kind of the whole result without its parts; a list is as good as a tuple."""
    return str(outputs["kind"]).partition(" of ")[0].replace("list", "tuple")


def _kinds_differ(found: Outputs, right: Outputs) -> str:
    """What is wrong with the kind of the result or of its parts, in words; empty if nothing is."""
    mine, wanted = (str(outputs["kind"]) for outputs in (found, right))
    whole = f"What should come back is {_a(wanted)}, yours is {_a(mine)}{_shape(found)}."
    if _sort(right) == "dict" == _sort(found):
        return _keys_differ(found, right)
    parts, theirs = ({name for name in outputs if name.startswith("kind.")} for outputs in (right, found))
    alike = parts == theirs and (not parts or _sort(found) == _sort(right))
    return "" if alike and all(_fits(found, right, name) for name in _results(right)) else whole


def _keys_differ(found: Outputs, right: Outputs) -> str:
    """Keys that are missing, keys that nobody asked for, or a value of the wrong kind."""
    mine, wanted = ([name[5:] for name in outputs if name.startswith("kind.")] for outputs in (found, right))
    missing, extra = [key for key in wanted if key not in mine], [key for key in mine if key not in wanted]
    if missing or extra:
        lacking = f"The result lacks {', '.join(map(repr, missing))}. " if missing else ""
        return lacking + (f"It has {', '.join(map(repr, extra))}, which nobody needs." if extra else "")
    odd = next((name for name in _results(right) if not _fits(found, right, name)), "")
    return f"{_words(odd)} is {_a(_kind(found, odd))}, it should be {_a(_kind(right, odd))}." if odd else ""


def _fits(found: Outputs, right: Outputs, name: str) -> bool:
    """Whether a part is of the right kind; a tensor without dimensions is as good as a number."""
    mine, wanted = _kind(found, name), _kind(right, name)
    return mine == wanted or ({mine, wanted} <= {"tensor", "number"} and found.get(name, np.ones(2)).ndim == 0)


def _value_differs(question: Question, case: Case, name: str, found: Outputs, right: Outputs) -> Fault | None:
    mine, wanted, what = found[name], right[name], _words(name)
    if mine.shape != wanted.shape:
        return Fault(case, "shape", f"{what} has shape {mine.shape}, it should have {wanted.shape}.", mine, wanted)
    dtype = Fault(case, "dtype", f"{what} is {mine.dtype}, it should be {wanted.dtype}.", mine, wanted)
    if mine.dtype.kind not in "biuf":
        return dtype
    if mine.dtype.kind == "f" and np.isnan(mine).any() and not np.isnan(wanted).any():
        return Fault(case, "nan", f"{what} holds NaN, not a number.", mine, wanted)
    if mine.dtype != wanted.dtype and not _free_dtype(question, name, found, right):
        return dtype
    common = wanted.dtype if wanted.dtype.kind == "f" else np.result_type(mine, wanted)  # a count of 2.9 is not 2
    if not question.random and not _close(question, mine.astype(common), wanted.astype(common)):
        return Fault(case, "value", f"{what} differs.", mine, wanted)
    return None


def _free_dtype(question: Question, name: str, found: Outputs, right: Outputs) -> bool:
    """Whether the dtype does not matter: of numbers, of counts that may be floats, of NumPy's integers."""
    kinds = {_kind(found, name), _kind(right, name)}
    integers = found[name].dtype.kind in "iu" and right[name].dtype.kind in "iu"
    return "number" in kinds or name in question.counts or (integers and kinds == {"array"})


def _gradient_differs(question: Question, case: Case, found: Outputs, right: Outputs) -> Fault | None:
    """A gradient that is missing, wrong, or where none should be."""
    for name in (name for name in {**right, **found} if name.split(".")[0] == "gradient"):
        if name not in found:
            return Fault(case, "gradient", f"No gradient reaches {_words(name)}: something cuts it off.")
        if name not in right:
            return Fault(case, "gradient", f"A gradient leaks into {_words(name)}, which should get none.")
        if not _close(question, found[name], right[name]):
            return Fault(case, "gradient", f"The gradient in {_words(name)} differs.", found[name], right[name])
    return None


def _arguments_differ(question: Question, case: Case, found: Outputs, right: Outputs) -> Fault | None:
    """An argument that is not afterwards what it should be."""
    for name in (name for name in {**found, **right} if name.split(".")[0] == "after"):
        mine, wanted = found.get(name), right.get(name)
        if mine is None or wanted is None or not _close(question, mine, wanted):
            what = name.partition(".")[2]
            sentence = f"{what} is not as it should be afterwards."
            if isinstance(case.arguments.get(what), np.ndarray):  # which nothing may change
                sentence = f"Your function changes its input {what}: make a new tensor instead."
            return Fault(case, "changed", sentence, mine, wanted)
    return None


def _plain(question: Question, outputs: Outputs) -> Outputs:
    """The same with numbers and counts in one dtype each, and lists as tuples, so that dtypes tell nothing apart."""
    changed: Outputs = {"kind": np.array(_sort(outputs))}
    for name in _results(outputs):
        value, kind = outputs[name], _kind(outputs, name)
        number = value.ndim == 0 and kind in ("tensor", "number") and not bool(outputs["graph"])
        if (number or name in question.counts) and value.dtype.kind in "biuf":
            changed[name] = value.astype(np.float64)
        elif kind == "array" and value.dtype.kind in "iu":
            changed[name] = value.astype(np.int64)
        if number:
            changed[name.replace("result", "kind", 1)] = np.array("number")
    return outputs | changed


def _a(kind: str) -> str:
    return kind if kind == "None" else f"an {kind}" if kind[:1] in "aeiou" else f"a {kind}"


def _shape(found: Outputs) -> str:
    """The shape of a single result, in words."""
    return f" of shape {found['result'].shape}" if "result" in found and found["result"].ndim else ""


def _words(name: str) -> str:
    """What a learner calls an output."""
    kind, _, rest = name.partition(".")
    if kind == "gradient":
        return rest
    if not rest:
        return "The result"
    return f"Part {int(rest) + 1} of the result" if rest.isdigit() else f"{rest!r} of the result"
