"""live: small networks trained while somebody watches, on the digits that come with scikit-learn."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor, nn

from course_lib import data, recipes
from course_lib.arms import arm_of
from course_lib.experiment.jobs import TEACHER_SEED, Job, channel_moments, network_of
from course_lib.experiment.work import lesson_of
from course_lib.predictions import Predictions, collect
from course_lib.training import Trainer, frozen
from course_lib.widgets.threads import one_thread

IMAGES = 400  # as in the shipped results
Tick = Callable[[float], None]  # is told the share of the work that is done, from 0 to 1; may raise to stop it
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Trained:
    """A network of digits.

    Attributes:
        network: Frozen; takes (N, 1, 8, 8) float images in [0, 1] and returns (N, 10) logits.
        calib: Its predictions on the calib images.
        test: Its predictions on the test images.
    """

    network: nn.Module
    calib: Predictions
    test: Predictions

    def __call__(self, images: Tensor) -> Tensor:
        """Logits of (N, 1, 8, 8) float images in [0, 1]."""
        with torch.inference_mode():
            return self.network(images.float())


@cache
def digits(images: int = IMAGES) -> data.Splits:
    """Three splits of the digits: so many to train on, and always the same others for calib and test."""
    return data.load("digits", limit=images)


def train(
    arm: str,
    temperature: float = 2.0,
    seed: int = 0,
    epochs: int = 40,
    *,
    images: int = IMAGES,
    tick: Tick = lambda done: None,
) -> Trained:
    """Train a network of digits, in under a second; the first student waits about two, for its teacher and for torch.

    Args:
        arm: ``teacher``, or an arm of ``course_lib.arms`` such as ``ce``, ``mixup_kd`` or ``kd+flat``.
        temperature: Of the distillation.
        seed: Of the student's first weights and the order of images; there is only one teacher.
        epochs: Of the student: passes over its training images.
        images: That the student learns from; the teacher has seen 400.
        tick: Told how far the work is; what it raises stops it.

    Returns:
        The network and its predictions; the teacher is trained once and kept.
    """
    with _one_at_a_time, one_thread():
        if arm == "teacher":
            return _teacher(tick)
        distils = arm_of(arm).distils
        waits = 0.75 if distils and not _kept else 0.0  # the share of the work that the teacher is
        teacher = _teacher(lambda done: tick(waits * done)) if distils else None
        job = Job(arm, seed, temperature if distils else None)
        return _fit(job, digits(images), epochs, teacher, lambda done: tick(waits + (1 - waits) * done))


_kept: list[Trained] = []


def _teacher(tick: Tick) -> Trained:
    if not _kept:
        _kept.append(_fit(Job("teacher", TEACHER_SEED, None), digits(), 40, None, tick))
    return _kept[0]


def _fit(job: Job, splits: data.Splits, epochs: int, teacher: Trained | None, tick: Tick) -> Trained:
    settings = replace(recipes.find("demo"), epochs=epochs)
    name = settings.teacher if job.arm == "teacher" else settings.student
    network = network_of(name, splits, *channel_moments(splits.train), seed=job.seed)
    lesson = lesson_of(settings, splits, job)
    trainer = Trainer(network, lesson, torch.device("cpu"), teacher and frozen(teacher.network))
    trainer.run(lambda now: tick(now.step / lesson.total_steps))
    found = {
        split.name: collect(
            network,
            split.images,
            split.labels,
            lesson.view.centre,
            split=split.name,
            model=job.model,
            index_hash=split.index_hash,
            device=torch.device("cpu"),
            batch_size=256,
        )
        for split in (splits.calib, splits.test)
    }
    return Trained(frozen(network), found["calib"], found["test"])
