"""linearity: what a perfectly linear model would say between two images, and how far a model is from it."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_lib import vicinal
from course_lib.questions import draws
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.question import Mistake, Question

SWAPPED = "https://github.com/hongyi-zhang/Fixup/issues/5"
PERMUTATIONS = "https://github.com/xudonmao/VMT/issues/1"
DIRECTION = "https://github.com/huggingface/trl/pull/4935"


def _mix(rng: np.random.Generator, n: int) -> dict[str, Array]:
    return {"lam": draws.lambdas(rng, n), "partner": draws.partners(rng, n)}


def _linear_cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, classes: int, why: str = "", scale: float = 2.0, **given: Array) -> Case:
        return Case(group, {"probs": draws.probabilities(rng, n, classes, scale)} | _mix(rng, n) | given, why)

    hand = {
        "probs": np.array([[0.8, 0.2, 0.0], [0.0, 0.4, 0.6]]),
        "lam": np.array([0.5, 0.25]),
        "partner": np.array([1, 0]),
    }
    single = {
        "probs": draws.probabilities(rng, 3, 4, dtype="float32"),
        "lam": np.array([0.25, 0.5, 0.125], "float32"),
        "partner": np.array([2, 0, 0]),
    }
    return [
        Case("plain", hand, "two images and three classes"),
        case("plain", 3, 4, partner=np.array([1, 2, 0])),
        case("edge", 4, 3, "weights of 0 and 1", lam=np.array([0.0, 1.0, 1.0, 0.0])),
        case("edge", 4, 4, "images that are their own partners", partner=np.arange(4)),
        Case("edge", single, "float32"),
        case("stress", 5, 10, "predictions that are almost certain", 30.0),
        case("random", 6, 3),
        case("random", 5, 20),
    ]


def _rows_sum_to_one(case: Case, outputs: Outputs) -> bool:
    return bool(np.allclose(outputs["result"].sum(axis=1), 1, atol=1e-5))


def _as_formula(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return lam[:, None] * probs + (1 - lam[:, None]) * probs[partner]


def _row_by_row(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return torch.stack([a * probs[i] + (1 - a) * probs[j] for i, (a, j) in enumerate(zip(lam, partner, strict=True))])


def _geometric(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    weight = lam[:, None]
    product = probs**weight * probs[partner] ** (1 - weight)
    return product / product.sum(dim=1, keepdim=True)


def _softmax_again(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return _as_formula(probs, lam, partner).softmax(dim=1)


def _swapped_weights(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return vicinal.linear_prediction(probs, 1 - lam, partner)


def _of_answers(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    answers = functional.one_hot(probs.argmax(dim=1), probs.shape[1]).to(probs.dtype)
    return _as_formula(answers, lam, partner)


def _reversed(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return _as_formula(probs, lam, torch.arange(len(probs)).flip(0))


LINEAR_PREDICTION = Question(
    name="linear_prediction",
    assignment="ps2_mixup",
    points=4,
    minutes=6,
    cases=_linear_cases,
    reference=vicinal.linear_prediction,
    alternatives=(_as_formula, _row_by_row),
    invariants={"Each row is a distribution: it sums to 1.": _rows_sum_to_one},
    mistakes=(
        Mistake(
            "swapped", _swapped_weights, "Whose weight is lam: that of the image itself, or its partner's?", SWAPPED
        ),
        Mistake(
            "geometric",
            _geometric,
            "This mixes logarithms, which gives a geometric mean; a linear model mixes probabilities.",
            "https://github.com/OpenNMT/OpenNMT-py/pull/1049",
        ),
        Mistake(
            "softmax_again",
            _softmax_again,
            "Your rows summed to 1 before the last step: what did that do to them?",
            "https://github.com/gpleiss/temperature_scaling/issues/29",
        ),
        Mistake(
            "of_answers",
            _of_answers,
            "Only the answers are mixed here; the model has said more than which class is on top.",
            "https://github.com/facebookresearch/deit/pull/91",
        ),
        Mistake("reversed", _reversed, "Who is mixed with whom is said by partner, not by the order.", PERMUTATIONS),
    ),
    hints=(
        "A linear model's answer to a mixture is the mixture of its answers.",
        "The rows of probs are mixed exactly as images are.",
        "lam[:, None] has the shape that multiplies rows.",
    ),
)


def _nonlinearity_cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, classes: int, why: str = "", scale: float = 2.0, **given: Array) -> Case:
        clean, mixed = (draws.probabilities(rng, n, classes, scale) for _ in range(2))
        return Case(group, {"probs": clean, "mixed_probs": mixed} | _mix(rng, n) | given, why)

    hand = {
        "probs": np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]),
        "mixed_probs": np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]),
        "lam": np.array([0.5, 1.0]),
        "partner": np.array([1, 0]),
    }
    certain = np.eye(4)[draws.labels(rng, 5, 4)]
    linear = {"probs": draws.probabilities(rng, 3, 5)} | _mix(rng, 3)
    weight = linear["lam"][:, None]
    exact = weight * linear["probs"] + (1 - weight) * linear["probs"][linear["partner"]]
    single = {name: draws.probabilities(rng, 3, 4, dtype="float32") for name in ("probs", "mixed_probs")}
    return [
        Case("plain", hand, "two images and three classes"),
        case("plain", 3, 4, partner=np.array([1, 2, 0])),
        Case(
            "edge",
            {"probs": linear["probs"], "mixed_probs": exact, "lam": linear["lam"], "partner": linear["partner"]},
            "a perfectly linear model",
        ),
        case("edge", 5, 4, "clean predictions that are certain", probs=certain),
        case("edge", 4, 4, "images that are their own partners", partner=np.arange(4)),
        Case(
            "edge", single | {"lam": np.array([0.5, 0.25, 0.75], "float32"), "partner": np.array([2, 0, 0])}, "float32"
        ),
        case("stress", 4, 6, "probabilities of almost 0", 20.0),
        case("stress", 200, 10, "a few hundred images"),
        case("random", 6, 3),
        case("random", 4, 20),
    ]


def _not_negative(case: Case, outputs: Outputs) -> bool:
    return bool((outputs["result"] >= 0).all())


def _with_kl_div(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    linear = _as_formula(probs, lam, partner)
    return functional.kl_div(mixed_probs.log(), linear, reduction="none").sum(dim=1).clamp(min=0)


def _by_entropy(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    linear = _as_formula(probs, lam, partner)
    cross = -(linear * mixed_probs.log()).sum(dim=1)
    return torch.relu(cross - torch.special.entr(linear).sum(dim=1))


def _row_by_row_kl(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    values = []
    for linear, mixed in zip(_as_formula(probs, lam, partner), mixed_probs, strict=True):
        there = linear > 0
        values.append((linear[there] * (linear[there] / mixed[there]).log()).sum().clamp(min=0))
    return torch.stack(values)


def _direction(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return vicinal.kl_divergence(mixed_probs, _as_formula(probs, lam, partner))


def _mean_over_classes(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return vicinal.vicinal_nonlinearity(probs, mixed_probs, lam, partner) / probs.shape[1]


def _nan_at_zero(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    linear = _as_formula(probs, lam, partner)
    return (linear * (linear / mixed_probs).log()).sum(dim=1).clamp(min=0)


def _cross_entropy(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return -(_as_formula(probs, lam, partner) * mixed_probs.log()).sum(dim=1)


def _unmixed(probs: Tensor, mixed_probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return vicinal.kl_divergence(probs, mixed_probs)


VICINAL_NONLINEARITY = Question(
    name="vicinal_nonlinearity",
    assignment="ps2_mixup",
    points=7,
    minutes=15,
    cases=_nonlinearity_cases,
    reference=vicinal.vicinal_nonlinearity,
    alternatives=(_with_kl_div, _by_entropy, _row_by_row_kl),
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
            "https://github.com/haitongli/knowledge-distillation-pytorch/issues/2",
        ),
        Mistake(
            "nan_at_zero",
            _nan_at_zero,
            "Where the linear prediction is 0, what shall 0 log 0 contribute?",
            "https://github.com/pytorch/pytorch/issues/61727",
        ),
        Mistake(
            "cross_entropy",
            _cross_entropy,
            "A perfectly linear model should get 0: what does yours give it, and what is that called?",
            "https://github.com/microsoft/ProDA/issues/20",
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
