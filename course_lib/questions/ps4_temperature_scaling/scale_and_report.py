"""scale_and_report: a temperature fitted on one split, an honest report on another."""

from collections.abc import Callable

import numpy as np
import torch
from scipy import optimize, special
from torch import Tensor

from course_lib import calibration, predictions
from course_lib import temperature as scaling
from course_lib.questions import draws
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.question import Mistake, Question

Report = dict[str, float]
BINS = 15
LITTLE = 2e-4  # relative; a temperature that is off by less must not move a confidence over an edge of a bin
WRONG_SPLIT = "https://github.com/adjidieng/ETM/issues/26"


def _report(temperature: float, logits: Tensor, labels: Tensor, n_bins: int = BINS) -> Report:
    scaled = scaling.scaled_logits(logits, temperature)

    def ece(values: Tensor) -> float:
        return calibration.expected_calibration_error(*predictions.confidence_and_correct(values, labels), n_bins)

    return {
        "temperature": temperature,
        "accuracy": predictions.accuracy(logits, labels),
        "ece_before": ece(logits),
        "ece_after": ece(scaled),
        "nll_before": predictions.negative_log_likelihood(logits, labels),
        "nll_after": predictions.negative_log_likelihood(scaled, labels),
    }


def _reference(calib_logits: Tensor, calib_labels: Tensor, test_logits: Tensor, test_labels: Tensor) -> Report:
    return _report(scaling.fit_temperature(calib_logits, calib_labels), test_logits, test_labels)


def _off_edges(logits: Array, temperature: float) -> Array:
    """(N,) bool: images whose confidence, before and after, stays in its bin if the temperature is a little off."""
    steady = np.ones(len(logits), bool)
    for scale in (1.0, temperature):
        ends = [draws.softmax(logits / (scale * off)).max(axis=1) for off in (1 - LITTLE, 1 + LITTLE)]
        steady &= np.ceil(BINS * ends[0]) == np.ceil(BINS * ends[1])
    return steady


