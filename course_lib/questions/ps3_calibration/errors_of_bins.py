"""errors_of_bins: the expected calibration error, and its relative that counts overconfidence alone."""

import torch
from torch import Tensor

from course_lib import calibration
from course_lib.questions.case import Case, Outputs
from course_lib.questions.ps3_calibration import answers
from course_lib.questions.question import Mistake, Question


def _ece_bin_by_bin(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    place = calibration.bin_index(confidence, n_bins)
    error = 0.0
    for k in range(n_bins):
        inside = place == k
        if inside.any():
            gap = confidence[inside].mean() - correct[inside].float().mean()
            error += float(gap.abs()) * int(inside.sum()) / len(confidence)
    return error


def _ece_of_sums(confidence: Tensor, correct: Tensor, n_bins: int) -> Tensor:
    place = calibration.bin_index(confidence, n_bins)
    return torch.bincount(place, confidence.double() - correct.double()).abs().sum() / len(confidence)


def _bins(confidence: Tensor, correct: Tensor, n_bins: int) -> calibration.ReliabilityBins:
    return calibration.reliability_bins(confidence, correct, n_bins)


def _unweighted(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    bins = _bins(confidence, correct, n_bins)
    return float(bins.gap.abs()[bins.count > 0].mean())


def _signed(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    bins = _bins(confidence, correct, n_bins)
    return float((bins.weight * bins.gap).sum())


def _squared(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    bins = _bins(confidence, correct, n_bins)
    return float((bins.weight * bins.gap.square()).sum().sqrt())


def _last_skipped(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    bins = _bins(confidence, correct, n_bins)
    return float((bins.weight * bins.gap.abs())[:-1].sum())


def _from_centres(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    bins = _bins(confidence, correct, n_bins)
    centres = (torch.arange(n_bins) + 0.5) / n_bins
    return float((bins.weight * (centres - bins.accuracy).abs()).sum())


EXPECTED_CALIBRATION_ERROR = Question(
    name="expected_calibration_error",
    assignment="ps3_calibration",
    points=5,
    minutes=10,
    cases=answers.binned_cases,
    reference=calibration.expected_calibration_error,
    alternatives=(_ece_bin_by_bin, _ece_of_sums),
    invariants={
        "The ECE lies between 0 and 1.": answers.between_zero_and_one,
        "The ECE is at least the size of the signed gap.": answers.at_least_the_signed_gap,
    },
    mistakes=(
        Mistake(
            "unweighted",
            _unweighted,
            "A bin with one image counts as much as one with a thousand here.",
            answers.UNWEIGHTED,
        ),
        Mistake(
            "signed",
            _signed,
            "Gaps keep their sign here, so that bins that claim too much and too little make up for each other.",
            answers.SIGNED,
        ),
        Mistake(
            "squared",
            _squared,
            "Squares and a root weigh large gaps more; the ECE takes absolute values.",
            "https://github.com/hendrycks/natural-adv-examples/pull/16",
        ),
        Mistake("last_skipped", _last_skipped, "The surest bin is missing: count your bins.", answers.LAST_BIN),
        Mistake("from_centres", _from_centres, "The middle of a bin is not its mean confidence.", answers.CENTRES),
    ),
    hints=(
        "For each bin: the difference of mean confidence and accuracy, without its sign.",
        "course_lib.calibration.reliability_bins gives count, confidence and accuracy of each bin.",
        "Average the absolute gaps with the weights count / N; empty bins have weight 0.",
    ),
    tolerance=(1e-6, 1e-6),
)


def _not_above_ece(case: Case, outputs: Outputs) -> bool:
    confidence, correct = (torch.as_tensor(case.arguments[name]) for name in ("confidence", "correct"))
    n_bins = int(case.arguments["n_bins"])  # type: ignore[arg-type]
    return float(outputs["result"]) <= calibration.expected_calibration_error(confidence, correct, n_bins) + 1e-6


def _oe_bin_by_bin(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    place = calibration.bin_index(confidence, n_bins)
    error = 0.0
    for k in range(n_bins):
        inside = place == k
        if inside.any():
            sure, right = float(confidence[inside].mean()), float(correct[inside].double().mean())
            error += sure * max(sure - right, 0.0) * int(inside.sum()) / len(confidence)
    return error


def _oe_with_relu(confidence: Tensor, correct: Tensor, n_bins: int) -> Tensor:
    bins = _bins(confidence, correct, n_bins)
    return (bins.count * bins.confidence * torch.relu(bins.confidence - bins.accuracy)).sum() / len(confidence)


def _absolute(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    bins = _bins(confidence, correct, n_bins)
    return float((bins.weight * bins.confidence * bins.gap.abs()).sum())


def _with_sign(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    bins = _bins(confidence, correct, n_bins)
    return float((bins.weight * bins.confidence * bins.gap).sum())


def _oe_unweighted(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    bins = _bins(confidence, correct, n_bins)
    return float((bins.confidence * bins.gap.clamp(min=0))[bins.count > 0].mean())


def _underconfidence(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
    bins = _bins(confidence, correct, n_bins)
    return float((bins.weight * bins.confidence * (-bins.gap).clamp(min=0)).sum())


OVERCONFIDENCE_ERROR = Question(
    name="overconfidence_error",
    assignment="ps3_calibration",
    points=4,
    minutes=8,
    cases=answers.binned_cases,
    reference=calibration.overconfidence_error,
    alternatives=(_oe_bin_by_bin, _oe_with_relu),
    invariants={"The overconfidence error is never above the ECE.": _not_above_ece},
    mistakes=(
        Mistake(
            "absolute",
            _absolute,
            "A bin that is underconfident should add nothing.",
            "https://github.com/IntelLabs/coach/issues/29",
        ),
        Mistake("with_sign", _with_sign, "Underconfident bins count below 0 here; they add 0.", answers.SIGNED),
        Mistake("unweighted", _oe_unweighted, "How many images a bin holds should matter as well.", answers.UNWEIGHTED),
        Mistake(
            "underconfidence",
            _underconfidence,
            "This counts the bins in which the model claims too little.",
            "https://github.com/LNST-project/lnst/pull/317",
        ),
    ),
    hints=(
        "Start from the ECE: which bins shall count, and how much?",
        "Only where confidence is above accuracy: max(gap, 0).",
        "Weigh each by count / N and by the confidence of the bin.",
    ),
    tolerance=(1e-6, 1e-6),
)
