"""vicinal_nonlinearity: how far a model is from a perfectly linear one between two images."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_lib import vicinal
from course_lib.questions import draws
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.ps2_mixup.linear_prediction import as_formula, drawn_mix
from course_lib.questions.question import Mistake, Question

MANY = 100  # images, among which some divergences of almost 0 round to less
DIRECTION = "https://github.com/huggingface/trl/pull/4935"


def _linear(rng: np.random.Generator, n: int, classes: int) -> dict[str, Array]:
    """A perfectly linear model; a last digit is off where many images are asked, as it is in a real one."""
    probs, mix = draws.probabilities(rng, n, classes), drawn_mix(rng, n)
    weight = mix["lam"][:, None]
    mixed = weight * probs + (1 - weight) * probs[mix["partner"]]
    if n > MANY:
        mixed = np.nextafter(mixed, rng.integers(0, 2, mixed.shape))
    return {"probs": probs, "mixed_probs": mixed, **mix}


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, classes: int, why: str = "", scale: float = 2.0, **given: Array) -> Case:
        clean, mixed = (draws.probabilities(rng, n, classes, scale) for _ in range(2))
        return Case(group, {"probs": clean, "mixed_probs": mixed} | drawn_mix(rng, n) | given, why)

    hand = {
        "probs": np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]),
        "mixed_probs": np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]),
        "lam": np.array([0.5, 1.0]),
        "partner": np.array([1, 0]),
    }
    certain = np.eye(4)[draws.labels(rng, 5, 4)]
    single = {name: draws.probabilities(rng, 3, 4, dtype="float32") for name in ("probs", "mixed_probs")}
    return [
        Case("plain", hand, "two images and three classes"),
        case("plain", 3, 4, partner=np.array([1, 2, 0])),
        Case("edge", _linear(rng, 3, 5), "a perfectly linear model"),
        case("edge", 5, 4, "clean predictions that are certain", probs=certain),
        case("edge", 4, 4, "images that are their own partners", partner=np.arange(4)),
        Case(
            "edge", single | {"lam": np.array([0.5, 0.25, 0.75], "float32"), "partner": np.array([2, 0, 0])}, "float32"
        ),
        case("stress", 4, 6, "probabilities of almost 0", 20.0),
        case("stress", 200, 10, "a few hundred images"),
        Case("stress", _linear(rng, 200, 10), "a model that is linear but for rounding"),
        case("random", 6, 3),
        case("random", 4, 20),
    ]


def _not_negative(case: Case, outputs: Outputs) -> bool:
    return bool((outputs["result"] >= 0).all())


def _with_kl_div(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    linear = as_formula(probs, lam, partner)
    return functional.kl_div(mixed_probs.log(), linear, reduction="none").sum(dim=1).clamp(min=0)


def _by_entropy(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    linear = as_formula(probs, lam, partner)
    cross = -(linear * mixed_probs.log()).sum(dim=1)
    return torch.relu(cross - torch.special.entr(linear).sum(dim=1))


def _row_by_row(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    values = []
    for linear, mixed in zip(as_formula(probs, lam, partner), mixed_probs, strict=True):
        there = linear > 0
        values.append((linear[there] * (linear[there] / mixed[there]).log()).sum().clamp(min=0))
    return torch.stack(values)


def _direction(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return vicinal.kl_divergence(mixed_probs, as_formula(probs, lam, partner))


def _mean_over_classes(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return vicinal.vicinal_nonlinearity(probs, mixed_probs, lam, partner) / probs.shape[1]


def _nan_at_zero(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    linear = as_formula(probs, lam, partner)
    return (linear * (linear / mixed_probs).log()).sum(dim=1).clamp(min=0)


def _cross_entropy(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return -(as_formula(probs, lam, partner) * mixed_probs.log()).sum(dim=1)


def _unmixed(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return vicinal.kl_divergence(probs, mixed_probs)


VICINAL_NONLINEARITY = Question(
    name="vicinal_nonlinearity",
    assignment="ps2_mixup",
    points=7,
    minutes=15,
    cases=_cases,
    reference=vicinal.vicinal_nonlinearity,
    alternatives=(_with_kl_div, _by_entropy, _row_by_row),
    invariants={"A divergence is never negative, not even by rounding.": _not_negative},
    mistakes=(
        Mistake(
            "direction",
            _direction,
            "A divergence has a direction: the linear prediction stands first, it says where to look.",
            DIRECTION,
        ),
        Mistake(
            "mean_over_classes",
            _mean_over_classes,
            "The classes of an image are added up, not averaged.",
            "https://github.com/pytorch/pytorch/issues/6988",
        ),
        Mistake(
            "nan_at_zero",
            _nan_at_zero,
            "Where the linear prediction is 0, what shall 0 log 0 contribute?",
            "https://github.com/pytorch/pytorch/pull/144220",
        ),
        Mistake(
            "cross_entropy",
            _cross_entropy,
            "A perfectly linear model should get 0: what does yours give it, and what is that called?",
            "https://github.com/jongwooko/distillm/issues/7",
        ),
        Mistake(
            "unmixed",
            _unmixed,
            "The prediction on the clean image alone is no yardstick for a mixed one: mix first.",
            "https://github.com/983632847/USCL/issues/3",
        ),
    ),
    hints=(
        "First the linear prediction q, as in the question before; then compare with mixed_probs.",
        "KL(q || p) is the sum over classes of q (log q - log p).",
        "torch.special.xlogy(q, q) is q log q and 0 where q is 0; rounding can leave -1e-17, which clamp(min=0) mends.",
    ),
    tolerance=(1e-6, 1e-8),
)
