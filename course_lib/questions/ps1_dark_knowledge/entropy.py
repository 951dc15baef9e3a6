"""entropy: how undecided a prediction is."""

import numpy as np
import torch
from torch import Tensor

from course_lib import dark_knowledge
from course_lib.questions import draws
from course_lib.questions.case import Case, Outputs
from course_lib.questions.question import Mistake, Question

HAND = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])
UNIFORM = np.full((1, 8), 0.125)
ZEROS = "https://github.com/tensorflow/probability/issues/241"


def _cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case("plain", {"probs": HAND}, "a row that is certain"),
        Case("plain", {"probs": UNIFORM}, "a uniform guess among eight classes"),
        Case("plain", {"probs": draws.probabilities(rng, 3, 4)}),
        Case("edge", {"probs": np.eye(3)[[2, 0]]}, "zero probabilities"),
        Case("edge", {"probs": np.array([[0.5, 0.5, 0.0]])}, "a zero in a row that is not certain"),
        Case("edge", {"probs": draws.probabilities(rng, 3, 3, dtype="float32")}, "float32"),
        Case("stress", {"probs": draws.probabilities(rng, 3, 6, scale=40.0)}, "probabilities near 0 and 1"),
        Case("random", {"probs": draws.probabilities(rng, 1, 2)}),
        Case("random", {"probs": draws.probabilities(rng, 5, 9)}),
    ]


def _at_most_uniform(case: Case, outputs: Outputs) -> bool:
    classes = np.asarray(case.arguments["probs"]).shape[1]
    return bool((outputs["result"] <= np.log(classes) + 1e-6).all() and (outputs["result"] >= -1e-6).all())


def _with_where(probs: Tensor) -> Tensor:
    logs = torch.where(probs > 0, probs, torch.ones_like(probs)).log()
    return -(probs * logs).sum(dim=1)


def with_xlogy(probs: Tensor) -> Tensor:
    """The entropy of each row, of the rows of anything that is not negative."""
    return -torch.special.xlogy(probs, probs).sum(dim=1)


def _without_zeros(probs: Tensor) -> Tensor:
    return -(probs * probs.log()).sum(dim=1)


def _in_bits(probs: Tensor) -> Tensor:
    return -torch.special.xlogy(probs, probs).sum(dim=1) / torch.log(torch.tensor(2.0, dtype=probs.dtype))


def _without_minus(probs: Tensor) -> Tensor:
    return torch.special.xlogy(probs, probs).sum(dim=1)


def _mean_over_classes(probs: Tensor) -> Tensor:
    return -torch.special.xlogy(probs, probs).mean(dim=1)


ENTROPY = Question(
    name="entropy",
    assignment="ps1_dark_knowledge",
    points=5,
    minutes=8,
    cases=_cases,
    reference=dark_knowledge.entropy,
    alternatives=(_with_where, with_xlogy),
    invariants={"Entropy lies between 0, for certainty, and log K, for a uniform guess.": _at_most_uniform},
    mistakes=(
        Mistake("nan_at_zero", _without_zeros, "log 0 is not finite: what shall 0 log 0 contribute?", ZEROS),
        Mistake(
            "bits",
            _in_bits,
            "This is in bits; nats, the unit of the losses here, come from the natural logarithm.",
            "https://github.com/softwareQinc/qpp/issues/69",
        ),
        Mistake(
            "sign",
            _without_minus,
            "Logarithms of probabilities are negative, an entropy is not.",
            "https://github.com/rlworkgroup/garage/issues/628",
        ),
        Mistake(
            "mean_over_classes",
            _mean_over_classes,
            "The classes of a row are added up, not averaged: a uniform guess has log K.",
            "https://github.com/pytorch/pytorch/issues/6988",
        ),
    ),
    hints=(
        "Write the formula down for the row (0.5, 0.25, 0.25) and work it out with paper and pencil.",
        "Where a probability is 0 the product should be 0 although the logarithm is not finite.",
        "torch.special.xlogy(x, y) is x log y, and 0 where x is 0.",
    ),
)
