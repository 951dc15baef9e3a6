"""training_step: one step of mixup distillation."""

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.questions.case import Case, Outputs, Sgd
from course_lib.questions.ps5_mixup_distillation.mixup_distillation_loss import of_paper, teacher_untaught
from course_lib.questions.ps5_mixup_distillation.networks import ALONE, ENDS, FROZEN, STALE, mixed, net
from course_lib.questions.ps5_mixup_distillation.training_mistakes import MISTAKES
from course_lib.questions.question import Question


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(
        group: str,
        n: int,
        classes: int,
        temperature: float,
        why: str = "",
        rate: float = 0.1,
        *,
        late: bool = False,
        loud: bool = False,
    ) -> Case:
        arguments = {
            "student": net(rng, classes, loud=loud, training=why != FROZEN, left_over=float(why == STALE)),
            "teacher": net(rng, classes, loud=loud, training=late),
            "optimizer": Sgd("student", learning_rate=rate, momentum=0.9, velocity=float(why == STALE)),
        }
        return Case(group, arguments | mixed(rng, n, why) | {"temperature": temperature}, why)

    return [
        case("plain", 5, 3, 2.0, "five images and three classes"),
        case("plain", 6, 4, 4.0, STALE, 0.4),
        case("edge", 6, 3, 2.0, "a teacher that arrives in training mode", late=True),
        case("edge", 6, 3, 2.0, ENDS),
        case("edge", 6, 3, 3.0, ALONE),
        case("edge", 8, 2, 1.0, "a temperature of 1"),
        case("edge", 5, 3, 2.0, FROZEN),
        case("edge", 5, 3, 2.0, "a learning rate of one half", 0.5),
        case("stress", 12, 5, 0.5, "logits of hundreds and a cold temperature", loud=True),
        case("stress", 300, 10, 30.0, "logits of hundreds and a hot temperature", loud=True, late=True),
        case("random", 7, 10, float(rng.uniform(1, 8)), STALE, float(rng.uniform(0.2, 0.8)), late=True),
        case("random", 16, 5, float(rng.uniform(1, 8)), STALE, float(rng.uniform(0.01, 0.05))),
    ]


def _asked_once(case: Case, outputs: Outputs) -> bool:
    return int(outputs["calls.student"]) == 1


def _teacher_evaluates(case: Case, outputs: Outputs) -> bool:
    return not bool(outputs["after.teacher.training"])


def _without_graph(case: Case, outputs: Outputs) -> bool:
    return not bool(outputs["graph"])


def one_step(
    student: nn.Module,
    teacher: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    lam: Tensor,
    partner: Tensor,
    temperature: float,
) -> float:
    """One step down the loss, which is returned as it was before."""
    teacher.eval()
    loss = of_paper(student, teacher, images, lam, partner, temperature)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _step_by_step(student, teacher, optimizer, images, lam, partner, temperature) -> float:
    for weight in student.parameters():
        weight.grad = None
    for part in teacher.modules():
        part.training = False
    between = lam[:, None] * images + (1 - lam[:, None]) * images[partner]
    log_q = (student(between) / temperature).log_softmax(dim=1)
    log_p = (teacher(between) / temperature).log_softmax(dim=1).detach()
    divergence = nn.functional.kl_div(log_q, log_p, reduction="sum", log_target=True)
    loss = temperature**2 * divergence / len(images)
    loss.backward()
    before = float(loss)
    optimizer.step()
    return before


def _with_closure(student, teacher, optimizer, images, lam, partner, temperature) -> Tensor:
    teacher.train(False)

    def closure() -> Tensor:
        optimizer.zero_grad(set_to_none=False)
        loss = of_paper(student, teacher, images, lam, partner, temperature)
        loss.backward()
        return loss

    return optimizer.step(closure).detach()


TRAINING_STEP = Question(
    name="training_step",
    assignment="ps5_mixup_distillation",
    points=8,
    minutes=25,
    cases=_cases,
    reference=one_step,
    alternatives=(_step_by_step, _with_closure),
    invariants={
        "The teacher judges and does not learn: it is in evaluation mode afterwards.": _teacher_evaluates,
        "No gradient is left in the teacher.": teacher_untaught,
        "One step, one look: the student is called once.": _asked_once,
        "What comes back is a number; nothing of the network hangs on to it.": _without_graph,
    },
    mistakes=MISTAKES,
    hints=(
        "Before anything is computed: in which mode must the teacher be, and which gradients may still be around?",
        "Then as always: the loss, its gradient, the step, each once and in this order.",
        "teacher.eval(); the loss as in the last question; zero_grad, backward, step; give back loss.item().",
    ),
    tolerance=(1e-4, 1e-5),
)
