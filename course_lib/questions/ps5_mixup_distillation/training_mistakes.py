"""training_mistakes: what goes wrong in one step of distillation."""

import torch
from torch import Tensor

from course_lib import losses
from course_lib.mixup import mix
from course_lib.questions.ps5_mixup_distillation.mixup_distillation_loss import OTHER_IMAGES, of_paper
from course_lib.questions.question import Mistake


def _down(optimizer, loss: Tensor) -> float:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _teacher_as_it_comes(student, teacher, optimizer, *batch) -> float:
    return _down(optimizer, of_paper(student, teacher, *batch))


def _teacher_back_in_training(student, teacher, optimizer, *batch) -> float:
    loss = _down(optimizer, of_paper(student, teacher.eval(), *batch))
    teacher.train()
    return loss


def _student_evaluates(student, teacher, optimizer, *batch) -> float:
    return _down(optimizer, of_paper(student.eval(), teacher.eval(), *batch))


def _loss_afterwards(student, teacher, optimizer, *batch) -> float:
    _down(optimizer, of_paper(student, teacher.eval(), *batch))
    with torch.no_grad():
        return of_paper(student, teacher, *batch).item()


def _gradients_pile_up(student, teacher, optimizer, *batch) -> float:
    loss = of_paper(student, teacher.eval(), *batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def _step_first(student, teacher, optimizer, *batch) -> float:
    loss = of_paper(student, teacher.eval(), *batch)
    optimizer.zero_grad()
    optimizer.step()
    loss.backward()
    return loss.item()


def _asked_twice(student, teacher, optimizer, images, lam, partner, temperature) -> float:
    student(mix(images, lam, partner)).argmax(dim=1)  # for the accuracy
    return _down(optimizer, of_paper(student, teacher.eval(), images, lam, partner, temperature))


def _keeps_graph(student, teacher, optimizer, *batch) -> Tensor:
    loss = of_paper(student, teacher.eval(), *batch)
    _down(optimizer, loss)
    return loss


def _teacher_clean(student, teacher, optimizer, images, lam, partner, temperature) -> float:
    told = teacher.eval()(images).detach()
    return _down(optimizer, losses.distillation_loss(student(mix(images, lam, partner)), told, temperature))


MISTAKES = (
    Mistake(
        "teacher_as_it_comes",
        _teacher_as_it_comes,
        "In the mode in which it may arrive, your teacher learns from every batch that it sees.",
        "https://github.com/vrvlive/knowlege-distillation/issues/2",
    ),
    Mistake(
        "teacher_back_in_training",
        _teacher_back_in_training,
        "Look at the teacher's mode when your function ends.",
        "https://github.com/neuralmagic/sparseml/pull/2191",
    ),
    Mistake(
        "student_evaluates",
        _student_evaluates,
        "Your student's batch norm has learned nothing from these images: in which mode does it step?",
        "https://github.com/wkentaro/pytorch-fcn/pull/56",  # validates amid an epoch and stays in that mode
    ),
    Mistake(
        "loss_afterwards",
        _loss_afterwards,
        "This loss is that of another student than the one that came in.",
        "https://github.com/pasqal-io/qadence/pull/705",
    ),
    Mistake(
        "gradients_pile_up",
        _gradients_pile_up,
        "backward adds to what is there already: what if an earlier step has left something?",
        "https://github.com/pytorch/pytorch/issues/47175",
    ),
    Mistake(
        "step_first",
        _step_first,
        "No weight has moved: what did the optimizer know at the moment of its step?",
        "https://github.com/inyeoplee77/SAGPool/issues/15",  # writes the step in front of the backward pass
    ),
    Mistake(
        "asked_twice",
        _asked_twice,
        "Each time that a network in training mode is asked, its batch norm takes the batch into account again.",
        "https://github.com/m2lines/Samudra/issues/572",
    ),
    Mistake(
        "keeps_graph",
        _keeps_graph,
        "Whoever collects your losses keeps every step's whole graph in memory: hand back a number.",
        "https://github.com/BatsResearch/labelmodels/issues/4",
    ),
    Mistake("teacher_clean", _teacher_clean, "Which images does your teacher speak about?", OTHER_IMAGES),
)
