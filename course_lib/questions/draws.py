"""draws: what cases are made of; every array is drawn from the generator that is given."""

import numpy as np
from numpy.typing import NDArray

from course_lib.questions.case import Array

Generator = np.random.Generator


def logits(rng: Generator, n: int, classes: int, scale: float = 2.0, dtype: str = "float64") -> Array:
    """(n, classes) of a model that is sure of some things."""
    return (scale * rng.standard_normal((n, classes))).astype(dtype)


def probabilities(rng: Generator, n: int, classes: int, scale: float = 2.0, dtype: str = "float64") -> Array:
    """(n, classes), rows that sum to 1, none of them 0."""
    exponentials = np.exp(scale * rng.standard_normal((n, classes)))
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(dtype)


def labels(rng: Generator, n: int, classes: int) -> NDArray[np.int64]:
    """(n,) classes."""
    return rng.integers(0, classes, n)


def lambdas(rng: Generator, n: int, dtype: str = "float64") -> Array:
    """(n,) mixing weights in (0, 1), none near one half."""
    weights = rng.uniform(0.05, 0.45, n)
    return np.where(rng.random(n) < 0.5, weights, 1 - weights).astype(dtype)


def partners(rng: Generator, n: int) -> NDArray[np.int64]:
    """(n,) positions, not necessarily a permutation."""
    return rng.integers(0, n, n)


def predictions(rng: Generator, n: int) -> tuple[Array, Array]:
    """(n,) confidences off the edges of any bins in use, and (n,) bool whether the answers are right."""
    confidence = rng.uniform(0.3, 1.0, n)
    return confidence, rng.random(n) < confidence**2


def softmax(logits: Array) -> Array:
    """(N, K) to (N, K), in float64."""
    exponentials = np.exp(logits.astype("float64") - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def answered(rng: Generator, n: int, classes: int, best_temperature: float = 1.0) -> dict[str, Array]:
    """(n, classes) logits, and (n,) labels drawn from them as a model at this temperature would have it."""
    drawn = logits(rng, n, classes)
    sums = softmax(drawn / best_temperature).cumsum(axis=1)
    labels = (rng.random((n, 1)) > sums).sum(axis=1).clip(max=classes - 1)
    return {"logits": drawn, "labels": labels.astype(np.int64)}
