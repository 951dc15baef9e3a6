"""calibration_transfer: does a student inherit how far its teacher's confidence is off?"""

import numpy as np
import torch
from torch import Tensor

from course_lib import relations
from course_lib.questions.case import Case, Outputs
from course_lib.questions.question import Mistake, Question


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, slope: float, why: str = "", noise: float = 0.05, scale: float = 0.1) -> Case:
        teachers = scale * (rng.standard_normal(n) + rng.uniform(0.5, 1.5))
        students = slope * teachers + scale * rng.uniform(-2, -1) + noise * rng.standard_normal(n)
        return Case(group, {"teacher_gaps": teachers, "student_gaps": students}, why)

    hand = {"teacher_gaps": np.array([-0.1, 0.0, 0.4]), "student_gaps": np.array([0.0, 0.1, 0.2])}
    return [
        Case("plain", hand, "three teachers"),
        case("plain", 5, 0.6),
        case("edge", 2, 0.5, "two teachers"),
        case("edge", 4, 0.7, "students on a line", noise=0.0),
        case("edge", 6, -0.8, "students that are off the other way"),
        case("stress", 300, 0.3, "a few hundred teachers"),
        case("stress", 5, 0.5, "gaps of almost 0", noise=5e-6, scale=1e-5),
        case("random", 8, float(rng.uniform(-1, 1))),
        case("random", 12, float(rng.uniform(0.2, 1))),
    ]


def _at_most_one(case: Case, outputs: Outputs) -> bool:
    return abs(float(outputs["result.1"])) <= 1 + 1e-6


def _same_sign(case: Case, outputs: Outputs) -> bool:
    return float(outputs["result.0"]) * float(outputs["result.1"]) >= 0


def _line(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Slope and intercept."""
    slope, _ = relations.calibration_transfer(x, y)
    return slope, (y.mean() - slope * x.mean()).item()


def _with_numpy(teacher_gaps: Tensor, student_gaps: Tensor) -> tuple[float, float]:
    x, y = teacher_gaps.numpy(), student_gaps.numpy()
    return float(np.polyfit(x, y, deg=1)[0]), float(np.corrcoef(x, y)[0, 1])


def _with_least_squares(teacher_gaps: Tensor, student_gaps: Tensor) -> list[float]:
    design = torch.stack([teacher_gaps, torch.ones_like(teacher_gaps)], dim=1)
    slope = torch.linalg.lstsq(design, student_gaps[:, None]).solution[0].item()
    return [slope, slope * teacher_gaps.std().item() / student_gaps.std().item()]


def _from_sums(teacher_gaps: Tensor, student_gaps: Tensor) -> tuple[float, float]:
    n, x, y = len(teacher_gaps), teacher_gaps.tolist(), student_gaps.tolist()
    crossed = n * sum(a * b for a, b in zip(x, y, strict=True)) - sum(x) * sum(y)
    own, other = (n * sum(a * a for a in values) - sum(values) ** 2 for values in (x, y))
    return crossed / own, crossed / (own * other) ** 0.5


def _teacher_on_student(teacher_gaps: Tensor, student_gaps: Tensor) -> tuple[float, float]:
    return relations.calibration_transfer(student_gaps, teacher_gaps)


def _through_origin(teacher_gaps: Tensor, student_gaps: Tensor) -> tuple[float, float]:
    _, correlation = relations.calibration_transfer(teacher_gaps, student_gaps)
    return (teacher_gaps @ student_gaps / (teacher_gaps @ teacher_gaps)).item(), correlation


def _squared(teacher_gaps: Tensor, student_gaps: Tensor) -> tuple[float, float]:
    slope, correlation = relations.calibration_transfer(teacher_gaps, student_gaps)
    return slope, correlation**2


def _intercept(teacher_gaps: Tensor, student_gaps: Tensor) -> tuple[float, float]:
    _, correlation = relations.calibration_transfer(teacher_gaps, student_gaps)
    return _line(teacher_gaps, student_gaps)[1], correlation


def _sum_of_products(teacher_gaps: Tensor, student_gaps: Tensor) -> tuple[float, float]:
    x, y = teacher_gaps - teacher_gaps.mean(), student_gaps - student_gaps.mean()
    return _line(teacher_gaps, student_gaps)[0], (x @ y / (x**2 @ y**2).sqrt()).item()


CALIBRATION_TRANSFER = Question(
    name="calibration_transfer",
    assignment="ps5_mixup_distillation",
    points=6,
    minutes=12,
    cases=_cases,
    reference=relations.calibration_transfer,
    alternatives=(_with_numpy, _with_least_squares, _from_sums),
    invariants={
        "No correlation is larger than 1.": _at_most_one,
        "A line that rises goes with a correlation above 0, a falling one with one below.": _same_sign,
    },
    mistakes=(
        Mistake(
            "teacher_on_student",
            _teacher_on_student,
            "Who inherits from whom? Your line predicts the teacher.",
            "https://github.com/APSIMInitiative/ApsimX/issues/600",
        ),
        Mistake(
            "through_origin",
            _through_origin,
            "Your line has to pass through 0: what if every student is a little more modest than its teacher?",
            "https://github.com/LBNL-ETA/RMV2.0/issues/14",
        ),
        Mistake(
            "squared",
            _squared,
            "Yours cannot be negative: which of r and its relatives is Pearson's correlation?",
            "https://github.com/cmmorrow/sci-analysis/issues/4",
        ),
        Mistake(
            "intercept",
            _intercept,
            "A fit returns two numbers: which of them tells by how much a student follows?",
            "https://github.com/backtrader2/backtrader/issues/28",
        ),
        Mistake(
            "sum_of_products",
            _sum_of_products,
            "The spread of the teachers and that of the students are two numbers: which sums belong together?",
            "https://github.com/thuml/Autoformer/issues/102",
        ),
    ),
    hints=(
        "Take the mean off both first: then the intercept needs no further thought.",
        "The slope compares how they vary together with how the teachers vary alone.",
        "slope = sum(x y) / sum(x x); the correlation divides by the lengths of both x and y instead.",
    ),
    tolerance=(1e-6, 1e-7),
)
