"""calling: runs a learner's function on a case and writes down all that can be seen of it, as arrays.

This is the only part that runs beside the learner. It knows no reference and no verdict.

    result, result.0, result.key    what came back; a float as an array of no dimensions
    kind                            what sort of thing it was
    graph                           whether it can still be differentiated
    after.NAME                      an argument afterwards
    gradient.NAME                   of the sum of the result, in an argument that a loss must be differentiable in
    rng.NAME                        what a generator draws next
    global                          whether global random state was changed
    printed                         what was printed, where nothing came back
    error                           what was raised
"""

import contextlib
import io
import random
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.questions.case import Case, Net, Outputs, Rng, Sgd, Value

HIDDEN = 5  # width of the networks of cases


def network(description: Net) -> nn.Module:
    """The network that a case describes."""
    weights = {name: torch.from_numpy(values.copy()) for name, values in description.weights.items()}
    inputs, classes = weights["0.weight"].shape[1], weights["3.weight"].shape[0]
    built = nn.Sequential(nn.Linear(inputs, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes))
    built.load_state_dict(weights)
    for parameter in built.parameters() if description.left_over else ():
        parameter.grad = torch.full_like(parameter, description.left_over)
    return built.train(description.training)


def call(function: Callable[..., Any], case: Case, differentiable: Iterable[str] = ()) -> Outputs:
    """Run a function on a case.

    Args:
        function: The learner's.
        case: What it is called with.
        differentiable: Arguments in which the result must be differentiable: tensors, or networks in their weights.

    Returns:
        What was seen; an error is one of the things that can be seen.
    """
    arguments = _build(case, set(differentiable))
    outputs: Outputs = {}
    before = _global_state()
    said = io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            result = function(*arguments.values())
            outputs |= _written("result", result)
            outputs["kind"] = np.array(_kind(result))
            outputs["graph"] = np.array(isinstance(result, Tensor) and result.requires_grad)
            outputs |= _gradients(result, arguments, differentiable)
    except Exception as error:  # whatever a learner's code raises
        outputs["error"] = np.array(f"{type(error).__name__}: {error}")
    outputs["global"] = np.array(before != _global_state())
    outputs["printed"] = np.array(said.getvalue()[:200])
    try:
        for name, value in arguments.items():
            outputs |= _afterwards(name, value)
    except Exception as error:  # what became of an argument cannot be an array
        outputs["error"] = np.array(f"{type(error).__name__}: {error}")
    return outputs


def _build(case: Case, differentiable: set[str]) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for name, value in case.arguments.items():
        built[name] = _one(value, built)
        if isinstance(built[name], Tensor) and name in differentiable:
            built[name].requires_grad_()
    return built


def _one(value: Value, built: dict[str, Any]) -> Any:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    if isinstance(value, Rng):
        return np.random.default_rng(value.seed)
    if isinstance(value, Net):
        return network(value)
    if isinstance(value, Sgd):
        return torch.optim.SGD(built[value.of].parameters(), lr=value.learning_rate, momentum=value.momentum)
    return value


def _written(name: str, value: Any) -> Outputs:
    """A result as arrays; what cannot be one is left out, its kind says what it was."""
    if isinstance(value, Tensor):
        return {name: value.detach().cpu().numpy().copy()}
    if isinstance(value, np.ndarray):
        return {name: value.copy()} if value.dtype != object else {}
    if isinstance(value, (bool, int, float, np.generic)):
        return {name: np.array(value)}
    if isinstance(value, (tuple, list)):
        return {key: found for i, part in enumerate(value) for key, found in _written(f"{name}.{i}", part).items()}
    if isinstance(value, dict):
        return {key: found for word, part in value.items() for key, found in _written(f"{name}.{word}", part).items()}
    return {}


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, Tensor):
        return "tensor"
    if isinstance(value, np.ndarray):
        return "array"
    if isinstance(value, (bool, int, float, np.generic)):
        return "number"
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__} of {len(value)}"
    return type(value).__name__


def _gradients(result: Any, arguments: dict[str, Any], differentiable: Iterable[str]) -> Outputs:
    names = list(differentiable)
    if not names or not isinstance(result, Tensor) or not result.requires_grad:
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


def _afterwards(name: str, value: Any) -> Outputs:
    if isinstance(value, Tensor):
        return {f"after.{name}": value.detach().cpu().numpy().copy()}
    if isinstance(value, np.random.Generator):
        return {f"rng.{name}": value.integers(0, 2**62, size=4)}
    if isinstance(value, nn.Module):
        state = {f"after.{name}.{key}": part.cpu().numpy().copy() for key, part in value.state_dict().items()}
        return state | {f"after.{name}.training": np.array(value.training)}
    return {}


def _global_state() -> tuple[Any, ...]:
    """The state of every global generator, so that it can be compared."""
    numpy_state: Any = np.random.get_state()  # noqa: NPY002
    return random.getstate(), numpy_state[1].tobytes(), numpy_state[2], torch.get_rng_state().numpy().tobytes()
