"""work: trains the networks of a run, one after the other, and keeps what they become."""

import copy
import gc
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from time import monotonic

import torch
from torch import nn

from course_lib import data
from course_lib.augment import View
from course_lib.errors import CourseError
from course_lib.experiment.folder import RunFolder, advising
from course_lib.experiment.habits import Habits, Interrupted
from course_lib.experiment.jobs import Job
from course_lib.experiment.progress import Progress
from course_lib.experiment.record import peak_memory_mb
from course_lib.models import Network
from course_lib.predictions import collect
from course_lib.ranks import Ranks
from course_lib.recipes import RunSettings
from course_lib.teacher_cache import TeacherCache
from course_lib.training import Lesson, Trainer

CHECK_EVERY = 16  # steps between two questions to the other processes whether to save or to stop
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "STATUS_ALLOC_FAILED")


@dataclass(frozen=True)
class Asked:
    """A teacher, ready to be asked.

    Attributes:
        network: Frozen, folded, on the device.
        cache: Where its answers are kept, if they are.
    """

    network: nn.Module
    cache: TeacherCache | None


def lesson_of(settings: RunSettings, splits: data.Splits, job: Job) -> Lesson:
    """What a job's network is taught; splits on the device that trains, where they fit."""
    view = settings.view(tuple(splits.train.images.shape))
    return Lesson(
        model=job.label,
        train=splits.train,
        calib=splits.calib,
        view=view,
        plan=job.way.plan(settings.plan(view.shift, view.flip)),
        settings=settings.training(teacher=job.arm == "teacher"),
        supervision=job.way.supervision(job.temperature, settings.label_weight),
        mixes=job.way.mixes,
        cutmix=job.way.cutmix,
        seed=job.seed,
        num_classes=len(splits.class_names),
        teacher_dtype=getattr(torch, settings.teacher_dtype),
    )


@dataclass(frozen=True)
class Work:
    """What every job of a run shares."""

    settings: RunSettings
    splits: data.Splits
    device: torch.device
    folder: RunFolder
    progress: Progress
    habits: Habits
    ranks: Ranks
    compiles: bool

    def images_of(self, job: Job) -> int:
        """Training images that pass through a job's network."""
        steps = self.lesson(job).total_steps if job.trains else 0
        return steps * self.settings.batch_size

    def lesson(self, job: Job) -> Lesson:
        """What a job's network is taught."""
        return lesson_of(self.settings, self.splits, job)

    def train(self, job: Job, network: Network, teacher: Asked | None) -> None:
        """Train one network to the end, or take it as it came, and write all that is kept of it."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        asked = teacher if job.way.distils else None
        trainer = self._trainer(network, self.lesson(job), asked)
        started = monotonic()
        if state := self.folder.state_of(job.model):
            with advising(self.folder.state_path(job.model)):
                trainer.restore(*state)
            started -= float(state[1]["seconds"])
            self.progress.advance(trainer.step * self.settings.batch_size)
        if job.trains and not self._completes(trainer, job, started):
            lesson = trainer.lesson
            del trainer  # and with it the memory that it holds
            raise self._too_large(lesson, network, asked)
        seconds = monotonic() - started
        self._predict(job, network, trainer.lesson.view)
        timing = {
            "seconds": f"{seconds:.3f}",
            "images_per_second": f"{self.images_of(job) / seconds:.1f}",
            "peak_memory_mb": f"{peak_memory_mb(self.device):.0f}",
        }
        if self.ranks.first:
            self.folder.finish(job, network, trainer.history, timing)

    def _trainer(self, network: nn.Module, lesson: Lesson, asked: Asked | None) -> Trainer:
        return Trainer(
            network,
            lesson,
            self.device,
            asked and asked.network,
            cache=asked and asked.cache,
            ranks=self.ranks,
            workers=self.habits.reading_workers(),
            compiles=self.compiles,
            warn=self.habits.warn,
        )

    def _predict(self, job: Job, network: Network, view: View) -> None:
        for split in (self.splits.calib, self.splits.test):
            predictions = collect(
                network,
                split.images,
                split.labels,
                view.centre,
                split=split.name,
                model=job.model,
                index_hash=split.index_hash,
                device=self.device,
                batch_size=256,
                ranks=self.ranks,
            )
            if self.ranks.first:
                self.folder.save_predictions(predictions)

    def _between_steps(self, job: Job, started: float) -> Callable[[Trainer], None]:
        """Show progress; save the state now and then, and when asked to stop."""
        saved = monotonic()

        def after_step(trainer: Trainer) -> None:
            nonlocal saved
            self.progress.advance(self.settings.batch_size)
            if not self.ranks.alone and trainer.step % CHECK_EVERY:
                return
            due = monotonic() - saved >= self.habits.save_every_seconds
            if not self.ranks.any(due or self.habits.stop()):
                return
            stopping = self.ranks.any(self.habits.stop())
            state = trainer.state()
            if self.ranks.first:
                self.folder.save_state(job, state, monotonic() - started)
            saved = monotonic()
            if stopping:
                raise Interrupted

        return after_step

    def _completes(self, trainer: Trainer, job: Job, started: float) -> bool:
        """Train to the end; False if a batch does not fit into the memory."""
        try:
            trainer.run(self._between_steps(job, started))
        except RuntimeError as error:
            if "DataLoader worker" in str(error):
                raise CourseError(
                    "a process that reads images was ended, perhaps for want of memory in /dev/shm: go on with "
                    "--resume and fewer --workers; 0 reads in this process"
                ) from error
            if not _no_memory(error):
                raise
            return False
        return True

    def _too_large(self, lesson: Lesson, network: nn.Module, asked: Asked | None) -> CourseError:
        """What to tell a user whose batch does not fit: one that does, found by trying."""
        size, block = lesson.plan.batch_size, lesson.plan.mixing_block

        def fits(batch_size: int) -> bool:
            gc.collect()
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            plan = replace(lesson.plan, batch_size=batch_size, mixing_block=min(block, batch_size))
            try:
                smaller = replace(lesson, plan=plan)
                with closing(
                    self._trainer(copy.deepcopy(network), smaller, asked and replace(asked, cache=None))
                ) as tried:
                    tried.take_step()
            except RuntimeError as error:
                if not _no_memory(error):
                    raise
                return False
            return True

        fitting = largest_fitting(size, fits) if self.ranks.alone else None
        where = "GPU memory" if self.device.type == "cuda" else "memory"
        advice = f"{fitting} fits: choose --batch-size {fitting}" if fitting else "choose a smaller --batch-size"
        advice += ", and a learning rate smaller by the same factor"
        return CourseError(f"{lesson.model}: a batch of {size} does not fit into the {where}; {advice}")


def _no_memory(error: RuntimeError) -> bool:
    return any(words in str(error) for words in NO_MEMORY)


def largest_fitting(size: int, fits: Callable[[int], bool]) -> int | None:
    """The largest half, quarter, eighth ... of a batch size that fits; None if not even 2 images do.

    Example:
        >>> largest_fitting(512, lambda images: images < 100)
        64
    """
    while (size := size // 2) >= 2:
        if fits(size):
            return size
    return None
