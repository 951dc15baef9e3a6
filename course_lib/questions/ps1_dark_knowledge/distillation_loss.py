"""distillation_loss: what a student learns from a teacher."""

import numpy as np
import torch
from torch import Tensor, nn

from course_lib import losses
from course_lib.questions import draws
from course_lib.questions.case import Case, Outputs
from course_lib.questions.question import Mistake, Question


def cases(rng: np.random.Generator) -> list[Case]:
    """Pairs of logits and a temperature."""

    def case(group: str, n: int, classes: int, temperature: float, why: str = "", dtype: str = "float64") -> Case:
        student, teacher = (draws.logits(rng, n, classes, dtype=dtype) for _ in range(2))
        return Case(group, {"student_logits": student, "teacher_logits": teacher, "temperature": temperature}, why)

    same = draws.logits(rng, 2, 3)
    agree = {"student_logits": same, "teacher_logits": same.copy(), "temperature": 4.0}
    hand = {
        "student_logits": np.array([[0.0, 0.0], [0.0, 0.0]]),
        "teacher_logits": np.array([[2.0, 0.0], [0.0, 0.0]]),
        "temperature": 2.0,
    }
    far = {"student_logits": 300 * draws.logits(rng, 2, 4), "teacher_logits": 300 * draws.logits(rng, 2, 4)}
    return [
        Case("plain", hand, "two images and two classes"),
        case("plain", 3, 4, 1.0, "a temperature of 1"),
        case("plain", 3, 4, 4.0),
        Case("edge", agree, "a student that agrees with its teacher"),
        case("edge", 1, 2, 3.0, "a batch of one image"),
        case("edge", 4, 3, 2.0, "float32", dtype="float32"),
        Case("stress", far | {"temperature": 0.5}, "logits of hundreds and a cold temperature"),
        case("stress", 3, 5, 50.0, "a hot temperature"),
        case("random", 7, 10, float(rng.uniform(0.5, 20))),
        case("random", 2, 100, float(rng.uniform(0.5, 20))),
    ]


def _zero_when_equal(case: Case, outputs: Outputs) -> bool:
    agree = np.array_equal(np.asarray(case.arguments["student_logits"]), np.asarray(case.arguments["teacher_logits"]))
    return not agree or abs(float(outputs["result"])) < 1e-6


def _never_negative(case: Case, outputs: Outputs) -> bool:
    return float(outputs["result"]) > -1e-4


def _with_kl_div(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    log_q = (student_logits / temperature).log_softmax(dim=1)
    log_p = (teacher_logits.detach() / temperature).log_softmax(dim=1)
    return temperature**2 * nn.functional.kl_div(log_q, log_p, reduction="batchmean", log_target=True)


def _as_difference(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    log_q, log_p = ((logits / temperature).log_softmax(dim=1) for logits in (student_logits, teacher_logits))
    p = log_p.exp()
    return temperature**2 * ((p * log_p).sum(dim=1).mean() - (p * log_q).sum(dim=1).mean())


def _without_square(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    return losses.distillation_loss(student_logits, teacher_logits, temperature) / temperature**2


def _mean_over_entries(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    return losses.distillation_loss(student_logits, teacher_logits, temperature) / student_logits.shape[1]


def _swapped(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    return losses.distillation_loss(teacher_logits, student_logits, temperature)


def _sharp_teacher(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    log_q, log_p = (student_logits / temperature).log_softmax(dim=1), teacher_logits.log_softmax(dim=1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(dim=1).mean()


def _one_sided(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    return 0 * student_logits.sum() + losses.distillation_loss(teacher_logits, teacher_logits, temperature)


def _probabilities(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    q, p = ((logits / temperature).softmax(dim=1) for logits in (student_logits, teacher_logits))
    return temperature**2 * nn.functional.kl_div(q, p, reduction="batchmean")


def _cross_entropy(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    log_q, p = (student_logits / temperature).log_softmax(dim=1), (teacher_logits / temperature).softmax(dim=1)
    return -(temperature**2) * (p * log_q).sum(dim=1).mean()


def _detached(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    value = losses.distillation_loss(student_logits, teacher_logits, temperature)
    return torch.tensor(float(value), dtype=value.dtype)


DISTILLATION_LOSS = Question(
    name="distillation_loss",
    assignment="ps1_dark_knowledge",
    points=8,
    minutes=15,
    cases=cases,
    reference=losses.distillation_loss,
    alternatives=(_with_kl_div, _as_difference),
    invariants={
        "A student that agrees with its teacher has nothing to learn: the loss is 0.": _zero_when_equal,
        "A divergence is never negative.": _never_negative,
    },
    mistakes=(
        Mistake(
            "no_square",
            _without_square,
            "Dividing logits by T shrinks the gradient by about T squared: something has to make up for it.",
            "https://github.com/keras-team/keras-io/issues/869",
        ),
        Mistake(
            "mean_over_entries",
            _mean_over_entries,
            "This averages over all N * K entries: the mean is over the batch only.",
            "https://github.com/facebookresearch/deit/issues/116",
        ),
        Mistake(
            "swapped",
            _swapped,
            "Which of the two is the truth here? This is KL(student || teacher).",
            "https://github.com/paiml/aprender/pull/2153",
        ),
        Mistake(
            "sharp_teacher",
            _sharp_teacher,
            "The teacher is not softened: both see the same temperature.",
            "https://github.com/huawei-noah/Pretrained-Language-Model/issues/11",
        ),
        Mistake(
            "teacher_twice",
            _one_sided,
            "The loss is 0 whatever the student says: whose logits are compared?",
            "https://github.com/labmlai/annotated_deep_learning_paper_implementations/issues/66",
        ),
        Mistake(
            "probabilities",
            _probabilities,
            "torch's kl_div wants log-probabilities in its first place: read its documentation once more.",
            "https://github.com/nlp-with-transformers/notebooks/issues/94",
        ),
        Mistake(
            "cross_entropy",
            _cross_entropy,
            "This is a cross-entropy: a student that agrees with its teacher would still pay the teacher's entropy.",
            "https://github.com/jongwooko/distillm/issues/7",
        ),
    ),
    hints=(
        "Soften both, then compare: KL(p || q) is the sum of p (log p - log q).",
        "Work with log_softmax; p is its exponential. Sum over classes, mean over the batch.",
        "At the end, the factor that keeps the gradient's size independent of the temperature.",
    ),
    differentiable=("student_logits",),
)
