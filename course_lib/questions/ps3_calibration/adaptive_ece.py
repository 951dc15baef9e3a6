"""adaptive_ece: the calibration error over bins that hold equally many images."""

import numpy as np
from torch import Tensor

from course_lib import calibration
from course_lib.questions import draws
from course_lib.questions.case import Array, Case
from course_lib.questions.ps3_calibration import answers
from course_lib.questions.question import Mistake, Question

TIES = "https://github.com/lorenzofamiglini/CalFram/pull/4"


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, n_bins: int, why: str = "", **given: Array) -> Case:
        confidence, correct = draws.predictions(rng, n)
        return Case(group, {"confidence": confidence, "correct": correct} | given | {"n_bins": n_bins}, why)

    ties = {
        "confidence": np.array([0.5, 0.9, 0.5, 0.5, 0.5, 0.7, 0.9, 0.9]),
        "correct": np.array([0, 1, 0, 1, 0, 1, 0, 1], bool),
    }
    border = {"confidence": np.array([0.5, 0.5, 0.5, 0.9]), "correct": np.array([0, 0, 1, 1], bool)}
    near = {"confidence": np.array([0.5, 0.7, 0.7 + 1e-9, 0.9]), "correct": np.array([0, 0, 1, 1], bool)}
    few = {"confidence": np.array([0.5, 0.6, 0.7, 0.8]), "correct": np.array([0, 0, 1, 0], bool)}
    seven = {"confidence": np.arange(0.5, 0.85, 0.05), "correct": np.array([1, 0, 0, 1, 1, 0, 0], bool)}
    hand = {"confidence": np.array([0.9, 0.5, 0.6, 0.8]), "correct": np.array([1, 0, 1, 1], bool)}
    return [
        Case("plain", hand | {"n_bins": 2}, "four images and two bins"),
        case("plain", 30, 5),
        Case("edge", few | {"n_bins": 3}, "four images and three bins"),
        Case("edge", seven | {"n_bins": 5}, "seven images and five bins"),
        case("edge", 11, 4, "a number of images that the bins do not divide"),
        Case("edge", ties | {"n_bins": 3}, "equal confidences at the border of two bins"),
        Case("edge", border | {"n_bins": 2}, "three equal confidences, cut after the second"),
        Case("edge", near | {"n_bins": 2}, "two confidences that are nearly equal"),
        case("edge", 6, 3, "one confidence for all images", confidence=np.full(6, 0.75)),
        case("edge", 3, 5, "fewer images than bins"),
        case("edge", 7, 1, "a single bin"),
        case("stress", 3001, 15, "many images"),
        case("stress", 2000, 15, "many equal confidences", confidence=rng.integers(5, 11, 2000) / 10),
        case("random", 40, 7),
        case("random", 23, 6, confidence=rng.integers(8, 17, 23) / 16),
    ]


def _index_by_places(confidence: Tensor, n_bins: int) -> Array:
    """The bin of each image: places of a stable sort, and the first of equal confidences leads the others."""
    values = confidence.double().numpy()
    order = np.argsort(values, kind="stable")
    place = np.empty(len(values), np.int64)
    for k, part in enumerate(np.array_split(order, n_bins)):
        place[part] = k
    _, first, inverse = np.unique(values[order], return_index=True, return_inverse=True)
    joined = np.empty_like(place)
    joined[order] = place[order][first][inverse]
    return joined


def _error(place: Array, confidence: Tensor, correct: Tensor) -> float:
    gaps = np.bincount(place, confidence.double().numpy() - correct.double().numpy())
    return float(np.abs(gaps).sum() / len(confidence))


def _by_places(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    return _error(_index_by_places(confidence, n_bins), confidence, correct)


def _by_walking(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    order = sorted(range(len(confidence)), key=lambda i: float(confidence[i]))
    sums, bins_of = [0.0] * n_bins, np.array_split(np.arange(len(order)), n_bins)
    bin_at = {int(p): k for k, part in enumerate(bins_of) for p in part}
    current, last = 0, None
    for position, image in enumerate(order):
        value = float(confidence[image])
        if value != last:
            current, last = bin_at[position], value
        sums[current] += value - float(correct[image])
    return sum(abs(each) for each in sums) / len(order)


def _ties_split(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    order = np.argsort(confidence.double().numpy(), kind="stable")
    place = np.empty(len(order), np.int64)
    for k, part in enumerate(np.array_split(order, n_bins)):
        place[part] = k
    return _error(place, confidence, correct)


def _remainder_dropped(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    size = max(1, len(confidence) // n_bins)
    order = np.argsort(confidence.double().numpy(), kind="stable")[: size * n_bins]
    residual = (confidence.double() - correct.double()).numpy()[order]
    gaps = [abs(residual[start : start + size].sum()) for start in range(0, len(order), size)]
    return float(sum(gaps) / len(confidence))


def _equal_width(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    return calibration.expected_calibration_error(confidence, correct, n_bins)


def _unweighted(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    place = _index_by_places(confidence, n_bins)
    gaps = np.bincount(place, confidence.double().numpy() - correct.double().numpy(), minlength=n_bins)
    count = np.bincount(place, minlength=n_bins)
    return float(np.abs(gaps[count > 0] / count[count > 0]).mean())


def _by_quantiles(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    values = confidence.double().numpy()
    edges = np.quantile(values, np.linspace(0, 1, n_bins + 1))
    return _error(np.searchsorted(edges[1:-1], values), confidence, correct)


def _signed(confidence: Tensor, correct: Tensor, n_bins: int) -> Tensor:
    return (confidence.double() - correct.double()).mean()


ADAPTIVE_ECE = Question(
    name="adaptive_ece",
    assignment="ps3_calibration",
    points=6,
    minutes=18,
    cases=_cases,
    reference=calibration.adaptive_ece,
    alternatives=(_by_places, _by_walking),
    invariants={
        "A calibration error lies between 0 and 1.": answers.between_zero_and_one,
        "The error is at least the size of the signed gap.": answers.at_least_the_signed_gap,
    },
    mistakes=(
        Mistake(
            "ties_split",
            _ties_split,
            "Images with equal confidence land in different bins here, by the order in which they came.",
            TIES,
        ),
        Mistake(
            "remainder_dropped",
            _remainder_dropped,
            "Some images are in no bin where their number cannot be divided.",
            answers.LAST_BIN,
        ),
        Mistake(
            "equal_width",
            _equal_width,
            "These bins are equally wide; the adaptive ones hold equally many images.",
            "https://github.com/huggingface/evaluate/issues/784",
        ),
        Mistake("unweighted", _unweighted, "Bins may differ in size: weigh each by its images.", answers.UNWEIGHTED),
        Mistake(
            "by_quantiles",
            _by_quantiles,
            "Quantiles interpolate between confidences; here the sorted images themselves are cut.",
            "https://github.com/Khanz9664/TrustLens/pull/163",
        ),
        Mistake("signed", _signed, "Gaps of different sign cancel here.", answers.SIGNED),
    ),
    hints=(
        "Sort the images by confidence, stably, then cut them as np.array_split does.",
        "Then mend ties: an image belongs to the bin of the first image with the same confidence.",
        "Within a bin: |sum of (confidence - correct)|; add up over bins and divide by N.",
    ),
    tolerance=(1e-6, 1e-6),
)
