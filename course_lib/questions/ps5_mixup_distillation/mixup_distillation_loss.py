"""mixup_distillation_loss: the loss of the paper, of two networks that look at the same mixed images."""

import numpy as np
import torch
from torch import Tensor, nn

from course_lib import losses
from course_lib.mixup import mix
from course_lib.questions.case import Case, Outputs
from course_lib.questions.ps5_mixup_distillation.networks import ALONE, ENDS, FROZEN, mixed, net
from course_lib.questions.question import Mistake, Question


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, classes: int, temperature: float, why: str = "", loud: bool = False) -> Case:
        networks = {
            "student": net(rng, classes, loud=loud, training=why != FROZEN),
            "teacher": net(rng, classes, loud=loud, training=False),
        }
        return Case(group, networks | mixed(rng, n, why) | {"temperature": temperature}, why)

    return [
        case("plain", 5, 3, 2.0, "five images and three classes"),
        case("plain", 6, 4, 4.0),
        case("edge", 6, 3, 2.0, ENDS),
        case("edge", 6, 3, 3.0, ALONE),
        case("edge", 8, 2, 1.0, "a temperature of 1"),
        case("edge", 5, 3, 2.0, FROZEN),
        case("stress", 12, 5, 0.5, "logits of hundreds and a cold temperature", loud=True),
        case("stress", 300, 10, 30.0, "logits of hundreds and a hot temperature", loud=True),
        case("random", 7, 10, float(rng.uniform(1, 8))),
        case("random", 16, 5, float(rng.uniform(1, 8))),
    ]


def _never_negative(case: Case, outputs: Outputs) -> bool:
    return float(outputs["result"]) > -1e-4


def teacher_untaught(case: Case, outputs: Outputs) -> bool:
    """Whether no gradient has reached the teacher."""
    return not bool(outputs["grad.teacher"])


def _each_asked_once(case: Case, outputs: Outputs) -> bool:
    return int(outputs["calls.student"]) == int(outputs["calls.teacher"]) == 1


def of_paper(
    student: nn.Module, teacher: nn.Module, images: Tensor, lam: Tensor, partner: Tensor, temperature: float
) -> Tensor:
    """T^2 KL(teacher || student) on the mixed images."""
    between = mix(images, lam, partner)
    with torch.no_grad():
        told = teacher(between)
    return losses.distillation_loss(student(between), told, temperature)


def _by_hand(images: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    weight = lam[:, None]
    return weight * images + (1 - weight) * images[partner]


def _with_kl_div(student, teacher, images, lam, partner, temperature) -> Tensor:
    between = _by_hand(images, lam, partner)
    log_p = (teacher(between).detach() / temperature).log_softmax(dim=1)
    log_q = (student(between) / temperature).log_softmax(dim=1)
    return temperature**2 * nn.functional.kl_div(log_q, log_p, reduction="batchmean", log_target=True)


def _as_difference(student, teacher, images, lam, partner, temperature) -> Tensor:
    rows = [a * images[i] + (1 - a) * images[j] for i, (a, j) in enumerate(zip(lam, partner, strict=True))]
    between = torch.stack(rows)
    with torch.inference_mode():
        told = teacher(between) / temperature
    p = told.softmax(dim=1).clone()
    crossed = nn.functional.cross_entropy(student(between) / temperature, p)
    return temperature**2 * (crossed + torch.special.xlogy(p, p).sum(dim=1).mean())


def _teacher_clean(student, teacher, images, lam, partner, temperature) -> Tensor:
    told = teacher(images).detach()
    return losses.distillation_loss(student(mix(images, lam, partner)), told, temperature)


def _student_clean(student, teacher, images, lam, partner, temperature) -> Tensor:
    told = teacher(mix(images, lam, partner)).detach()
    return losses.distillation_loss(student(images), told, temperature)


def _teacher_taught(student, teacher, images, lam, partner, temperature) -> Tensor:
    between = mix(images, lam, partner)
    return losses.distillation_loss(student(between), teacher(between), temperature)


def _no_square(student, teacher, images, lam, partner, temperature) -> Tensor:
    return of_paper(student, teacher, images, lam, partner, temperature) / temperature**2


def _swapped(student, teacher, images, lam, partner, temperature) -> Tensor:
    between = mix(images, lam, partner)
    return losses.distillation_loss(teacher(between).detach(), student(between), temperature)


def _mean_over_entries(student, teacher, images, lam, partner, temperature) -> Tensor:
    classes = student[-1].out_features
    return of_paper(student, teacher, images, lam, partner, temperature) / classes


def _hard_labels(student, teacher, images, lam, partner, temperature) -> Tensor:
    between = mix(images, lam, partner)
    return nn.functional.cross_entropy(student(between), teacher(between).argmax(dim=1))


def _in_place(student, teacher, images, lam, partner, temperature) -> Tensor:
    weight = lam[:, None]
    between = images.mul_(weight).add_((1 - weight) * images[partner])
    return losses.distillation_loss(student(between), teacher(between).detach(), temperature)


OTHER_IMAGES = "https://github.com/haitongli/knowledge-distillation-pytorch/issues/23"

MIXUP_DISTILLATION_LOSS = Question(
    name="mixup_distillation_loss",
    assignment="ps5_mixup_distillation",
    points=8,
    minutes=20,
    cases=_cases,
    reference=of_paper,
    alternatives=(_with_kl_div, _as_difference),
    invariants={
        "A divergence is never negative.": _never_negative,
        "The teacher is a judge, not a pupil: no gradient reaches its weights.": teacher_untaught,
        "Two networks, two questions: each is called once.": _each_asked_once,
    },
    mistakes=(
        Mistake("teacher_clean", _teacher_clean, "Which images does your teacher speak about?", OTHER_IMAGES),
        Mistake(
            "student_clean",
            _student_clean,
            "Images are mixed, but the student never gets to see that.",
            "https://github.com/vikasverma1077/manifold_mixup/issues/12",
        ),
        Mistake(
            "teacher_taught",
            _teacher_taught,
            "This loss could also be lowered by changing the teacher: look at where its gradient goes.",
            "https://github.com/pytorch/translate/pull/391",
        ),
        Mistake(
            "no_square",
            _no_square,
            "Dividing logits by a temperature shrinks the gradient: something has to make up for it.",
            "https://github.com/IntelLabs/distiller/issues/122",
        ),
        Mistake(
            "swapped",
            _swapped,
            "A divergence has a direction: whose probabilities are the weights of its sum?",
            "https://github.com/paiml/aprender/pull/2153",
        ),
        Mistake(
            "mean_over_entries",
            _mean_over_entries,
            "This averages over classes as well: try the same batch with more classes.",
            "https://github.com/facebookresearch/deit/issues/116",
        ),
        Mistake(
            "hard_labels",
            _hard_labels,
            "Only one class of what the teacher says arrives at the student: where is its dark knowledge?",
            "https://github.com/JDAI-CV/FADA/issues/21",
        ),
        Mistake(
            "in_place",
            _in_place,
            "What do the images hold when the partners are looked up in them?",
            "https://github.com/huggingface/pytorch-image-models/issues/50",
        ),
    ),
    hints=(
        "There are three steps: mix the images once, ask both networks about them, compare the two answers.",
        "course_lib.mixup.mix mixes; ask the teacher inside torch.no_grad().",
        "course_lib.losses.distillation_loss takes the student's logits, the teacher's and the temperature.",
    ),
    differentiable=("student",),
)
