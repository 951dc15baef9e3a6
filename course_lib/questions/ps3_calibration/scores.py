"""scores: negative log-likelihood and Brier score, which see the whole distribution."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_lib import predictions
from course_lib.questions import draws
from course_lib.questions.case import Case, Outputs
from course_lib.questions.question import Mistake, Question

SOFTMAX_TWICE = "https://github.com/layer6ai-labs/TabDPT-inference/pull/46"
SUMMED = "https://github.com/ai-safety-foundation/sparse_autoencoder/issues/63"


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, classes: int, why: str = "", scale: float = 2.0) -> Case:
        made = {"logits": draws.logits(rng, n, classes, scale), "labels": draws.labels(rng, n, classes)}
        return Case(group, made, why)

    hand = {"logits": np.log([[0.5, 0.25, 0.25], [0.2, 0.6, 0.2]]), "labels": np.array([0, 2])}
    sure = {"logits": np.array([[800.0, 0.0, 0.0], [0.0, 900.0, 0.0]]), "labels": np.array([1, 1])}
    single = draws.logits(rng, 4, 3, dtype="float32")
    return [
        Case("plain", hand, "two images and three classes"),
        case("plain", 4, 5),
        case("edge", 3, 3, "as many images as classes"),
        case("edge", 1, 2, "a single image"),
        Case("edge", {"logits": single, "labels": draws.labels(rng, 4, 3)}, "float32"),
        Case("edge", {"logits": np.full((3, 4), 7.0), "labels": np.array([0, 1, 3])}, "a model that knows nothing"),
        Case("stress", sure, "a model that is sure and wrong"),
        case("stress", 4, 6, "logits of 10,000", 1e4),
        case("stress", 700, 100, "many images and classes"),
        case("random", 6, 3),
        case("random", 9, 10),
    ]


def _not_negative(case: Case, outputs: Outputs) -> bool:
    return float(outputs["result"]) >= -1e-9


def _up_to_two(case: Case, outputs: Outputs) -> bool:
    return -1e-9 <= float(outputs["result"]) <= 2 + 1e-6


def _nll_by_library(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(logits, labels)


def _nll_by_formula(logits: Tensor, labels: Tensor) -> float:
    own = logits[torch.arange(len(labels)), labels]
    return float((logits.logsumexp(dim=1) - own).mean())


def _nll_row_by_row(logits: Tensor, labels: Tensor) -> float:
    surprise = [-row.log_softmax(dim=0)[label] for row, label in zip(logits, labels, strict=True)]
    return float(sum(surprise)) / len(labels)


def _nll_summed(logits: Tensor, labels: Tensor) -> float:
    return float(functional.cross_entropy(logits, labels, reduction="sum"))


def _nll_softmax_twice(logits: Tensor, labels: Tensor) -> float:
    return float(functional.cross_entropy(logits.softmax(dim=1), labels))


def _nll_underflow(logits: Tensor, labels: Tensor) -> float:
    return float(-logits.softmax(dim=1)[torch.arange(len(labels)), labels].log().mean())


def _nll_of_probabilities(logits: Tensor, labels: Tensor) -> float:
    return float(functional.nll_loss(logits.softmax(dim=1), labels))


def _nll_of_raw_logits(logits: Tensor, labels: Tensor) -> float:
    return float(functional.nll_loss(logits, labels))


def _nll_entries(logits: Tensor, labels: Tensor) -> float:
    return predictions.negative_log_likelihood(logits, labels) / logits.shape[1]


def _nll_of_the_answer(logits: Tensor, labels: Tensor) -> float:
    return float(-logits.log_softmax(dim=1).amax(dim=1).mean())


NEGATIVE_LOG_LIKELIHOOD = Question(
    name="negative_log_likelihood",
    assignment="ps3_calibration",
    points=4,
    minutes=6,
    cases=_cases,
    reference=predictions.negative_log_likelihood,
    alternatives=(_nll_by_library, _nll_by_formula, _nll_row_by_row),
    invariants={"A surprise is never negative.": _not_negative},
    mistakes=(
        Mistake("summed", _nll_summed, "Twice as many images of the same kind should give the same number.", SUMMED),
        Mistake(
            "softmax_twice",
            _nll_softmax_twice,
            "The function that you call takes a softmax itself: what did you hand it?",
            SOFTMAX_TWICE,
        ),
        Mistake(
            "underflow",
            _nll_underflow,
            "A probability can round to 0, its logarithm never should: take logarithm and softmax in one.",
            "https://github.com/deeplearning4j/deeplearning4j/issues/785",
        ),
        Mistake(
            "of_probabilities",
            _nll_of_probabilities,
            "nll_loss expects logarithms of probabilities; it takes none itself.",
            "https://github.com/clvrai/ACGAN-PyTorch/pull/4",
        ),
        Mistake(
            "of_raw_logits",
            _nll_of_raw_logits,
            "A logit is no logarithm of a probability yet: what makes the probabilities of an image sum to 1?",
            "https://github.com/yanx27/Pointnet_Pointnet2_pytorch/issues/30",
        ),
        Mistake(
            "mean_over_entries",
            _nll_entries,
            "The mean is over images; each image has one true class, not K.",
            "https://github.com/pytorch/pytorch/issues/6988",
        ),
        Mistake(
            "of_the_answer",
            _nll_of_the_answer,
            "This is the surprise at the model's own answer; the label says what really came.",
            "https://github.com/niznik-dev/cruijff_kit/issues/305",
        ),
    ),
    hints=(
        "Only the probability of the true class counts, and its logarithm.",
        "log_softmax gives logarithms without ever rounding a probability to 0.",
        "Pick one entry a row with the labels, change the sign, take the mean.",
    ),
    tolerance=(1e-5, 1e-7),
)


def _brier_with_one_hot(logits: Tensor, labels: Tensor) -> Tensor:
    truth = functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return (logits.softmax(dim=1) - truth).square().sum(dim=1).mean()


def _brier_expanded(logits: Tensor, labels: Tensor) -> float:
    probs = logits.softmax(dim=1)
    own = probs.gather(1, labels[:, None]).squeeze(1)
    return float((probs.square().sum(dim=1) - 2 * own + 1).mean())


def _brier_row_by_row(logits: Tensor, labels: Tensor) -> float:
    total = 0.0
    for row, label in zip(logits.softmax(dim=1).tolist(), labels.tolist(), strict=True):
        total += sum((p - (k == label)) ** 2 for k, p in enumerate(row))
    return total / len(labels)


def _brier_over_classes(logits: Tensor, labels: Tensor) -> float:
    return predictions.brier_score(logits, labels) / logits.shape[1]


def _brier_halved(logits: Tensor, labels: Tensor) -> float:
    return predictions.brier_score(logits, labels) / 2


def _brier_own_class(logits: Tensor, labels: Tensor) -> float:
    own = logits.softmax(dim=1).gather(1, labels[:, None]).squeeze(1)
    return float((1 - own).square().mean())


def _brier_top_label(logits: Tensor, labels: Tensor) -> float:
    confidence, answer = logits.softmax(dim=1).max(dim=1)
    return float((confidence - (answer == labels).to(confidence.dtype)).square().mean())


def _brier_softmax_twice(logits: Tensor, labels: Tensor) -> float:
    return predictions.brier_score(2 + logits.double().softmax(dim=1), labels)


BRIER_SCORE = Question(
    name="brier_score",
    assignment="ps3_calibration",
    points=4,
    minutes=7,
    cases=_cases,
    reference=predictions.brier_score,
    alternatives=(_brier_with_one_hot, _brier_expanded, _brier_row_by_row),
    invariants={"The Brier score of any number of classes lies between 0 and 2.": _up_to_two},
    mistakes=(
        Mistake(
            "over_classes",
            _brier_over_classes,
            "A model that is sure and wrong should get 2, however many classes there are.",
            "https://github.com/tidymodels/workshops/pull/433",
        ),
        Mistake(
            "halved",
            _brier_halved,
            "This is the form for two classes, which ends at 1; ours ends at 2.",
            "https://github.com/EleutherAI/lm-evaluation-harness/pull/1924",
        ),
        Mistake(
            "own_class_only",
            _brier_own_class,
            "What the model gives to the other classes counts as well.",
            "https://github.com/aml4td/website/issues/122",
        ),
        Mistake(
            "top_label",
            _brier_top_label,
            "This looks at the model's answer alone; the score compares whole rows with the truth.",
            "https://github.com/scikit-learn/scikit-learn/pull/18699",
        ),
        Mistake("softmax_twice", _brier_softmax_twice, "Probabilities are taken for logits once more.", SOFTMAX_TWICE),
    ),
    hints=(
        "The truth is a row with a 1 in the column of the label and 0 elsewhere.",
        "It is the squared distance of two rows: add up over classes.",
        "Then take the mean over images, and nothing else.",
    ),
    tolerance=(1e-5, 1e-7),
)