def _answered(rng: np.random.Generator, n: int, classes: int, factor: float) -> tuple[Array, Array]:
    """Logits that are too large by a factor, and labels, of which two are wrong for sure."""
    found = draws.answered(rng, n, classes)
    found["labels"][:2] = found["logits"][:2].argsort(axis=1)[:, -2]
    return factor * found["logits"], found["labels"]


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, sizes: tuple[int, int], classes: int, factor: float, why: str = "") -> Case:
        calib = _answered(rng, sizes[0], classes, factor)
        temperature = _bisected(*calib)
        logits, labels = _answered(rng, sizes[1] + sizes[1] // 10 + 20, classes, factor)
        kept = np.flatnonzero(_off_edges(logits, temperature))[: sizes[1]]
        names = ("calib_logits", "calib_labels", "test_logits", "test_labels")
        return Case(group, dict(zip(names, (*calib, logits[kept], labels[kept]), strict=True)), why)

    hand = {
        "calib_logits": 2 * np.log([[0.75, 0.25]] * 4),
        "calib_labels": np.array([0, 0, 0, 1]),
        "test_logits": np.log([[0.9, 0.1], [0.3, 0.7], [0.45, 0.55]]),
        "test_labels": np.array([0, 1, 0]),
    }
    same = {
        "calib_logits": np.full((3, 4), 0.5),
        "calib_labels": np.array([0, 1, 3]),
        "test_logits": np.log([[0.5, 0.3, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]]),
        "test_labels": np.array([1, 3]),
    }
    return [
        Case("plain", hand, "four calib and three test images"),
        case("plain", (50, 40), 4, 3.0, "an overconfident model"),
        case("edge", (50, 30), 3, 0.3, "an underconfident model"),
        case("edge", (40, 1), 3, 2.0, "a single test image"),
        Case("edge", same, "calib rows that are constant: a temperature of 1"),
        case("stress", (60, 60), 5, 100.0, "a very overconfident model"),
        case("stress", (400, 1000), 10, 2.0, "many images"),
        case("random", (60, 50), 6, float(rng.uniform(0.4, 4))),
        case("random", (45, 70), 3, float(rng.uniform(0.4, 4))),
    ]


def _with(case: Case, outputs: Outputs, holds: Callable[[Report], bool]) -> bool:
    found = {name.removeprefix("result."): float(value) for name, value in outputs.items() if "result." in name}
    return holds(found)


def _same_accuracy(case: Case, outputs: Outputs) -> bool:
    logits, labels = (np.asarray(case.arguments[f"test_{name}"]) for name in ("logits", "labels"))
    right = float((logits.argmax(axis=1) == labels).mean())
    return _with(case, outputs, lambda report: abs(report["accuracy"] - right) < 1e-6)


def _before_is_before(case: Case, outputs: Outputs) -> bool:
    logits, labels = (torch.as_tensor(case.arguments[f"test_{name}"]) for name in ("logits", "labels"))
    nll = predictions.negative_log_likelihood(logits, labels)
    return _with(case, outputs, lambda report: abs(report["nll_before"] - nll) < 1e-4 * max(1.0, nll))


def _written_out(calib_logits: Tensor, calib_labels: Tensor, test_logits: Tensor, test_labels: Tensor) -> Report:
    temperature = scaling.fit_temperature(calib_logits, calib_labels)
    report: Report = {"temperature": temperature}
    for when, logits in (("before", test_logits), ("after", test_logits / temperature)):
        confidence, answer = logits.softmax(dim=1).max(dim=1)
        correct = answer == test_labels
        report["accuracy"] = float(correct.double().mean())
        report[f"nll_{when}"] = float(torch.nn.functional.cross_entropy(logits, test_labels))
        report[f"ece_{when}"] = calibration.expected_calibration_error(confidence, correct, 15)
    return report


def _bisected(logits: Array, labels: Array) -> float:
    def slope(log_t: float) -> float:
        """Of the NLL in 1/T."""
        probs = special.softmax(logits / np.exp(log_t), axis=1)
        return float(((probs * logits).sum(axis=1) - logits[np.arange(len(labels)), labels]).mean())

    low, high = np.log(scaling.LOWEST), np.log(scaling.HIGHEST)
    if np.ptp(logits, axis=1).max() == 0:
        return 1.0
    if slope(low) <= 0 or slope(high) >= 0:
        return scaling.LOWEST if slope(low) <= 0 else scaling.HIGHEST
    return float(np.exp(optimize.bisect(slope, low, high)))  # type: ignore[arg-type]


def _with_numpy(calib_logits: Tensor, calib_labels: Tensor, test_logits: Tensor, test_labels: Tensor) -> Report:
    temperature = _bisected(calib_logits.double().numpy(), calib_labels.numpy())
    logits, labels = test_logits.double().numpy(), test_labels.numpy()
    right = logits.argmax(axis=1) == labels
    report = {"accuracy": right.mean(), "temperature": temperature}
    for when, scale in (("after", temperature), ("before", 1.0)):
        log_probs = special.log_softmax(logits / scale, axis=1)
        confidence = np.exp(log_probs.max(axis=1))
        place = np.digitize(confidence, np.arange(1, BINS) / BINS, right=True)
        report[f"nll_{when}"] = -log_probs[np.arange(len(labels)), labels].mean()
        report[f"ece_{when}"] = abs(np.bincount(place, confidence - right)).sum() / len(labels)
    return report


def _fitted_on_test(calib_logits: Tensor, calib_labels: Tensor, test_logits: Tensor, test_labels: Tensor) -> Report:
    return _report(scaling.fit_temperature(test_logits, test_labels), test_logits, test_labels)


def _fitted_on_both(calib_logits: Tensor, calib_labels: Tensor, test_logits: Tensor, test_labels: Tensor) -> Report:
    logits, labels = torch.cat([calib_logits, test_logits]), torch.cat([calib_labels, test_labels])
    return _report(scaling.fit_temperature(logits, labels), test_logits, test_labels)


def _reported_on_calib(calib_logits: Tensor, calib_labels: Tensor, test_logits: Tensor, test_labels: Tensor) -> Report:
    return _report(scaling.fit_temperature(calib_logits, calib_labels), calib_logits, calib_labels)


def _multiplied(calib_logits: Tensor, calib_labels: Tensor, test_logits: Tensor, test_labels: Tensor) -> Report:
    temperature = scaling.fit_temperature(calib_logits, calib_labels)
    return _report(1 / temperature, test_logits, test_labels) | {"temperature": temperature}


def _ten_bins(calib_logits: Tensor, calib_labels: Tensor, test_logits: Tensor, test_labels: Tensor) -> Report:
    return _report(scaling.fit_temperature(calib_logits, calib_labels), test_logits, test_labels, n_bins=10)


SCALE_AND_REPORT = Question(
    name="scale_and_report",
    assignment="ps4_temperature_scaling",
    points=7,
    minutes=12,
    cases=_cases,
    reference=_reference,
    alternatives=(_written_out, _with_numpy),
    invariants={
        "Scaling changes no answer: the accuracy is that of the test logits.": _same_accuracy,
        "What is called before is the test part as it came.": _before_is_before,
    },
    mistakes=(
        Mistake(
            "fitted_on_test",
            _fitted_on_test,
            "The temperature has seen the images that it is judged on.",
            "https://github.com/gpleiss/temperature_scaling/issues/37",
        ),
        Mistake(
            "fitted_on_both",
            _fitted_on_both,
            "Some of the images that the temperature was fitted on are reported.",
            "https://github.com/mdribeiro/DeepCFD/issues/6",
        ),
        Mistake(
            "reported_on_calib",
            _reported_on_calib,
            "These numbers are of the images that the temperature was fitted on.",
            WRONG_SPLIT,
        ),
        Mistake(
            "multiplied",
            _multiplied,
            "The temperature is right, and is applied upside down.",
            "https://github.com/EFS-OpenSource/calibration-framework/issues/13",
        ),
        Mistake(
            "ten_bins",
            _ten_bins,
            "The ECE here has 15 bins; with another number it is another number.",
            "https://github.com/adamxyang/laplace-lora/issues/2",
        ),
    ),
    hints=(
        "Which split may the temperature see, and which one is reported?",
        "course_lib.temperature.fit_temperature finds it; divide the test logits by it.",
        "Then NLL and ECE of the test part twice, before and after; course_lib.predictions and calibration have them.",
    ),
    tolerance=(3e-4, 1e-4),
)
