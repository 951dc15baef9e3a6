"""linearity_gain: is the student more linear between images than its teacher?"""

import numpy as np
import torch
from torch import Tensor, nn

from course_lib import vicinal
from course_lib.questions import draws
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.question import Mistake, Question

NAMES = ("teacher_probs", "teacher_mixed", "student_probs", "student_mixed")
Arrays = dict[str, Array]


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, classes: int, why: str = "", scale: float = 2.0, given: Arrays | None = None) -> Case:
        made = {name: draws.probabilities(rng, n, classes, scale) for name in NAMES}
        mix = {"lam": draws.lambdas(rng, n), "partner": draws.partners(rng, n)}
        return Case(group, made | mix | (given or {}), why)

    hand = {
        "teacher_probs": np.array([[0.9, 0.1], [0.1, 0.9]]),
        "teacher_mixed": np.array([[0.9, 0.1], [0.1, 0.9]]),
        "student_probs": np.array([[0.8, 0.2], [0.2, 0.8]]),
        "student_mixed": np.array([[0.65, 0.35], [0.35, 0.65]]),
        "lam": np.array([0.75, 0.75]),
        "partner": np.array([1, 0]),
    }
    sure, twins = np.eye(4)[draws.labels(rng, 5, 4)], draws.probabilities(rng, 4, 3)
    certain = {"teacher_probs": sure, "student_probs": sure[::-1].copy()}
    alike = {name: twins[::-1].copy() if name.endswith("mixed") else twins for name in NAMES}
    return [
        Case("plain", hand, "a student that is perfectly linear"),
        case("plain", 4, 3),
        case("edge", 4, 3, "lambdas of 0 and 1", given={"lam": np.array([0.0, 1.0, 1.0, 0.0])}),
        case("edge", 4, 3, "images that are their own partners", given={"partner": np.arange(4)}),
        case("edge", 5, 4, "clean predictions that are certain", given=certain),
        case("edge", 4, 3, "a student that is its teacher", given=alike),
        case("stress", 4, 6, "probabilities of almost 0", scale=20.0),
        case("stress", 300, 10, "a few hundred images"),
        case("random", 7, 5),
        case("random", 3, 20),
    ]


def _nothing_gained_by_twins(case: Case, outputs: Outputs) -> bool:
    values = [np.asarray(case.arguments[name]) for name in NAMES]
    twins = np.array_equal(values[0], values[2]) and np.array_equal(values[1], values[3])
    return not twins or abs(float(outputs["result"])) < 1e-6


def _with_kl_div(teacher_probs, teacher_mixed, student_probs, student_mixed, lam, partner) -> float:
    bends = []
    for clean, between in ((teacher_probs, teacher_mixed), (student_probs, student_mixed)):
        linear = lam[:, None] * clean + (1 - lam[:, None]) * clean[partner]
        bends.append(nn.functional.kl_div(between.log(), linear, reduction="batchmean"))
    return float(bends[0] - bends[1])


def _pair_by_pair(teacher_probs, teacher_mixed, student_probs, student_mixed, lam, partner) -> Tensor:
    gains = []
    for i, (a, j) in enumerate(zip(lam, partner, strict=True)):
        taught = a * teacher_probs[i] + (1 - a) * teacher_probs[j]
        learned = a * student_probs[i] + (1 - a) * student_probs[j]
        entropies = torch.special.entr(learned).sum() - torch.special.entr(taught).sum()
        gains.append(entropies - taught @ teacher_mixed[i].log() + learned @ student_mixed[i].log())
    return torch.stack(gains).mean()


def _sign(*arguments) -> float:
    return -vicinal.linearity_gain(*arguments)


def _bends(teacher_probs, teacher_mixed, student_probs, student_mixed, lam, partner) -> tuple[Tensor, Tensor]:
    teacher = vicinal.vicinal_nonlinearity(teacher_probs, teacher_mixed, lam, partner)
    return teacher, vicinal.vicinal_nonlinearity(student_probs, student_mixed, lam, partner)


def _relative(*arguments) -> float:
    teacher, student = (bends.mean() for bends in _bends(*arguments))
    return ((teacher - student) / student).item()


def _swapped(teacher_probs, teacher_mixed, student_probs, student_mixed, lam, partner) -> float:
    teacher, student = (
        vicinal.kl_divergence(between, vicinal.linear_prediction(clean, lam, partner)).mean()
        for clean, between in ((teacher_probs, teacher_mixed), (student_probs, student_mixed))
    )
    return (teacher - student).item()


def _other_partners(teacher_probs, teacher_mixed, student_probs, student_mixed, lam, partner) -> float:
    return vicinal.linearity_gain(teacher_probs, teacher_mixed, student_probs, student_mixed, lam, partner.flip(0))


def _mean_over_entries(*arguments) -> float:
    return vicinal.linearity_gain(*arguments) / arguments[0].shape[1]


LINEARITY_GAIN = Question(
    name="linearity_gain",
    assignment="ps5_mixup_distillation",
    points=6,
    minutes=15,
    cases=_cases,
    reference=vicinal.linearity_gain,
    alternatives=(_with_kl_div, _pair_by_pair),
    invariants={"A student that is its teacher gains nothing.": _nothing_gained_by_twins},
    mistakes=(
        Mistake(
            "sign",
            _sign,
            "A nonlinearity is better when it is smaller: is your number positive for the student that is more linear?",
            "https://github.com/LNST-project/lnst/pull/317",
        ),
        Mistake(
            "relative",
            _relative,
            "A gain in nats is asked for: what happens to yours when a student is perfectly linear?",
            "https://github.com/rwth-i6/returnn/pull/140",
        ),
        Mistake(
            "swapped",
            _swapped,
            "A divergence has a direction: which of the two is what a linear model would say?",
            "https://github.com/huggingface/trl/pull/4935",
        ),
        Mistake(
            "other_partners",
            _other_partners,
            "Predictions are mixed here with others than those of the images that were mixed.",
            "https://github.com/xudonmao/VMT/issues/1",
        ),
        Mistake(
            "mean_over_entries",
            _mean_over_entries,
            "This averages over classes as well: the classes of an image are added up.",
            "https://github.com/pytorch/pytorch/issues/6988",
        ),
    ),
    hints=(
        "Do the same for the teacher and the student: how far from linear is it, on average?",
        "course_lib.vicinal.vicinal_nonlinearity gives that for each image, from clean and mixed predictions.",
        "Take the two means; subtract so that less nonlinearity of the student counts as a gain.",
    ),
    tolerance=(1e-6, 1e-8),
)
