"""distillation_gradient: the gradient of the distillation loss, by its formula."""

import torch
from torch import Tensor

from course_lib import losses
from course_lib.questions.case import Case, Outputs
from course_lib.questions.ps1_dark_knowledge.distillation_loss import cases
from course_lib.questions.question import Mistake, Question

SUMMED = "https://github.com/ai-safety-foundation/sparse_autoencoder/issues/63"
PER_CLASS = "https://github.com/facebookresearch/deit/issues/116"
FORGOTTEN = "https://github.com/keras-team/keras-io/issues/869"


def _rows_sum_to_zero(case: Case, outputs: Outputs) -> bool:
    return bool(abs(outputs["result"].sum(axis=1)).max() < 1e-3)


def _softened(logits: Tensor, temperature: float) -> Tensor:
    return (logits / temperature).softmax(dim=1)


def by_formula(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """T (q - p) / N."""
    q, p = _softened(student_logits, temperature), _softened(teacher_logits, temperature)
    return temperature * (q - p) / len(student_logits)


def _by_autograd(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    student = student_logits.detach().clone().requires_grad_()
    losses.distillation_loss(student, teacher_logits, temperature).backward()
    return torch.zeros_like(student_logits) if student.grad is None else student.grad


def _row_by_row(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    pairs = zip(student_logits, teacher_logits, strict=True)
    rows = [(s / temperature).softmax(dim=0) - (t / temperature).softmax(dim=0) for s, t in pairs]
    return torch.stack(rows) * temperature / len(student_logits)


def _sign(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    return -by_formula(student_logits, teacher_logits, temperature)


def _per_image(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    return by_formula(student_logits, teacher_logits, temperature) * len(student_logits)


def _inner_derivative(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    return by_formula(student_logits, teacher_logits, temperature) * temperature


def _no_square(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    return by_formula(student_logits, teacher_logits, temperature) / temperature**2


def _per_class(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    return by_formula(student_logits, teacher_logits, temperature) / student_logits.shape[1]


DISTILLATION_GRADIENT = Question(
    name="distillation_gradient",
    assignment="ps1_dark_knowledge",
    points=6,
    minutes=15,
    cases=cases,
    reference=by_formula,
    alternatives=(_by_autograd, _row_by_row),
    invariants={
        "Pushing all logits of a row up changes no probability: each row of the gradient sums to 0.": _rows_sum_to_zero
    },
    mistakes=(
        Mistake(
            "sign",
            _sign,
            "A student that says too much of a class should be pushed down there: check the sign.",
            "https://github.com/deeplearning4j/deeplearning4j/issues/349",
        ),
        Mistake("per_image", _per_image, "The loss is a mean over the batch, and so is its gradient.", SUMMED),
        Mistake(
            "inner_derivative",
            _inner_derivative,
            "Logits enter divided by T: the chain rule asks for one factor.",
            "https://github.com/apache/mxnet/pull/11466",  # whether it is there is asked in the review
        ),
        Mistake("no_square", _no_square, "The loss carries a factor that its gradient must carry, too.", FORGOTTEN),
        Mistake("per_class", _per_class, "Classes are added up, not averaged.", PER_CLASS),
    ),
    hints=(
        "The gradient of a cross-entropy in the logits is softmax minus target. What is the target here?",
        "The logits enter as z / T: the chain rule gives a factor 1 / T; the loss itself has T squared.",
        "Do not forget the mean over the batch.",
    ),
)
