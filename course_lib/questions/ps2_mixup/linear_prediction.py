"""linear_prediction: what a perfectly linear model would say between two images."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_lib import vicinal
from course_lib.questions import draws
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.question import Mistake, Question

SWAPPED = "https://github.com/kornia/kornia/issues/3077"
PERMUTATIONS = "https://github.com/xudonmao/VMT/issues/1"


def drawn_mix(rng: np.random.Generator, n: int) -> dict[str, Array]:
    """Weights and partners of n images."""
    return {"lam": draws.lambdas(rng, n), "partner": draws.partners(rng, n)}


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, classes: int, why: str = "", scale: float = 2.0, **given: Array) -> Case:
        return Case(group, {"probs": draws.probabilities(rng, n, classes, scale)} | drawn_mix(rng, n) | given, why)

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


def as_formula(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    """The convex combination, as it is written."""
    return lam[:, None] * probs + (1 - lam[:, None]) * probs[partner]


def _row_by_row(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return torch.stack([a * probs[i] + (1 - a) * probs[j] for i, (a, j) in enumerate(zip(lam, partner, strict=True))])


def _geometric(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    weight = lam[:, None]
    product = probs**weight * probs[partner] ** (1 - weight)
    return product / product.sum(dim=1, keepdim=True)


def _softmax_again(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return as_formula(probs, lam, partner).softmax(dim=1)


def _swapped_weights(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return vicinal.linear_prediction(probs, 1 - lam, partner)


def _of_answers(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    answers = functional.one_hot(probs.argmax(dim=1), probs.shape[1]).to(probs.dtype)
    return as_formula(answers, lam, partner)


def _reversed(probs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return as_formula(probs, lam, torch.arange(len(probs)).flip(0))


LINEAR_PREDICTION = Question(
    name="linear_prediction",
    assignment="ps2_mixup",
    points=4,
    minutes=6,
    cases=_cases,
    reference=vicinal.linear_prediction,
    alternatives=(as_formula, _row_by_row),
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
            "https://github.com/layer6ai-labs/TabDPT-inference/pull/46",
        ),
        Mistake(
            "of_answers",
            _of_answers,
            "Only the answers are mixed here; the model has said more than which class is on top.",
            "https://github.com/JDAI-CV/FADA/issues/21",
        ),
        Mistake("reversed", _reversed, "Who is mixed with whom is said by partner, not by the order.", PERMUTATIONS),
    ),
    hints=(
        "A linear model's answer to a mixture is the mixture of its answers.",
        "The rows of probs are mixed exactly as images are.",
        "lam[:, None] has the shape that multiplies rows.",
    ),
)
