"""answers: cases of confidences and of whether the answers are right, which several questions share."""

import numpy as np

from course_lib.questions import draws
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.draws import Generator

UNWEIGHTED = "https://github.com/ethen8181/machine-learning/issues/20"
LAST_BIN = "https://github.com/texttron/BrowseComp-Plus/pull/18"
ZERO_DROPPED = "https://github.com/UKGovernmentBEIS/inspect_evals/issues/2141"
ONE_DROPPED = "https://github.com/Lightning-AI/torchmetrics/issues/3510"
SIGNED = "https://github.com/google/uncertainty-metrics/issues/22"
CENTRES = "https://github.com/JonathanWenger/pycalib/issues/4"

HAND = {
    "confidence": np.array([0.55, 0.65, 0.9, 0.95, 0.35, 0.45]),
    "correct": np.array([True, False, True, True, False, True]),
}


def binned_cases(rng: Generator) -> list[Case]:
    """Confidences, correctness and numbers of bins; values on an edge only where edges are exact."""

    def case(group: str, n: int, n_bins: int, why: str = "", **given: Array) -> Case:
        confidence, correct = draws.predictions(rng, n)
        return Case(group, {"confidence": confidence, "correct": correct} | given | {"n_bins": n_bins}, why)

    on_edges = {"confidence": np.array([0.0, 0.25, 0.5, 0.5, 0.75, 1.0]), "correct": np.array([1, 0, 0, 1, 1, 0], bool)}
    narrow = rng.uniform(0.62, 0.66, 8)
    return [
        Case("plain", HAND | {"n_bins": 5}, "six images and five bins"),
        case("plain", 30, 15),
        Case("edge", on_edges | {"n_bins": 4}, "confidences on the edges, 0 and 1 among them"),
        case("edge", 8, 10, "empty bins on both sides", confidence=narrow),
        case("edge", 7, 1, "a single bin"),
        case("edge", 1, 15, "a single image"),
        case("edge", 9, 5, "an underconfident model: every answer right", correct=np.ones(9, bool)),
        case("edge", 9, 5, "every answer wrong", correct=np.zeros(9, bool)),
        case("stress", 3000, 15, "many images"),
        case("stress", 50, 1000, "more bins than images"),
        case("random", 40, 7),
        case("random", 25, 12),
    ]


def between_zero_and_one(case: Case, outputs: Outputs) -> bool:
    """An error that is a share."""
    return bool(-1e-9 <= float(outputs["result"]) <= 1 + 1e-9)


def at_least_the_signed_gap(case: Case, outputs: Outputs) -> bool:
    """Gaps of bins can cancel in the signed gap, never in the ECE."""
    confidence, correct = (np.asarray(case.arguments[name], "float64") for name in ("confidence", "correct"))
    return bool(float(outputs["result"]) >= abs(confidence.mean() - correct.mean()) - 1e-6)
