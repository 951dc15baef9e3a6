"""fit_temperature: the temperature with the lowest NLL."""

import math
from typing import Any

import numpy as np
import torch
from scipy import optimize
from torch import Tensor
from torch.nn import functional

from course_lib import calibration
from course_lib import temperature as scaling
from course_lib.predictions import confidence_and_correct
from course_lib.questions import draws
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.question import Mistake, Question

LOW, HIGH = 1e-3, 1e3
GRID_STEPS = 51


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, made: dict[str, Array], why: str = "") -> Case:
        return Case(group, made, why)

    def sharpened(n: int, classes: int, factor: float) -> dict[str, Array]:
        made = draws.answered(rng, n, classes)
        return _with_an_end(made | {"logits": factor * made["logits"]})

    hand = {"logits": 2 * np.log([[0.75, 0.25]] * 4), "labels": np.array([0, 0, 0, 1])}
    separable = {"logits": np.array([[0.02, 0.0, 0.0], [0.0, 0.03, 0.0]]), "labels": np.array([0, 1])}
    far_apart = {"logits": np.array([[5.0, 0.0], [0.0, 6.0]]), "labels": np.array([0, 1])}
    late = {"logits": np.array([[3.0, 2.0, -5.0]]), "labels": np.array([1])}
    seldom = {"logits": np.array([[3.0, 0.0], [1.0, 0.0]]), "labels": np.array([0, 1])}
    one_even = {"logits": np.vstack([np.zeros((1, 2)), hand["logits"]]), "labels": np.array([0, 0, 0, 0, 1])}
    tiny = {"logits": np.array([[1e-4, 0.0]] * 4), "labels": np.array([0, 0, 0, 1])}
    wrong = {"logits": np.array([[40.0, 0.0], [0.0, 60.0]]), "labels": np.array([1, 0])}
    constant = {"logits": np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]), "labels": np.array([0, 2])}
    return [
        case("plain", hand, "sure as 0.9, right 3 times out of 4"),
        case("plain", sharpened(60, 4, 3.0), "an overconfident model"),
        case("edge", separable, "logits that are never wrong"),
        case("edge", far_apart, "logits that are never wrong, and large"),
        case("edge", wrong, "logits that are always wrong"),
        case("edge", late, "a wrong answer, and a right class that is not the last"),
        case("edge", seldom, "half of the answers wrong"),
        case("edge", one_even, "one row that is constant among others"),
        case("edge", tiny, "logits so small that the best temperature is below the bound"),
        case("edge", {"logits": np.full((3, 4), 1.5), "labels": np.array([0, 1, 3])}, "rows that are constant"),
        case("edge", constant, "rows that are constant, each at a height of its own"),
        case("edge", sharpened(60, 3, 0.05), "a very underconfident model"),
        case("stress", sharpened(60, 3, 100.0), "a very overconfident model"),
        case("stress", sharpened(400, 10, 2.0), "many images"),
        case("random", sharpened(50, 5, float(rng.uniform(0.4, 4)))),
        case("random", sharpened(80, 3, float(rng.uniform(0.4, 4)))),
    ]


def _with_an_end(made: dict[str, Array]) -> dict[str, Array]:
    """The same with two answers made wrong and two right, so that the best temperature is inside the bounds."""
    order, labels = made["logits"].argsort(axis=1), made["labels"].copy()
    labels[:2], labels[2:12] = order[:2, -2], order[2:12, -1]
    return {"logits": made["logits"], "labels": labels}


def _within_bounds(case: Case, outputs: Outputs) -> bool:
    return LOW * (1 - 1e-4) <= float(outputs["result"]) <= HIGH * (1 + 1e-4)


def _not_worse_than_one(case: Case, outputs: Outputs) -> bool:
    logits, labels = (torch.as_tensor(case.arguments[name]) for name in ("logits", "labels"))
    found = scaling.nll_at_temperature(logits, labels, float(outputs["result"]))
    return found <= scaling.nll_at_temperature(logits, labels, 1.0) + 1e-6


def _bisection(logits: Tensor, labels: Tensor) -> float:
    if bool((logits == logits[:, :1]).all()):
        return 1.0
    low, high = 1 / HIGH, 1 / LOW
    for _ in range(80):
        middle = math.sqrt(low * high)
        if scaling.nll_slope(logits, labels, middle) <= 0:  # 0 where the NLL is, in any number of digits
            low = middle
        else:
            high = middle
    return 1 / math.sqrt(low * high)


