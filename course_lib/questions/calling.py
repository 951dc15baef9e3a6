"""calling: runs a learner's function on a case and writes down all that can be seen of it, as arrays.

This is the only part that runs beside the learner. It knows no reference and no verdict.

    result, kind        what came back, see ``seeing``
    graph               whether it can still be differentiated
    shares              whether it shares memory with an argument
    after.NAME          an argument afterwards
    gradient.NAME       of the sum of the result, in an argument that a loss must be differentiable in; what is left in
                        any other one, where there should be none
    calls.NAME          how often a network was asked
    grad.NAME           whether a network holds a gradient that it did not hold before, where none must reach it
    rng.NAME            what a generator draws next
    global              whether global random state was changed
    printed             what was printed, where nothing came back
    error               what was raised
"""

import contextlib
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.questions.building import Asked, First, built_arguments
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.quiet import quiet
from course_lib.questions.raised import told_of_call
from course_lib.questions.seeing import parts_of, seen


@dataclass(frozen=True)
class _Watched:
    """A network, and what is remembered of it from before a call."""

    name: str
    network: nn.Module
    asked: Asked
    held: list[Array | None]

    def holds_new_gradients(self) -> bool:
        """Whether it holds gradients, other than 0, that it did not hold."""
        pairs = zip(self.held, _held(self.network), strict=False)
        return any(
            now is not None and bool(np.any((now != 0) & (now != (0 if old is None else old)))) for old, now in pairs
        )


def call(function: Callable[..., Any], case: Case, differentiable: Iterable[str] = ()) -> Outputs:
    """Run a function on a case.

    Args:
        function: The learner's.
        case: What it is called with.
        differentiable: Arguments in which the result must be differentiable: tensors, or networks in their weights.

    Returns:
        What was seen; an error is one of the things that can be seen.
    """
    arguments = built_arguments(case, set(differentiable))
    watched = [
        _Watched(name, value, cast(First, value[0]).asked, _held(value))
        for name, value in arguments.items()
        if isinstance(value, nn.Sequential)
    ]
    before = _global_state()
    with quiet() as said, one_thread():
        outputs = _tried(function, lambda: _called(function, arguments, differentiable))
        outputs["global"] = np.array(before != _global_state())
        outputs = _tried(function, lambda: _afterwards(arguments, watched, differentiable)) | outputs
    return outputs | {"printed": np.array(said.getvalue()[:200])}


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Cases are small: on a busy machine, threads that wait for each other make them slower by far."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tried(function: Callable[..., Any], look: Callable[[], Outputs]) -> Outputs:
    """What can be seen, or what was raised, whatever that is; the learner alone interrupts."""
    try:
        return look()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit is an answer like any other
        return {"error": np.array(told_of_call(error, function))}


def _called(function: Callable[..., Any], arguments: dict[str, Any], differentiable: Iterable[str]) -> Outputs:
    result = function(*arguments.values())
    return seen(result) | _told_of(result, arguments) | _gradients(result, arguments, differentiable)


def _told_of(result: Any, arguments: dict[str, Any]) -> Outputs:
    """Whether a result, or a part of it, has a graph, and whether it shares memory with an argument."""
    parts = list((parts_of(result) or {"": result}).values())
    graph = any(isinstance(part, Tensor) and part.requires_grad for part in parts)
    theirs = [memory for value in arguments.values() if (memory := _memory(value)) is not None]
    mine = [memory for part in parts if (memory := _memory(part)) is not None]
    shares = any(np.may_share_memory(one, other) for one in mine for other in theirs)
    return {"graph": np.array(graph), "shares": np.array(shares)}


def _memory(value: Any) -> Array | None:
    """A tensor or an array where it lies, as an array."""
    with contextlib.suppress(TypeError, RuntimeError):  # what NumPy cannot look at
        return value.detach().numpy() if isinstance(value, Tensor) else value if isinstance(value, np.ndarray) else None


def _gradients(result: Any, arguments: dict[str, Any], differentiable: Iterable[str]) -> Outputs:
    names = list(differentiable)
    if not names or not isinstance(result, Tensor) or not result.requires_grad or not result.is_floating_point():
        return {}
    result.sum().backward()
    gradients: Outputs = {}
    for name, value in arguments.items():
        if isinstance(value, Tensor) and value.grad is not None:
            gradients[f"gradient.{name}"] = value.grad.cpu().numpy().copy()
        if isinstance(value, nn.Module):
            for weight, parameter in value.named_parameters():
                if parameter.grad is not None:
                    gradients[f"gradient.{name}.{weight}"] = parameter.grad.cpu().numpy().copy()
    return gradients


def _held(network: nn.Module) -> list[Array | None]:
    """The gradients that a network's weights hold."""
    return [None if each.grad is None else each.grad.numpy().copy() for each in network.parameters()]


def _afterwards(arguments: dict[str, Any], watched: list[_Watched], differentiable: Iterable[str]) -> Outputs:
    """What became of the arguments."""
    found: Outputs = {}
    for name, value in arguments.items():
        if isinstance(value, Tensor):
            found[f"after.{name}"] = value.detach().cpu().numpy().copy()
            if name not in differentiable and value.grad is not None:  # asked twice, it would add up
                found[f"gradient.{name}"] = value.grad.cpu().numpy().copy()
        if isinstance(value, np.random.Generator):
            found[f"rng.{name}"] = value.integers(0, 2**62, size=4)
        if isinstance(value, nn.Module):
            found |= {f"after.{name}.{key}": part.cpu().numpy().copy() for key, part in value.state_dict().items()}
            found[f"after.{name}.training"] = np.array(value.training)
    for each in watched:
        found[f"calls.{each.name}"] = np.array(each.asked.calls)
        if each.name not in differentiable:
            found[f"grad.{each.name}"] = np.array(each.holds_new_gradients())
    return found


def _global_state() -> tuple[Any, ...]:
    """The state of every global generator, so that it can be compared."""
    numpy_state: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    values = [value.tobytes() if isinstance(value, np.ndarray) else value for value in numpy_state["state"].values()]
    return random.getstate(), numpy_state["bit_generator"], values, torch.get_rng_state().numpy().tobytes()
