"""building: what a case describes, built beside the learner: tensors, generators, networks and optimizers."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.questions.case import Case, Net, Rng, Sgd, Value

HIDDEN = 5  # width of the networks of cases


class Asked:
    """How often a network was asked, its copies included.

    Attributes:
        calls: So far.
    """

    calls = 0

    def __deepcopy__(self, memo: object) -> "Asked":
        return self


class First(nn.Linear):
    """The first layer of a network, which is met by whatever way images go through it.

    Attributes:
        asked: How often they did.
    """

    def __init__(self, inputs: int, outputs: int):
        """Ask nothing yet."""
        super().__init__(inputs, outputs)
        self.asked = Asked()

    def forward(self, input: Tensor) -> Tensor:
        """The layer, and one call more."""
        self.asked.calls += 1
        return super().forward(input)


def network(description: Net) -> nn.Sequential:
    """The network that a case describes."""
    weights = {name: torch.from_numpy(values.copy()) for name, values in description.weights.items()}
    inputs, classes = weights["0.weight"].shape[1], weights["3.weight"].shape[0]
    layers = First(inputs, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes)
    built = nn.Sequential(*layers).float()  # whatever the default dtype has become
    built.load_state_dict(weights)
    for parameter in built.parameters() if description.left_over else ():
        parameter.grad = torch.full_like(parameter, description.left_over)
    return built.train(description.training)


def built_arguments(case: Case, differentiable: set[str]) -> dict[str, Any]:
    """The arguments of a case by name; tensors that are named as differentiable require a gradient."""
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
        return _optimizer(value, built[value.of])
    return value


def _optimizer(description: Sgd, network: nn.Module) -> torch.optim.Optimizer:
    built = torch.optim.SGD(network.parameters(), lr=description.learning_rate, momentum=description.momentum)
    for parameter in network.parameters() if description.velocity else ():
        built.state[parameter]["momentum_buffer"] = torch.full_like(parameter, description.velocity)
    return built
