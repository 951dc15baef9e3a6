"""confidence: how sure a model is, whether it is right, and the difference of the two on average."""

import numpy as np
import torch
from torch import Tensor

from course_lib import predictions
from course_lib.calibration import signed_gap
from course_lib.questions import draws
from course_lib.questions.case import Case, Outputs
from course_lib.questions.ps3_calibration import answers
from course_lib.questions.question import Mistake, Question


def _reference(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    confidence, correct = predictions.confidence_and_correct(logits, labels)
    return confidence.to(logits.dtype), correct


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, classes: int, why: str = "", scale: float = 2.0, dtype: str = "float64") -> Case:
        made = {"logits": draws.logits(rng, n, classes, scale, dtype), "labels": draws.labels(rng, n, classes)}
        return Case(group, made, why)

    hand = {"logits": np.log([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]]) + 1, "labels": np.array([0, 1])}
    return [
        Case("plain", hand, "two images and three classes"),
        case("plain", 4, 5),
        case("edge", 3, 3, "as many images as classes"),
        case("edge", 3, 4, "float32", dtype="float32"),
        case("edge", 1, 2, "a single image"),
        case("stress", 4, 6, "logits of 10,000", 1e4),
        case("stress", 500, 100, "many images and classes"),
        case("random", 6, 3),
        case("random", 9, 10),
    ]


def _at_least_a_guess(case: Case, outputs: Outputs) -> bool:
    classes = np.asarray(case.arguments["logits"]).shape[1]
    return bool((outputs["result.0"] >= 1 / classes - 1e-6).all() and (outputs["result.0"] <= 1 + 1e-6).all())


def _with_softmax(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    confidence, answer = logits.softmax(dim=1).max(dim=1)
    return confidence, answer == labels


def _through_logarithms(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    top = logits.amax(dim=1)
    return (top - logits.logsumexp(dim=1)).exp(), logits.gather(1, labels[:, None]).squeeze(1) >= top


def _row_by_row(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    rows = [row.softmax(dim=0) for row in logits]
    return torch.stack([row.max() for row in rows]), torch.tensor(
        [int(row.argmax()) == int(label) for row, label in zip(rows, labels, strict=True)]
    )


def _of_the_label(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    probs = logits.softmax(dim=1)
    return probs.gather(1, labels[:, None]).squeeze(1), probs.argmax(dim=1) == labels


def _logits_themselves(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    top, answer = logits.max(dim=1)
    return top, answer == labels


def _over_images(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    confidence, answer = logits.softmax(dim=0).max(dim=1)
    return confidence, answer == labels


def _softmax_twice(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    confidence, answer = logits.softmax(dim=1).softmax(dim=1).max(dim=1)
    return confidence, answer == labels


def _swapped(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    confidence, correct = _with_softmax(logits, labels)
    return correct, confidence


CONFIDENCE_AND_CORRECT = Question(
    name="confidence_and_correct",
    assignment="ps3_calibration",
    points=3,
    minutes=5,
    cases=_cases,
    reference=_reference,
    alternatives=(_with_softmax, _through_logarithms, _row_by_row),
    invariants={"The largest of K probabilities lies between 1/K and 1.": _at_least_a_guess},
    mistakes=(
        Mistake(
            "of_the_label",
            _of_the_label,
            "Confidence is how sure the model is of its own answer; it does not know the label.",
            "https://github.com/niznik-dev/cruijff_kit/issues/305",
        ),
        Mistake(
            "logits_themselves",
            _logits_themselves,
            "A logit is no probability: what turns a row of logits into one?",
            "https://github.com/EFS-OpenSource/calibration-framework/issues/17",
        ),
        Mistake(
            "over_images",
            _over_images,
            "Classes compete within an image: check along which dimension you normalise.",
            "https://github.com/d2l-ai/d2l-en/pull/2274",
        ),
        Mistake(
            "softmax_twice",
            _softmax_twice,
            "Probabilities are taken for logits once more here, which makes every model shy.",
            "https://github.com/layer6ai-labs/TabDPT-inference/pull/46",
        ),
        Mistake(
            "swapped",
            _swapped,
            "Both are there, in the other order: first how sure, then whether right.",
            "https://github.com/EleutherAI/elk/pull/194",
        ),
    ),
    hints=(
        "The answer is the class of the largest logit, the confidence its probability.",
        "softmax over the classes, then max: it gives the value and the place.",
        "correct compares the place with labels; it is a bool tensor.",
    ),
)


def _gap_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case(case.group, {name: case.arguments[name] for name in ("confidence", "correct")}, case.why)
        for case in answers.binned_cases(rng)
    ]


def _within_one(case: Case, outputs: Outputs) -> bool:
    return abs(float(outputs["result"])) <= 1 + 1e-9


def _positive_where_all_is_wrong(case: Case, outputs: Outputs) -> bool:
    return bool(np.asarray(case.arguments["correct"]).any()) or float(outputs["result"]) >= 0


def _by_means(confidence: Tensor, correct: Tensor) -> float:
    return (confidence.mean() - correct.float().mean()).item()


def _by_sum(confidence: Tensor, correct: Tensor) -> Tensor:
    return (confidence - correct.to(confidence.dtype)).sum() / len(confidence)


def _one_by_one(confidence: Tensor, correct: Tensor) -> float:
    return sum(c - a for c, a in zip(confidence.tolist(), correct.tolist(), strict=True)) / len(confidence)


def _sign(confidence: Tensor, correct: Tensor) -> float:
    return -signed_gap(confidence, correct)


def _absolute(confidence: Tensor, correct: Tensor) -> float:
    return abs(signed_gap(confidence, correct))


def _summed(confidence: Tensor, correct: Tensor) -> float:
    return float((confidence - correct.double()).sum())


SIGNED_GAP = Question(
    name="signed_gap",
    assignment="ps3_calibration",
    points=3,
    minutes=4,
    cases=_gap_cases,
    reference=signed_gap,
    alternatives=(_by_means, _by_sum, _one_by_one),
    invariants={
        "The gap lies between -1 and 1.": _within_one,
        "A model that is always wrong is overconfident: its gap is positive.": _positive_where_all_is_wrong,
    },
    mistakes=(
        Mistake(
            "sign",
            _sign,
            "Take a model that is always sure and never right: is yours positive there?",
            "https://github.com/LNST-project/lnst/pull/317",
        ),
        Mistake("absolute", _absolute, "This hides the direction, which is what the gap is for.", answers.SIGNED),
        Mistake(
            "summed",
            _summed,
            "Twice as many images of the same kind should give the same gap.",
            "https://github.com/ai-safety-foundation/sparse_autoencoder/issues/63",
        ),
    ),
    hints=(
        "Two means: how sure is the model on average, how often is it right?",
        "correct holds bool; .double().mean() is the accuracy.",
        "Subtract so that a model that claims too much gets a positive number.",
    ),
    tolerance=(1e-6, 1e-6),
)