def _golden(logits: Tensor, labels: Tensor) -> float:
    if bool((logits == logits[:, :1]).all()):
        return 1.0
    if bool((logits.gather(1, labels[:, None]) == logits.amax(dim=1, keepdim=True)).all()):
        return LOW
    found: Any = optimize.minimize_scalar(
        lambda log_t: float(functional.cross_entropy(logits.double() / math.exp(log_t), labels)),
        bounds=(math.log(LOW), math.log(HIGH)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return math.exp(found.x)


def _newton(logits: Tensor, labels: Tensor) -> float:
    if bool((logits == logits[:, :1]).all()):
        return 1.0
    low, high, b = 1 / HIGH, 1 / LOW, 1.0
    for _ in range(100):
        probs = (b * logits).softmax(dim=1)
        mean = (probs * logits).sum(dim=1)
        slope = float((mean - logits.gather(1, labels[:, None]).squeeze(1)).mean())
        low, high = (b, high) if slope <= 0 else (low, b)
        curvature = float(((probs * logits.square()).sum(dim=1) - mean.square()).mean())
        step = b - slope / curvature if curvature > 0 else -1.0
        b = step if low < step < high else math.sqrt(low * high)
    return min(HIGH, max(LOW, 1 / b))


def _inverse(logits: Tensor, labels: Tensor) -> float:
    return 1 / scaling.fit_temperature(logits, labels)


def _few_steps(logits: Tensor, labels: Tensor) -> float:
    temperature = 1.5
    for _ in range(50):  # without torch.optim, whose first use takes seconds
        in_temperature = -scaling.nll_slope(logits, labels, 1 / temperature) / temperature**2
        temperature = max(temperature - 0.01 * in_temperature, LOW)
    return temperature


def _grid(logits: Tensor, labels: Tensor) -> float:
    candidates = np.linspace(0.5, 3.0, GRID_STEPS)
    losses = [scaling.nll_at_temperature(logits, labels, float(t)) for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def _lowest_ece(logits: Tensor, labels: Tensor) -> float:
    candidates = np.geomspace(LOW, HIGH, GRID_STEPS)
    errors = [
        calibration.expected_calibration_error(*confidence_and_correct(scaling.scaled_logits(logits, float(t)), labels))
        for t in candidates
    ]
    return float(candidates[int(np.argmin(errors))])


def _on_probabilities(logits: Tensor, labels: Tensor) -> float:
    return scaling.fit_temperature(2 + logits.double().softmax(dim=1), labels)


def _unbounded(logits: Tensor, labels: Tensor) -> float:
    temperature = scaling.fit_temperature(logits, labels)
    return 1e6 if temperature > 0.999 * HIGH else temperature


FIT_TEMPERATURE = Question(
    name="fit_temperature",
    assignment="ps4_temperature_scaling",
    points=8,
    minutes=25,
    cases=_cases,
    reference=scaling.fit_temperature,
    alternatives=(_bisection, _golden, _newton),
    invariants={
        "A temperature lies between 0.001 and 1000.": _within_bounds,
        "The NLL at your temperature is not above that at a temperature of 1.": _not_worse_than_one,
    },
    mistakes=(
        Mistake(
            "inverse",
            _inverse,
            "This is 1/T: your optimum is right and is returned upside down.",
            "https://github.com/EFS-OpenSource/calibration-framework/issues/13",
        ),
        Mistake(
            "few_steps",
            _few_steps,
            "Your optimizer stops before it arrives: it takes small steps, and few of them.",
            "https://github.com/gpleiss/temperature_scaling/issues/34",
        ),
        Mistake(
            "grid",
            _grid,
            "The grid is coarse, and the best temperature may lie outside of it.",
            "https://github.com/gpleiss/temperature_scaling/issues/28",
        ),
        Mistake(
            "lowest_ece",
            _lowest_ece,
            "The temperature with the lowest ECE depends on bins; the NLL is asked for.",
            "https://github.com/gpleiss/temperature_scaling/issues/20",
        ),
        Mistake(
            "on_probabilities",
            _on_probabilities,
            "Probabilities are scaled here as if they were logits.",
            "https://github.com/gpleiss/temperature_scaling/issues/29",
        ),
        Mistake(
            "unbounded",
            _unbounded,
            "The NLL falls on and on as T rises here, and your search with it: what range is promised?",
            "https://github.com/gpleiss/temperature_scaling/issues/23",
        ),
    ),
    hints=(
        "In b = 1/T the NLL is convex: its slope rises, and the minimum is where the slope is 0.",
        "course_lib.temperature.nll_slope gives the slope; keep two values of b with slopes of different sign between "
        "which the minimum lies, and halve the distance again and again, in log b.",
        "Look at both bounds first: where the slope has one sign everywhere a bound is the answer. Constant rows: 1.0.",
    ),
    tolerance=(2e-4, 0.0),
)
