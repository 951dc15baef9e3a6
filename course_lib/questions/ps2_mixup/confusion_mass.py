"""confusion_mass: probability that a mixed image gets outside the classes that were mixed."""

import numpy as np
import torch
from torch import Tensor

from course_lib import vicinal
from course_lib.questions import draws
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.question import Mistake, Question

PERMUTATIONS = "https://github.com/xudonmao/VMT/issues/1"


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, classes: int, why: str = "", scale: float = 2.0, **given: Array) -> Case:
        made: dict[str, Array] = {
            "mixed_probs": draws.probabilities(rng, n, classes, scale),
            "labels": draws.labels(rng, n, classes),
            "partner": draws.partners(rng, n),
        }
        return Case(group, made | given, why)

    hand = {
        "mixed_probs": np.array([[0.5, 0.125, 0.375], [0.25, 0.25, 0.5]]),
        "labels": np.array([2, 0]),
        "partner": np.array([1, 0]),
    }
    single = draws.probabilities(rng, 3, 4, dtype="float32")
    return [
        Case("plain", hand, "two images and three classes"),
        case("plain", 4, 6, labels=np.array([5, 0, 3, 1]), partner=np.array([2, 3, 1, 0])),
        case("edge", 4, 5, "pairs of one class", labels=np.full(4, 2), partner=np.array([1, 2, 3, 0])),
        case("edge", 3, 5, "images that are their own partners", partner=np.arange(3)),
        case("edge", 3, 2, "two classes only", labels=np.array([0, 1, 0]), partner=np.array([1, 2, 0])),
        case("edge", 3, 4, "float32", mixed_probs=single),
        case("stress", 300, 100, "a few hundred images"),
        case("stress", 5, 8, "predictions that are almost certain", 25.0),
        case("random", 6, 7),
        case("random", 8, 10),
    ]


def _between_zero_and_one(case: Case, outputs: Outputs) -> bool:
    return bool((outputs["result"] >= -1e-6).all() and (outputs["result"] <= 1 + 1e-6).all())


def _a_pair_of_one_class_counts_once(case: Case, outputs: Outputs) -> bool:
    probs, labels, partner = (np.asarray(case.arguments[name]) for name in ("mixed_probs", "labels", "partner"))
    same = labels == labels[partner]
    rest = 1 - probs[np.arange(len(labels)), labels]
    return bool(np.allclose(outputs["result"][same], rest[same], atol=1e-5))


def _by_subtraction(mixed_probs: Tensor, labels: Tensor, partner: Tensor) -> Tensor:
    rows, others = torch.arange(len(labels)), labels[partner]
    second = torch.where(labels == others, torch.zeros_like(mixed_probs[:, 0]), mixed_probs[rows, others])
    return mixed_probs.sum(dim=1) - mixed_probs[rows, labels] - second


def _by_clearing(mixed_probs: Tensor, labels: Tensor, partner: Tensor) -> Tensor:
    rest = mixed_probs.clone()
    rest.scatter_(1, labels[:, None], 0.0).scatter_(1, labels[partner][:, None], 0.0)
    return rest.sum(dim=1)


def _row_by_row(mixed_probs: Tensor, labels: Tensor, partner: Tensor) -> Tensor:
    outside = []
    for i, row in enumerate(mixed_probs):
        pair = {int(labels[i]), int(labels[partner[i]])}
        outside.append(row[[k for k in range(len(row)) if k not in pair]].sum())
    return torch.stack(outside)


def _inside(mixed_probs: Tensor, labels: Tensor, partner: Tensor) -> Tensor:
    return mixed_probs.sum(dim=1) - vicinal.confusion_mass(mixed_probs, labels, partner)


def _own_class_only(mixed_probs: Tensor, labels: Tensor, partner: Tensor) -> Tensor:
    return 1 - mixed_probs[torch.arange(len(labels)), labels]


def _reversed(mixed_probs: Tensor, labels: Tensor, partner: Tensor) -> Tensor:
    return vicinal.confusion_mass(mixed_probs, labels, torch.arange(len(labels)).flip(0))


CONFUSION_MASS = Question(
    name="confusion_mass",
    assignment="ps2_mixup",
    points=6,
    minutes=12,
    cases=_cases,
    reference=vicinal.confusion_mass,
    alternatives=(_by_subtraction, _by_clearing, _row_by_row),
    invariants={
        "A probability lies between 0 and 1.": _between_zero_and_one,
        "Where both images are of one class, that class is taken away once.": _a_pair_of_one_class_counts_once,
    },
    mistakes=(
        Mistake(
            "inside",
            _inside,
            "This is the mass of the pair; what lies outside of it is asked for.",
            "https://github.com/lucidrains/halonet-pytorch/issues/4",  # a mask the wrong way round
        ),
        Mistake(
            "own_class_only",
            _own_class_only,
            "Two images were mixed: the class of the partner is no confusion either.",
            "https://github.com/983632847/USCL/issues/3",
        ),
        Mistake("reversed", _reversed, "Who was mixed with whom is said by partner, not by the order.", PERMUTATIONS),
    ),
    hints=(
        "Which classes belong to image i? That of its own label, and that of its partner's label.",
        "labels[partner] holds the labels of the partners.",
        "Set the probability of those classes to 0, then add up what is left: no class can be taken away twice.",
    ),
)
