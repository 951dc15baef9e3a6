"""seeing: what a learner's function gave back, as arrays, and a word for what sort of thing each part of it is.

    result, result.0, result.key    a tensor, an array or a number, as an array; a number has no dimensions
    kind                            "tensor", "tuple of tensor, number", "dict", "None", "generator"
    kind.0, kind.key                of the parts of a tuple, a list or a dict

What cannot be an array has a kind alone. Tuples and dicts are looked into once: no answer goes deeper.
"""

from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.questions.case import Array, Outputs

LARGE = 10_000_000  # numbers; an array with more is described and not kept
PARTS = 50  # of a tuple, list or dict that are looked at
NAMED = 8  # parts whose kinds are listed
WORD = 60  # characters of a name
NUMBERS = "biufcU"  # kinds of dtypes that cross to the judge; it refuses the last two


def seen(value: Any) -> Outputs:
    """A result and its kind, under the names above."""
    found = parts_of(value)
    if found is None:
        kind, array = _read(value)
        return {"kind": np.array(kind)} | ({} if array is None else {"result": array})
    outputs: Outputs = {}
    for name, part in found.items():
        kind, array = _read(part)
        outputs[f"kind.{name}"] = np.array(kind)
        if array is not None:
            outputs[f"result.{name}"] = array
    return outputs | {"kind": np.array(_listed(value, [str(kind) for kind in _kinds(outputs)]))}


def parts_of(value: Any) -> dict[str, Any] | None:
    """The parts of a tuple, list or dict by their names; none of anything else."""
    if isinstance(value, (tuple, list)):
        return {str(place): part for place, part in enumerate(islice(value, PARTS))}
    if isinstance(value, dict):
        return {str(word)[:WORD]: part for word, part in islice(value.items(), PARTS)}
    return None


def _kinds(outputs: Outputs) -> list[Array]:
    return [kind for name, kind in outputs.items() if name.startswith("kind.")]


def _listed(value: Any, kinds: list[str]) -> str:
    word = next(each.__name__ for each in (tuple, list, dict) if isinstance(value, each))
    if not kinds:
        return f"empty {word}"
    if word == "dict":
        return word
    return f"{word} of {', '.join(kinds) if len(value) <= NAMED else f'{len(value)} parts'}"


def _read(value: Any) -> tuple[str, Array | None]:
    """The kind of a single value, and the value where it can be an array."""
    name = "None" if value is None else type(value).__name__[:WORD]
    try:
        if isinstance(value, (Tensor, np.ndarray)) and np.prod(value.shape, dtype=float) > LARGE:
            return f"{'tensor' if isinstance(value, Tensor) else 'array'} of shape {tuple(value.shape)}", None
        if isinstance(value, Tensor):
            return _tensor(value)
        if isinstance(value, (np.ndarray, bool, int, float, np.generic)):
            return _array(value, name)
    except Exception:  # whatever objects do when they are looked at
        return name, None
    return name, None


def _array(value: Any, name: str) -> tuple[str, Array | None]:
    array = np.array(value)  # a copy, and no subclass
    if array.dtype.kind not in NUMBERS:
        return (f"{array.dtype.name} array" if array.ndim else name), None
    return ("array" if array.ndim else "number"), array


def _tensor(value: Tensor) -> tuple[str, Array | None]:
    try:
        return "tensor", value.detach().resolve_conj().resolve_neg().cpu().numpy().copy()
    except (TypeError, RuntimeError):  # sparse, without data, or of a dtype that NumPy lacks
        sort = value.dtype if value.layout == torch.strided else value.layout
        return f"{str(sort).removeprefix('torch.')} tensor", None
