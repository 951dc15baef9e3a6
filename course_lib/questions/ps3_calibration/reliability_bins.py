"""reliability_bins: how many images a bin holds, how sure the model is there, and how often right."""

import numpy as np
import torch
from torch import Tensor

from course_lib import calibration
from course_lib.questions import draws
from course_lib.questions.case import Case, Outputs
from course_lib.questions.ps3_calibration import answers
from course_lib.questions.question import Mistake, Question

Bins = tuple[Tensor, Tensor, Tensor]


def _reference(confidence: Tensor, correct: Tensor, n_bins: int) -> Bins:
    bins = calibration.reliability_bins(confidence, correct, n_bins)
    return bins.count, bins.confidence.to(confidence.dtype), bins.accuracy.to(confidence.dtype)


def _cases(rng: np.random.Generator) -> list[Case]:
    confidence, correct = draws.predictions(rng, 12)
    single = {"confidence": confidence.astype("float32"), "correct": correct, "n_bins": 6}
    return [*answers.binned_cases(rng), Case("edge", single, "float32")]


def _all_are_counted(case: Case, outputs: Outputs) -> bool:
    return bool(np.isclose(outputs["result.0"].sum(), len(np.asarray(case.arguments["confidence"]))))


def _empty_bins_hold_zero(case: Case, outputs: Outputs) -> bool:
    empty = outputs["result.0"] == 0
    return bool((outputs["result.1"][empty] == 0).all() and (outputs["result.2"][empty] == 0).all())


def _bin_by_bin(confidence: Tensor, correct: Tensor, n_bins: int) -> Bins:
    place = calibration.bin_index(confidence, n_bins)
    count = torch.zeros(n_bins, dtype=torch.int64)
    means = torch.zeros(2, n_bins, dtype=confidence.dtype)
    for k in range(n_bins):
        inside = place == k
        count[k] = inside.sum()
        if inside.any():
            means[0, k] = confidence[inside].mean()
            means[1, k] = correct[inside].to(confidence.dtype).mean()
    return count, means[0], means[1]


def _by_one_hot(confidence: Tensor, correct: Tensor, n_bins: int) -> Bins:
    member = torch.nn.functional.one_hot(calibration.bin_index(confidence, n_bins), n_bins).to(confidence.dtype)
    count = member.sum(dim=0)
    filled = count.clamp(min=1)
    return count, confidence @ member / filled, correct.to(confidence.dtype) @ member / filled


def _by_adding(confidence: Tensor, correct: Tensor, n_bins: int) -> Bins:
    place = calibration.bin_index(confidence, n_bins)
    sums = torch.zeros(3, n_bins, dtype=confidence.dtype)
    for row, values in enumerate((torch.ones_like(confidence), confidence, correct.to(confidence.dtype))):
        sums[row].index_add_(0, place, values)
    return sums[0], sums[1] / sums[0].clamp(min=1), sums[2] / sums[0].clamp(min=1)


def _nan_in_empty_bins(confidence: Tensor, correct: Tensor, n_bins: int) -> Bins:
    count, sure, right = _reference(confidence, correct, n_bins)
    return count, torch.where(count > 0, sure, torch.nan), torch.where(count > 0, right, torch.nan)


def _sums(confidence: Tensor, correct: Tensor, n_bins: int) -> Bins:
    count, sure, right = _reference(confidence, correct, n_bins)
    return count, sure * count, right * count


def _centres(confidence: Tensor, correct: Tensor, n_bins: int) -> Bins:
    count, _, right = _reference(confidence, correct, n_bins)
    centres = (torch.arange(n_bins, dtype=confidence.dtype) + 0.5) / n_bins
    return count, torch.where(count > 0, centres, 0.0).to(confidence.dtype), right


def _filled_only(confidence: Tensor, correct: Tensor, n_bins: int) -> Bins:
    count, sure, right = _reference(confidence, correct, n_bins)
    return count[count > 0], sure[count > 0], right[count > 0]


def _last_bin_skipped(confidence: Tensor, correct: Tensor, n_bins: int) -> Bins:
    kept = torch.arange(n_bins) < max(1, n_bins - 1)
    count, sure, right = _reference(confidence, correct, n_bins)
    return count * kept, sure * kept, right * kept


RELIABILITY_BINS = Question(
    name="reliability_bins",
    assignment="ps3_calibration",
    points=6,
    minutes=15,
    cases=_cases,
    reference=_reference,
    alternatives=(_bin_by_bin, _by_one_hot, _by_adding),
    invariants={
        "Every image is counted in one bin.": _all_are_counted,
        "An empty bin holds 0, not NaN.": _empty_bins_hold_zero,
    },
    mistakes=(
        Mistake(
            "nan_in_empty_bins",
            _nan_in_empty_bins,
            "0 divided by 0 is NaN: what do you divide by where a bin is empty?",
            "https://github.com/Project-MONAI/MONAI/pull/8707",
        ),
        Mistake("sums", _sums, "These are sums over the images of a bin; means are asked for.", answers.UNWEIGHTED),
        Mistake(
            "centres",
            _centres,
            "The middle of a bin is not the mean confidence of the images in it.",
            answers.CENTRES,
        ),
        Mistake(
            "filled_only",
            _filled_only,
            "Empty bins belong to the result too: n_bins values each.",
            "https://github.com/scikit-learn/scikit-learn/pull/12926",
        ),
        Mistake("last_bin_skipped", _last_bin_skipped, "The last bin, the surest one, stays empty.", answers.LAST_BIN),
    ),
    hints=(
        "course_lib.calibration.bin_index says which bin each image is in.",
        "torch.bincount(place, weights=..., minlength=n_bins) adds up per bin, empty bins included.",
        "Divide the sums by count.clamp(min=1): an empty bin then gives 0 / 1.",
    ),
    tolerance=(1e-6, 1e-9),
    counts=("result.0",),
)
