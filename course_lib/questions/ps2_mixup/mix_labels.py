"""mix_labels: the targets of mixed images."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_lib import mixup
from course_lib.questions import draws
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.question import Mistake, Question

ONE_HOT = "https://github.com/facebookresearch/mixup-cifar10/issues/9"


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, classes: int, why: str = "", dtype: str = "float64", **given: Array) -> Case:
        made: dict[str, Array] = {
            "labels": draws.labels(rng, n, classes),
            "lam": draws.lambdas(rng, n, dtype),
            "partner": draws.partners(rng, n),
        }
        return Case(group, made | given | {"num_classes": classes}, why)

    hand = {"labels": np.array([2, 0]), "lam": np.array([0.75, 0.25]), "partner": np.array([1, 0]), "num_classes": 3}
    return [
        Case("plain", hand, "two images of three classes"),
        case("plain", 4, 5, partner=np.array([1, 2, 3, 0])),
        case("edge", 3, 3, "images of one class", labels=np.array([1, 1, 1])),
        case("edge", 3, 6, "classes that no image has", labels=np.array([0, 2, 1]), partner=np.array([2, 0, 1])),
        case("edge", 3, 4, "weights of 0 and 1", lam=np.array([0.0, 1.0, 1.0]), partner=np.array([1, 2, 0])),
        case("edge", 4, 3, "float32 weights", "float32"),
        case("stress", 300, 100, "a few hundred images"),
        case("random", 6, 4),
        case("random", 9, 12),
    ]


def _rows_sum_to_one(case: Case, outputs: Outputs) -> bool:
    return bool(np.allclose(outputs["result"].sum(axis=1), 1, atol=1e-5))


def _as_formula(labels: Tensor, lam: Tensor, partner: Tensor, num_classes: int) -> Tensor:
    rows = torch.eye(num_classes, dtype=lam.dtype)
    return lam[:, None] * rows[labels] + (1 - lam[:, None]) * rows[labels[partner]]


def _by_adding(labels: Tensor, lam: Tensor, partner: Tensor, num_classes: int) -> Tensor:
    targets = torch.zeros(len(labels), num_classes, dtype=lam.dtype)
    targets.scatter_add_(1, labels[:, None], lam[:, None])
    return targets.scatter_add_(1, labels[partner][:, None], 1 - lam[:, None])


def _one_by_one(labels: Tensor, lam: Tensor, partner: Tensor, num_classes: int) -> Tensor:
    targets = torch.zeros(len(labels), num_classes, dtype=lam.dtype)
    for i, j in enumerate(partner):
        targets[i, labels[i]] += lam[i]
        targets[i, labels[j]] += 1 - lam[i]
    return targets


def _swapped(labels: Tensor, lam: Tensor, partner: Tensor, num_classes: int) -> Tensor:
    return mixup.mix_labels(labels, 1 - lam, partner, num_classes)


def _overwritten(labels: Tensor, lam: Tensor, partner: Tensor, num_classes: int) -> Tensor:
    targets = torch.zeros(len(labels), num_classes, dtype=lam.dtype)
    targets.scatter_(1, labels[:, None], lam[:, None])
    return targets.scatter_(1, labels[partner][:, None], 1 - lam[:, None])


def _averaged_classes(labels: Tensor, lam: Tensor, partner: Tensor, num_classes: int) -> Tensor:
    between = (lam * labels + (1 - lam) * labels[partner]).round().long()
    return functional.one_hot(between, num_classes).to(lam.dtype)


def _majority(labels: Tensor, lam: Tensor, partner: Tensor, num_classes: int) -> Tensor:
    return functional.one_hot(torch.where(lam >= 0.5, labels, labels[partner]), num_classes).to(lam.dtype)


def _unmixed(labels: Tensor, lam: Tensor, partner: Tensor, num_classes: int) -> Tensor:
    return functional.one_hot(labels, num_classes).to(lam.dtype)


def _other_partners(labels: Tensor, lam: Tensor, partner: Tensor, num_classes: int) -> Tensor:
    return mixup.mix_labels(labels, lam, torch.arange(len(labels)).flip(0), num_classes)


def _seen_classes_only(labels: Tensor, lam: Tensor, partner: Tensor, num_classes: int) -> Tensor:
    return mixup.mix_labels(labels, lam, partner, int(labels.max()) + 1)


MIX_LABELS = Question(
    name="mix_labels",
    assignment="ps2_mixup",
    points=6,
    minutes=10,
    cases=_cases,
    reference=mixup.mix_labels,
    alternatives=(_as_formula, _by_adding, _one_by_one),
    invariants={"Each row is a distribution: it sums to 1.": _rows_sum_to_one},
    mistakes=(
        Mistake(
            "swapped",
            _swapped,
            "A label weighs as much as its image does: which of the two has the weight lam?",
            "https://github.com/kornia/kornia/issues/3077",
        ),
        Mistake(
            "overwritten",
            _overwritten,
            "Where both images are of one class the second weight takes the place of the first.",
            "https://github.com/numpy/numpy/issues/8866",
        ),
        Mistake(
            "averaged_classes",
            _averaged_classes,
            "The number of a class is a name: there is no average of two names, and no nearest one.",
            ONE_HOT,
        ),
        Mistake(
            "majority",
            _majority,
            "Your targets name one class only; the smaller part of the image has a say too.",
            "https://github.com/facebookresearch/deit/pull/91",
        ),
        Mistake(
            "unmixed",
            _unmixed,
            "The images are mixed and their labels are not.",
            "https://github.com/983632847/USCL/issues/3",
        ),
        Mistake(
            "other_partners",
            _other_partners,
            "The labels meet others here than the images do.",
            "https://github.com/xudonmao/VMT/issues/1",
        ),
        Mistake(
            "seen_classes_only",
            _seen_classes_only,
            "A batch need not show every class: how many columns should there be?",
            "https://github.com/jwcalder/GraphLearning/issues/12",
        ),
    ),
    hints=(
        "A label as a row of probabilities has a 1 in the column of its class and 0 elsewhere.",
        "Such rows are mixed exactly as images are.",
        "torch.nn.functional.one_hot makes the rows, of integers; lam has the dtype that is wanted.",
    ),
)
