"""soft_cross_entropy: cross-entropy with targets that are distributions."""

import numpy as np
import torch
from torch import Tensor, nn

from course_lib import losses
from course_lib.questions import draws
from course_lib.questions.case import Case, Outputs
from course_lib.questions.question import Mistake, Question


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, classes: int, why: str = "", scale: float = 2.0, dtype: str = "float64") -> Case:
        made = {
            "logits": draws.logits(rng, n, classes, scale, dtype),
            "targets": draws.probabilities(rng, n, classes, dtype=dtype),
        }
        return Case(group, made, why)

    hand = {"logits": np.array([[0.0, 0.0], [np.log(3.0), 0.0]]), "targets": np.array([[0.5, 0.5], [1.0, 0.0]])}
    return [
        Case("plain", hand, "two images and two classes"),
        case("plain", 3, 4),
        case("edge", 1, 5, "a batch of one image"),
        Case("edge", {"logits": draws.logits(rng, 3, 3), "targets": np.eye(3)}, "targets that are certain"),
        case("edge", 4, 3, "float32", dtype="float32"),
        case("stress", 3, 5, "logits of thousands", scale=2000.0),
        case("random", 7, 10),
        case("random", 2, 100),
    ]


def _at_least_entropy(case: Case, outputs: Outputs) -> bool:
    targets = np.asarray(case.arguments["targets"], dtype=np.float64)
    logs = np.log(np.where(targets > 0, targets, 1))
    return bool(outputs["result"] >= -(targets * logs).sum(axis=1).mean() - 1e-4)


def _with_torch(logits: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, targets)


def _through_divergence(logits: Tensor, targets: Tensor) -> Tensor:
    own = -torch.special.xlogy(targets, targets).sum(dim=1).mean()
    return nn.functional.kl_div(logits.log_softmax(dim=1), targets, reduction="batchmean") + own


def _one_by_one(logits: Tensor, targets: Tensor) -> Tensor:
    return torch.stack([-(target @ row.log_softmax(dim=0)) for row, target in zip(logits, targets, strict=True)]).mean()


def _mean_over_entries(logits: Tensor, targets: Tensor) -> Tensor:
    return -(targets * logits.log_softmax(dim=1)).mean()


def _hardened(logits: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, targets.argmax(dim=1))


def _sum_over_batch(logits: Tensor, targets: Tensor) -> Tensor:
    return -(targets * logits.log_softmax(dim=1)).sum()


def _softmax_twice(logits: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits.softmax(dim=1), targets)


def _log_of_softmax(logits: Tensor, targets: Tensor) -> Tensor:
    return -(targets * logits.softmax(dim=1).log()).sum(dim=1).mean()


SOFT_CROSS_ENTROPY = Question(
    name="soft_cross_entropy",
    assignment="ps1_dark_knowledge",
    points=5,
    minutes=8,
    cases=_cases,
    reference=losses.soft_cross_entropy,
    alternatives=(_with_torch, _through_divergence, _one_by_one),
    invariants={
        "No prediction does better than the targets themselves: the loss is at least their entropy.": _at_least_entropy
    },
    mistakes=(
        Mistake(
            "mean_over_entries",
            _mean_over_entries,
            "This averages over classes too: the classes of an image are added up, only images are averaged.",
            "https://github.com/pytorch/pytorch/issues/6988",
        ),
        Mistake(
            "hard_targets",
            _hardened,
            "The targets are distributions: this keeps only their largest class.",
            "https://github.com/facebookresearch/deit/pull/91",
        ),
        Mistake(
            "sum_over_batch",
            _sum_over_batch,
            "This grows with the batch: repeat the batch twice and look.",
            "https://github.com/ai-safety-foundation/sparse_autoencoder/issues/63",
        ),
        Mistake(
            "softmax_twice",
            _softmax_twice,
            "A softmax is taken twice: which of the functions you call takes logits?",
            "https://github.com/layer6ai-labs/TabDPT-inference/pull/46",
        ),
        Mistake(
            "log_of_softmax",
            _log_of_softmax,
            "The logarithm of a probability that was rounded to 0 is infinite: take it before anything is rounded.",
            "https://github.com/deeplearning4j/deeplearning4j/issues/785",
        ),
    ),
    hints=(
        "For one image: minus the sum over classes of target times log-probability.",
        "log_softmax gives log-probabilities without overflow.",
        "Sum over dim=1, then take the mean.",
    ),
    differentiable=("logits",),
)
