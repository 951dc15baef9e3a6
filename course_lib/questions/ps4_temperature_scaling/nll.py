"""nll: the negative log-likelihood at a temperature."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_lib import temperature as scaling
from course_lib.predictions import negative_log_likelihood
from course_lib.questions import draws
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.question import Mistake, Question

MULTIPLIED = "https://github.com/EFS-OpenSource/calibration-framework/issues/13"
PROBABILITIES = "https://github.com/gpleiss/temperature_scaling/issues/29"
SUMMED = "https://github.com/ai-safety-foundation/sparse_autoencoder/issues/63"
UNDERFLOW = "https://github.com/deeplearning4j/deeplearning4j/issues/785"

HAND = {"logits": np.log([[0.64, 0.04, 0.32], [0.25, 0.5, 0.25]]), "labels": np.array([0, 2])}


def cases_at(rng: np.random.Generator, name: str, values: list[float]) -> list[Case]:
    """Logits, labels and an argument of this name; its values are 1, another two, that of a cold and of a hot model."""

    def case(group: str, made: dict[str, Array], value: float, why: str = "") -> Case:
        return Case(group, made | {name: value}, why)

    def drawn(n: int, classes: int, scale: float = 2.0, dtype: str = "float64") -> dict[str, Array]:
        return {"logits": draws.logits(rng, n, classes, scale, dtype), "labels": draws.labels(rng, n, classes)}

    def least_likely(made: dict[str, Array]) -> dict[str, Array]:
        return made | {"labels": made["logits"].argmin(axis=1)}

    one, two, half, cold, hot = values
    same = {"logits": np.full((3, 4), 2.5), "labels": np.array([0, 1, 3])}
    return [
        case("plain", HAND, two, "two images and three classes"),
        case("plain", drawn(4, 5), half),
        case("edge", drawn(3, 3), one, "a temperature of 1"),
        case("edge", drawn(1, 2), two, "a single image"),
        case("edge", drawn(4, 3, dtype="float32"), two, "float32"),
        case("edge", same, half, "rows that are constant"),
        case("stress", least_likely(drawn(4, 6)), cold, "a cold temperature"),
        case("stress", drawn(4, 6, 1e4), hot, "logits of 10,000 and a hot temperature"),
        case("stress", drawn(600, 50), two, "many images"),
        case("random", drawn(6, 3), float(rng.uniform(0.3, 4))),
        case("random", drawn(9, 10), float(rng.uniform(0.3, 4))),
    ]


def _cases(rng: np.random.Generator) -> list[Case]:
    return cases_at(rng, "temperature", [1.0, 2.0, 0.5, 1e-3, 1000.0])


def _not_negative(case: Case, outputs: Outputs) -> bool:
    return float(outputs["result"]) >= -1e-9


def _constant_rows_do_not_care(case: Case, outputs: Outputs) -> bool:
    logits = np.asarray(case.arguments["logits"])
    constant = (logits == logits[:, :1]).all()
    return not constant or abs(float(outputs["result"]) - np.log(logits.shape[1])) < 1e-6


def _by_library(logits: Tensor, labels: Tensor, temperature: float) -> Tensor:
    return functional.cross_entropy(logits / temperature, labels)


def _by_formula(logits: Tensor, labels: Tensor, temperature: float) -> float:
    scaled = logits / temperature
    return float((scaled.logsumexp(dim=1) - scaled.gather(1, labels[:, None]).squeeze(1)).mean())


def _row_by_row(logits: Tensor, labels: Tensor, temperature: float) -> float:
    rows = [(row / temperature).log_softmax(dim=0)[label] for row, label in zip(logits, labels, strict=True)]
    return -float(torch.stack(rows).mean())


def _multiplied(logits: Tensor, labels: Tensor, temperature: float) -> float:
    return float(functional.cross_entropy(logits * temperature, labels))


def _of_probabilities(logits: Tensor, labels: Tensor, temperature: float) -> float:
    return float(functional.cross_entropy(logits.softmax(dim=1) / temperature, labels))


def _divided_afterwards(logits: Tensor, labels: Tensor, temperature: float) -> float:
    return negative_log_likelihood(logits, labels) / temperature


def _summed(logits: Tensor, labels: Tensor, temperature: float) -> float:
    return float(functional.cross_entropy(logits / temperature, labels, reduction="sum"))


def _underflow(logits: Tensor, labels: Tensor, temperature: float) -> float:
    probs = (logits / temperature).softmax(dim=1)
    return float(-probs.gather(1, labels[:, None]).log().mean())


NLL_AT_TEMPERATURE = Question(
    name="nll_at_temperature",
    assignment="ps4_temperature_scaling",
    points=5,
    minutes=6,
    cases=_cases,
    reference=scaling.nll_at_temperature,
    alternatives=(_by_library, _by_formula, _row_by_row),
    invariants={
        "A surprise is never negative.": _not_negative,
        "Rows that are constant say nothing at any temperature: their NLL is log K.": _constant_rows_do_not_care,
    },
    mistakes=(
        Mistake(
            "multiplied",
            _multiplied,
            "A high temperature should make the model less sure: does yours?",
            MULTIPLIED,
        ),
        Mistake(
            "of_probabilities",
            _of_probabilities,
            "The temperature belongs to the logits; yours divides what is a probability already.",
            PROBABILITIES,
        ),
        Mistake(
            "divided_afterwards",
            _divided_afterwards,
            "Dividing the result is not the same as dividing the logits.",
            "https://github.com/MoonshotAI/Kimi-Audio/pull/161",
        ),
        Mistake("summed", _summed, "Twice as many images of the same kind should give the same number.", SUMMED),
        Mistake(
            "underflow",
            _underflow,
            "A cold temperature rounds probabilities to 0: take logarithm and softmax in one.",
            UNDERFLOW,
        ),
    ),
    hints=(
        "First the logits over the temperature, then the NLL as you know it.",
        "log_softmax(dim=1) of the scaled logits, and of each row the entry of its label.",
        "torch.nn.functional.cross_entropy takes logits and labels and returns the mean.",
    ),
    tolerance=(1e-5, 1e-7),
)
