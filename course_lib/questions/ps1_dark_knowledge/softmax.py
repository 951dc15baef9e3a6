"""softmax: probabilities from logits, softened by a temperature."""

import numpy as np
import torch
from torch import Tensor

from course_lib import dark_knowledge
from course_lib.questions import draws
from course_lib.questions.case import Case, Outputs
from course_lib.questions.question import Mistake, Question


def _cases(rng: np.random.Generator) -> list[Case]:
    hand = np.array([[2.0, 0.0, -2.0], [0.0, 0.0, 0.0]])
    rivals = np.array([[10_000.0, 9_999.93, 0.0]])
    random = [
        Case(
            "random", {"logits": draws.logits(rng, n, classes, dtype=dtype), "temperature": float(rng.uniform(0.3, 9))}
        )
        for n, classes, dtype in ((1, 2, "float64"), (4, 7, "float64"), (3, 3, "float32"))
    ]
    return [
        Case("plain", {"logits": hand, "temperature": 2.0}, "two images and three classes"),
        Case("plain", {"logits": hand, "temperature": 1.0}, "a temperature of 1"),
        Case("plain", {"logits": draws.logits(rng, 3, 4), "temperature": 3.0}),
        Case("edge", {"logits": hand[:1].astype("float32"), "temperature": 4.0}, "float32 logits of one image"),
        Case("edge", {"logits": draws.logits(rng, 3, 3), "temperature": 0.5}, "as many images as classes"),
        Case("stress", {"logits": 1e4 * draws.logits(rng, 2, 5), "temperature": 1e3}, "logits of 10,000"),
        Case("stress", {"logits": 1e4 * hand, "temperature": 0.05}, "logits of 10,000 and a cold temperature"),
        Case("stress", {"logits": hand - 1e4, "temperature": 1e3}, "logits around -10,000 and a hot temperature"),
        Case("stress", {"logits": rivals, "temperature": 0.05}, "two large logits that are nearly equal"),
        *random,
    ]


def _rows_sum_to_one(case: Case, outputs: Outputs) -> bool:
    return bool(np.allclose(outputs["result"].sum(axis=1), 1, atol=1e-5))


def _same_answer(case: Case, outputs: Outputs) -> bool:
    logits = np.asarray(case.arguments["logits"])
    rows = np.arange(len(logits))
    return bool((outputs["result"][rows, logits.argmax(axis=1)] >= outputs["result"].max(axis=1) - 1e-6).all())


def _shifted(logits: Tensor, temperature: float) -> Tensor:
    scaled = logits / temperature
    exponentials = (scaled - scaled.amax(dim=1, keepdim=True)).exp()
    return exponentials / exponentials.sum(dim=1, keepdim=True)


def _through_logarithms(logits: Tensor, temperature: float) -> Tensor:
    scaled = logits / temperature
    return (scaled - torch.logsumexp(scaled, dim=1, keepdim=True)).exp()


def _row_by_row(logits: Tensor, temperature: float) -> Tensor:
    return torch.stack([torch.softmax(row / temperature, dim=0) for row in logits])


def _multiplied(logits: Tensor, temperature: float) -> Tensor:
    return (logits * temperature).softmax(dim=1)


def _over_images(logits: Tensor, temperature: float) -> Tensor:
    return (logits / temperature).softmax(dim=0)


def _unshifted(logits: Tensor, temperature: float) -> Tensor:
    exponentials = (logits / temperature).exp()
    return exponentials / exponentials.sum(dim=1, keepdim=True)


def _divided_afterwards(logits: Tensor, temperature: float) -> Tensor:
    return logits.softmax(dim=1) / temperature


SOFTMAX_WITH_TEMPERATURE = Question(
    name="softmax_with_temperature",
    assignment="ps1_dark_knowledge",
    points=6,
    minutes=10,
    cases=_cases,
    reference=dark_knowledge.softmax_with_temperature,
    alternatives=(_shifted, _through_logarithms, _row_by_row),
    invariants={
        "Each row is a distribution: it sums to 1.": _rows_sum_to_one,
        "No temperature changes which class is the most probable.": _same_answer,
    },
    mistakes=(
        Mistake(
            "multiplied",
            _multiplied,
            "A high temperature should soften: look at what yours does to the largest probability as T grows.",
            "https://github.com/bowang-lab/BLEEP/issues/5",
        ),
        Mistake(
            "over_images",
            _over_images,
            "Classes compete within an image, not images within a class: check along which dimension you normalise.",
            "https://github.com/d2l-ai/d2l-en/pull/2274",
        ),
        Mistake(
            "overflow",
            _unshifted,
            "exp of a large number is infinite: which constant can you take off every logit of a row for free?",
            "https://github.com/uTensor/uTensor/issues/175",
        ),
        Mistake(
            "divided_afterwards",
            _divided_afterwards,
            "The temperature belongs to the logits, before they become probabilities.",
            "https://github.com/MoonshotAI/Kimi-Audio/pull/161",
        ),
    ),
    hints=(
        "What does dividing all logits of a row by 2 do to their differences?",
        "Try logits of 1e4 by hand: what is exp(1e4)? A softmax does not change when a row is shifted.",
        "torch.softmax is stable already; what is left to do is to choose the dimension and to scale its input.",
    ),
)
