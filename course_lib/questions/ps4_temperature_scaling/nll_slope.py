"""nll_slope: the slope of the negative log-likelihood in the inverse temperature."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_lib import temperature as scaling
from course_lib.questions.case import Case, Outputs
from course_lib.questions.ps4_temperature_scaling.nll import HAND, MULTIPLIED, SUMMED, cases_at
from course_lib.questions.question import Mistake, Question

SIGN = "https://github.com/deeplearning4j/deeplearning4j/issues/349"


def _cases(rng: np.random.Generator) -> list[Case]:
    return [
        *cases_at(rng, "inverse_temperature", [1.0, 0.5, 2.0, 100.0, 1e-3]),
        Case("edge", HAND | {"inverse_temperature": 0.0}, "a temperature without end"),
    ]


def _flat_at_constant_rows(case: Case, outputs: Outputs) -> bool:
    logits = np.asarray(case.arguments["logits"])
    return not (logits == logits[:, :1]).all() or abs(float(outputs["result"])) < 1e-6


def _by_formula(logits: Tensor, labels: Tensor, inverse_temperature: float) -> Tensor:
    expected = ((inverse_temperature * logits).softmax(dim=1) * logits).sum(dim=1)
    return (expected - logits.gather(1, labels[:, None]).squeeze(1)).mean()


def _by_autograd(logits: Tensor, labels: Tensor, inverse_temperature: float) -> float:
    b = torch.tensor(inverse_temperature, dtype=logits.dtype, requires_grad=True)
    functional.cross_entropy(b * logits, labels).backward()
    return float(b.grad)  # type: ignore[arg-type]


def _row_by_row(logits: Tensor, labels: Tensor, inverse_temperature: float) -> float:
    total = 0.0
    for row, label in zip(logits.double(), labels, strict=True):
        total += float((inverse_temperature * row).softmax(dim=0) @ row - row[label])
    return total / len(logits)


def _sign(logits: Tensor, labels: Tensor, inverse_temperature: float) -> float:
    return -scaling.nll_slope(logits, labels, inverse_temperature)


def _in_temperature(logits: Tensor, labels: Tensor, inverse_temperature: float) -> float:
    return -(inverse_temperature**2) * scaling.nll_slope(logits, labels, inverse_temperature)


def _divided(logits: Tensor, labels: Tensor, inverse_temperature: float) -> float:
    temperature = max(inverse_temperature, 1e-12)
    return scaling.nll_slope(logits, labels, 1 / temperature)


def _summed(logits: Tensor, labels: Tensor, inverse_temperature: float) -> float:
    return scaling.nll_slope(logits, labels, inverse_temperature) * len(labels)


def _scaled_twice(logits: Tensor, labels: Tensor, inverse_temperature: float) -> float:
    return inverse_temperature * scaling.nll_slope(logits, labels, inverse_temperature)


NLL_SLOPE = Question(
    name="nll_slope",
    assignment="ps4_temperature_scaling",
    points=7,
    minutes=15,
    cases=_cases,
    reference=scaling.nll_slope,
    alternatives=(_by_formula, _by_autograd, _row_by_row),
    invariants={"Where rows are constant no temperature matters: the slope is 0.": _flat_at_constant_rows},
    mistakes=(
        Mistake("sign", _sign, "A model that underclaims gets better as 1/T rises: which sign is that?", SIGN),
        Mistake(
            "in_temperature",
            _in_temperature,
            "This is the slope in T; in 1/T it is simpler.",
            MULTIPLIED,
        ),
        Mistake(
            "divided",
            _divided,
            "The argument is 1/T already: it multiplies the logits.",
            MULTIPLIED,
        ),
        Mistake("summed", _summed, "The NLL is a mean over images, so is its slope.", SUMMED),
        Mistake(
            "scaled_twice",
            _scaled_twice,
            "Your slope carries a factor b too many: what is the derivative of b z in b?",
            "https://github.com/RL-Align/RL-Kernel/issues/81",
        ),
    ),
    hints=(
        "For one image the NLL is logsumexp(b z) - b z_y, with b = 1/T. What is its derivative in b?",
        "The derivative of logsumexp(b z) is the mean of z under softmax(b z).",
        "So: sum over classes of softmax(b z) * z, minus the logit of the label; then the mean over images.",
    ),
    tolerance=(1e-5, 1e-6),
)
