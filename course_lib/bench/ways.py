"""ways: the ways to take a step of an arm that are timed against each other.

    whole     data, teacher, student, update: what training repeats
    prepared  the same on a batch that is there already
    alone     whole, but labels teach, no teacher
    cached    whole, but the teacher's logits are read from a table, as they are where they were kept

Each way is a ``Trainer`` of its own that takes whole steps, so that on a GPU all are replayed as graphs, or none.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn

from course_lib.arms import arm_of
from course_lib.bench.clock import Call
from course_lib.data import Splits
from course_lib.experiment import Habits
from course_lib.experiment.jobs import TEACHER_SEED, Job, channel_moments, network_of
from course_lib.experiment.work import lesson_of
from course_lib.losses import Supervision
from course_lib.models import Network
from course_lib.models.fold import folded
from course_lib.recipes import RunSettings
from course_lib.teacher_cache import Question, TeacherCache
from course_lib.training import Batch, Lesson, Trainer, frozen

ENDLESS_EPOCHS = 10**6  # their warm-up is as long, so that the weights hardly move while steps are timed


@dataclass(frozen=True)
class Ways:
    """What all ways of all arms share.

    Attributes:
        settings: Networks, batch size, temperature.
        splits: The data, on the device where they fit.
        device: Where training runs.
        warn: Told, in one line, when steps cannot be replayed as CUDA graphs.
    """

    settings: RunSettings
    splits: Splits
    device: torch.device
    warn: Callable[[str], None] = lambda line: None

    @property
    def workers(self) -> int:
        """Processes that read images ahead for a GPU, as many as in a run; none on a processor, whose cores train."""
        reads = self.device.type == "cuda" and not isinstance(self.splits.train.images, Tensor)
        return Habits(Console(quiet=True)).reading_workers() if reads else 0

    def of(self, arm: str) -> dict[str, Call]:
        """The ways to take a step of an arm, by name; those that need a teacher only where it distils."""
        lesson, distils = self.lesson(arm), arm_of(arm).distils
        teacher = self.teacher if distils else None
        ways = {
            "whole": self._trainer(Trainer, lesson, teacher),
            "prepared": self._trainer(_Prepared, lesson, teacher),
        }
        if distils:
            unaided = replace(lesson, supervision=Supervision(label_weight=1.0))
            ways |= {
                "alone": self._trainer(Trainer, unaided, None),
                "cached": self._trainer(Trainer, lesson, teacher, _Known()),
            }
        return {name: trainer.take_step for name, trainer in ways.items()}

    def lesson(self, arm: str) -> Lesson:
        """What an arm's student is taught, over so many epochs that timing never comes to their end."""
        temperature = self.settings.temperatures[0] if arm_of(arm).softens else None
        lesson = lesson_of(self.settings, self.splits, Job(arm, 0, temperature))
        return replace(lesson, settings=replace(lesson.settings, epochs=ENDLESS_EPOCHS))

    @cached_property
    def teacher(self) -> nn.Module:
        """The teacher as a run asks it: frozen, folded, laid out for the device; its weights are random."""
        return folded(frozen(self._network(self.settings.teacher, TEACHER_SEED)))

    def _network(self, name: str, seed: int) -> Network:
        return network_of(name, self.splits, *channel_moments(self.splits.train), seed=seed).to(self.device)

    def _trainer(
        self,
        kind: "Callable[..., Trainer]",
        lesson: Lesson,
        teacher: nn.Module | None,
        cache: TeacherCache | None = None,
    ) -> Trainer:
        student = self._network(self.settings.student, seed=0).train()
        return kind(student, lesson, self.device, teacher, cache=cache, workers=self.workers, warn=self.warn)


class _Prepared(Trainer):
    """Learns from its first batch for ever."""

    _kept: Batch | None = None

    def _batch(self) -> Batch:
        if self._kept is None:
            self._kept = super()._batch()
        return self._kept


class _Known(TeacherCache):
    """Knows every answer, though none that a teacher gave."""

    def __init__(self) -> None:
        super().__init__(Path(), "nobody", warn=lambda line: None)

        self._answers: Tensor | None = None

    def find(self, question: Question, shape: tuple[int, int], dtype: torch.dtype) -> Tensor:
        if self._answers is None:
            self._answers = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
        return self._answers

    def keep(self, question: Question, logits: Tensor) -> None:
        """Nothing: what nobody asked for need not be kept."""
