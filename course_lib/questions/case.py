"""case: what a learner's function is called with, as data alone.

A case crosses the border between the judge and the learner's process, so it holds no object that could do something:
arrays, numbers, and descriptions of random generators, networks and optimizers, which are built beside the learner.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Rng:
    """A NumPy generator.

    Attributes:
        seed: What it starts from.
    """

    seed: int


@dataclass(frozen=True)
class Net:
    """A small network: linear, batch norm, ReLU, linear.

    Attributes:
        weights: Its state, by name, as ``network`` in ``building`` expects it.
        training: Whether it arrives in training mode.
        left_over: What every gradient holds on arrival, as an earlier step has left it; 0 for no gradients.
    """

    weights: Mapping[str, Array]
    training: bool
    left_over: float = 0.0


@dataclass(frozen=True)
class Sgd:
    """An optimizer of the network that another argument describes.

    Attributes:
        of: The name of that argument.
        learning_rate: Its step.
        momentum: In [0, 1).
        velocity: What every momentum buffer holds on arrival, as an earlier step has left it; 0 for no buffers.
    """

    of: str
    learning_rate: float
    momentum: float = 0.0
    velocity: float = 0.0


Value = Array | int | float | Rng | Net | Sgd


@dataclass(frozen=True)
class Case:
    """One call of a learner's function.

    Attributes:
        group: What the case tries: ``plain``, ``edge``, ``stress`` or ``random``. A group counts as a whole.
        arguments: By name, in the order of the signature. Arrays become tensors.
        why: What is special about it, in a few words; shown to the learner.
    """

    group: str
    arguments: Mapping[str, Value] = field(hash=False)
    why: str = ""


Outputs = dict[str, Array]
