"""temperature_for_confidence: the temperature at which a model is as sure as one wants."""

import math

import numpy as np
import torch
from scipy import optimize
from torch import Tensor

from course_lib import temperature as scaling
from course_lib.questions import draws
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.question import Mistake, Question

LOW, HIGH = 1e-3, 1e3


def _mean_confidence(logits: Tensor, temperature: float) -> float:
    return float((logits.double() / temperature).softmax(dim=1).amax(dim=1).mean())


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, logits: Array, share: float, why: str = "") -> Case:
        guess = 1 / logits.shape[1]
        return Case(group, {"logits": logits, "target": guess + share * (1 - guess)}, why)

    hand = {"logits": np.log([[27.0, 1.0, 1.0], [1.0, 27.0, 1.0]]), "target": 0.6}
    return [
        Case("plain", hand, "two images that are 93 % sure, to be 60 % sure"),
        case("plain", draws.logits(rng, 8, 4), 0.5),
        case("edge", draws.logits(rng, 5, 3), 0.98, "almost certain"),
        case("edge", draws.logits(rng, 5, 3), 0.02, "almost a guess"),
        case("edge", draws.logits(rng, 1, 2), 0.6, "a single image"),
        case("edge", draws.logits(rng, 6, 5, dtype="float32"), 0.4, "float32"),
        case("stress", draws.logits(rng, 20, 6, scale=100.0), 0.5, "a very sure model"),
        case("stress", draws.logits(rng, 20, 6, scale=0.05), 0.5, "a very unsure model"),
        case("stress", draws.logits(rng, 500, 20), 0.7, "many images"),
        Case("stress", {"logits": np.array([[0.002, 0.0]]), "target": 0.7}, "a temperature near the lower bound"),
        Case("stress", {"logits": np.array([[500.0, 0.0]]), "target": 0.7}, "a temperature near the upper bound"),
        case("random", draws.logits(rng, 12, 3), float(rng.uniform(0.2, 0.8))),
        case("random", draws.logits(rng, 9, 10), float(rng.uniform(0.2, 0.8))),
    ]


def _reaches_the_target(case: Case, outputs: Outputs) -> bool:
    logits, target = torch.as_tensor(case.arguments["logits"]), float(case.arguments["target"])  # type: ignore[arg-type]
    return abs(_mean_confidence(logits, max(float(outputs["result"]), 1e-9)) - target) < 1e-3


def _bisection(logits: Tensor, target: float) -> float:
    low, high = math.log(LOW), math.log(HIGH)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _mean_confidence(logits, math.exp(middle)) > target else (low, middle)
    return math.exp((low + high) / 2)


def _with_brent(logits: Tensor, target: float) -> float:
    found = optimize.brentq(lambda b: _mean_confidence(logits, 1 / b) - target, 1 / HIGH, 1 / LOW, xtol=1e-12)
    return 1 / found  # type: ignore[operator]


def _secant(logits: Tensor, target: float) -> float:
    low, high, log_t = math.log(LOW), math.log(HIGH), 0.0
    for _ in range(100):
        here = _mean_confidence(logits, math.exp(log_t)) - target
        low, high = (log_t, high) if here > 0 else (low, log_t)
        slope = (_mean_confidence(logits, math.exp(log_t + 1e-5)) - target - here) / 1e-5
        step = log_t - here / slope if slope < -1e-9 else math.inf
        log_t = step if low < step < high else (low + high) / 2
    return math.exp(log_t)


def _inverse(logits: Tensor, target: float) -> float:
    return 1 / scaling.temperature_for_confidence(logits, target)


def _grid(logits: Tensor, target: float) -> float:
    candidates = np.linspace(0.1, 10.0, 100)
    return float(min(candidates, key=lambda t: abs(_mean_confidence(logits, float(t)) - target)))


def _of_the_mean_row(logits: Tensor, target: float) -> float:
    """Of the confidence after averaging over images of the gap to the runner-up, as if all images were one."""
    top = logits.double().sort(dim=1, descending=True).values.mean(dim=0, keepdim=True)
    return scaling.temperature_for_confidence(top, target)


TEMPERATURE_FOR_CONFIDENCE = Question(
    name="temperature_for_confidence",
    assignment="ps4_temperature_scaling",
    points=7,
    minutes=15,
    cases=_cases,
    reference=scaling.temperature_for_confidence,
    alternatives=(_bisection, _with_brent, _secant),
    invariants={"At your temperature the mean confidence is the target.": _reaches_the_target},
    mistakes=(
        Mistake(
            "inverse",
            _inverse,
            "This is 1/T: a model that should be less sure needs a temperature above 1.",
            "https://github.com/EFS-OpenSource/calibration-framework/issues/13",
        ),
        Mistake(
            "grid",
            _grid,
            "The grid is coarse, and the temperature may lie outside of it.",
            "https://github.com/gpleiss/temperature_scaling/issues/28",
        ),
        Mistake(
            "of_the_mean_row",
            _of_the_mean_row,
            "The mean of confidences is not the confidence of a mean: each image has its softmax first.",
            "https://github.com/Wang-ML-Lab/bayesian-peft/issues/3",
        ),
    ),
    hints=(
        "As T rises every confidence falls, from 1 down to 1/K: the mean passes each value between once.",
        "Keep two temperatures, one at which the model is too sure and one at which it is not sure enough.",
        "Take the middle of their logarithms, look which side it is on, and repeat 60 times.",
    ),
    tolerance=(2e-4, 0.0),
)
