"""draws: generators that nobody seeds begin at the same place, so that a submission gets the same report again.

What learners call stays what it is; where it would ask the system for entropy, it gets numbers that are the same each
time, and never the same twice. Who asks the system directly (``os.urandom``, ``secrets``, ``random.SystemRandom``,
``torch.seed``) gets what the system gives.
"""

import functools
import random
from collections.abc import Callable
from hashlib import shake_128
from typing import Any

import numpy as np

_given: list[int] = []  # how many bits, each time that some were
_seed: Callable[..., None] = random.Random.seed


def same_draws() -> None:
    """Start all global generators, and those that are made from now on without a seed, from one place."""
    import torch

    _given.clear()
    np.random.bit_generator.randbits = _entropy  # type: ignore[attr-defined]
    random.Random.seed = _seeded
    random.seed = random._inst.seed  # type: ignore[attr-defined]
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)


def _entropy(bits: int) -> int:
    """So many bits, as the system's generator would give."""
    _given.append(bits)
    size = (bits + 7) // 8
    return int.from_bytes(shake_128(str(len(_given)).encode()).digest(size), "big") >> (8 * size - bits)


@functools.wraps(_seed)
def _seeded(self: random.Random, a: Any = None, version: int = 2) -> None:
    _seed(self, _entropy(256) if a is None else a, version)
