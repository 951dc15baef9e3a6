"""bin_index: which bin a confidence falls into, and what happens on an edge."""

import numpy as np
import torch
from torch import Tensor

from course_lib import calibration
from course_lib.questions import draws
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.ps3_calibration import answers
from course_lib.questions.question import Mistake, Question


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, confidence: Array, n_bins: int, why: str = "") -> Case:
        return Case(group, {"confidence": confidence, "n_bins": n_bins}, why)

    return [
        case("plain", np.array([0.05, 0.35, 0.55, 0.95]), 10, "four confidences and ten bins"),
        case("plain", draws.predictions(rng, 6)[0], 15),
        case("edge", np.array([0.0, 0.25, 0.5, 0.75, 1.0]), 4, "every edge, 0 and 1 among them"),
        case("edge", np.array([0.5, 0.25, 0.125], "float32"), 8, "edges in float32"),
        case("edge", np.array([0.3, 1.0, 0.0]), 1, "a single bin"),
        case("edge", np.array([0.2500001, 0.2499999, 0.5000001]), 4, "just above and just below an edge"),
        case("edge", np.array([0.25 + 1e-9, 0.25 - 1e-9]), 4, "values so near an edge that float32 cannot tell"),
        case("edge", np.nextafter([0.25, 0.25, 0.5], [0.0, 1.0, 1.0]), 4, "the numbers next to an edge"),
        case("edge", np.array([1 / 3, 2 / 3]) + 4e-9, 3, "values between an edge in float64 and the same in float32"),
        case("edge", rng.integers(0, 33, 12) / 32, 32, "some of many edges"),
        case("stress", rng.random(2000), 997, "many images and bins"),
        case("stress", np.array([1e-300, 1 - 1e-12, 1e-9]), 16, "values next to 0 and 1"),
        case("random", rng.random(20), 7),
        case("random", rng.random(9).astype("float32"), 12),
    ]


def _in_range(case: Case, outputs: Outputs) -> bool:
    n_bins = int(case.arguments["n_bins"])  # type: ignore[arg-type]
    return bool((outputs["result"] >= 0).all() and (outputs["result"] < n_bins).all())


def _with_bucketize(confidence: Tensor, n_bins: int) -> Tensor:
    edges = torch.linspace(0, 1, n_bins + 1, dtype=torch.float64)
    return torch.bucketize(confidence.double(), edges[1:-1])


def _by_ceiling(confidence: Tensor, n_bins: int) -> Tensor:
    return (torch.ceil(confidence.double() * n_bins) - 1).clamp(min=0).long()


def _by_counting(confidence: Tensor, n_bins: int) -> Tensor:
    edges = torch.arange(1, n_bins, dtype=torch.float64) / n_bins
    return (confidence.double()[:, None] > edges).sum(dim=1)


def _with_digitize(confidence: Tensor, n_bins: int) -> Tensor:
    places = np.digitize(confidence.double().numpy(), np.arange(1, n_bins) / n_bins, right=True)
    return torch.from_numpy(places.astype(np.int64))


def _upper_closed_without_zero(confidence: Tensor, n_bins: int) -> Tensor:
    return (torch.ceil(confidence.double() * n_bins) - 1).long()


def _floor(confidence: Tensor, n_bins: int) -> Tensor:
    return torch.floor(confidence.double() * n_bins).long()


def _floor_clamped(confidence: Tensor, n_bins: int) -> Tensor:
    return torch.floor(confidence.double() * n_bins).long().clamp(max=n_bins - 1)


def _from_one(confidence: Tensor, n_bins: int) -> Tensor:
    return calibration.bin_index(confidence, n_bins) + 1


def _nearest(confidence: Tensor, n_bins: int) -> Tensor:
    return torch.round(confidence.double() * (n_bins - 1)).long()


BIN_INDEX = Question(
    name="bin_index",
    assignment="ps3_calibration",
    points=5,
    minutes=12,
    cases=_cases,
    reference=calibration.bin_index,
    alternatives=(_with_bucketize, _by_ceiling, _by_counting, _with_digitize),
    invariants={"A bin is one of 0 to n_bins - 1.": _in_range},
    mistakes=(
        Mistake(
            "zero_dropped",
            _upper_closed_without_zero,
            "Where does a confidence of exactly 0 go?",
            answers.ZERO_DROPPED,
        ),
        Mistake(
            "one_dropped",
            _floor,
            "Which bin owns an edge, and is there one for a confidence of exactly 1?",
            answers.ONE_DROPPED,
        ),
        Mistake(
            "lower_closed",
            _floor_clamped,
            "Of two bins that share an edge, which one owns it? Ours are closed above.",
            "https://github.com/Khanz9664/TrustLens/pull/163",
        ),
        Mistake(
            "from_one",
            _from_one,
            "Your bins are counted from 1.",
            "https://github.com/ukaea/PROCESS/issues/1828",
        ),
        Mistake(
            "nearest",
            _nearest,
            "This finds the nearest of n_bins points, so the first and the last bin are half as wide.",
            "https://github.com/scikit-learn/scikit-learn/pull/22526",
        ),
    ),
    hints=(
        "With 4 bins the edges are 0, 1/4, 1/2, 3/4 and 1; write down where each of them belongs.",
        "Only the inner edges matter: count how many of them lie below a confidence.",
        "torch.bucketize(values, inner_edges) counts exactly that, strictly below; compute the edges in float64.",
    ),
)
