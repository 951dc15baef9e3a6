"""experiment: arms x temperatures x seeds, from settings to a run folder.

The teacher is trained first, then every student, each on the same epoch plans as the other students of its seed. A
finished model is the file ``models/<model>.safetensors``; it is written last, so whatever a kill interrupts is done
again or continued from ``state/``, and ends with the same bits. All tables are rebuilt from finished models.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import torch
from rich.console import Console

from course_lib import data
from course_lib.augment import View
from course_lib.errors import CourseError
from course_lib.experiment.folder import RunFolder, advising
from course_lib.experiment.jobs import Job, channel_moments, jobs_of, network_of
from course_lib.experiment.progress import Progress
from course_lib.experiment.record import SUMMARY_COLUMNS, config_of, peak_memory_mb, summary_rows
from course_lib.files import csv_text, write_atomically
from course_lib.models import Network
from course_lib.predictions import collect
from course_lib.recipes import RunSettings
from course_lib.training import Lesson, Trainer, frozen

FEW_CALIB_IMAGES = 100


class Interrupted(Exception):
    """The run was asked to stop; its state is saved."""


@dataclass(frozen=True)
class Habits:
    """How a run behaves towards the person who waits for it; nothing here changes a result.

    Attributes:
        console: Where progress is shown.
        save_every_seconds: How much work a kill may cost.
        stop: Asked after each step; once true, the state is saved and ``Interrupted`` is raised.
    """

    console: Console
    save_every_seconds: float = 20.0
    stop: Callable[[], bool] = lambda: False


def pick_device(name: str) -> torch.device:
    """The device called ``auto``, ``cpu`` or ``cuda``.

    Raises:
        CourseError: If there is no such device on this machine.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise CourseError(f"unknown device {name!r}: choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise CourseError("no GPU that torch can use on this machine: see `course doctor`, or choose --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def run(
    settings: RunSettings,
    destination: Path,
    *,
    device: str = "auto",
    resume: bool = False,
    download: bool = False,
    command: str = "",
    habits: Habits | None = None,
) -> None:
    """Run an experiment, or go on with it, until its folder holds every model and table.

    Args:
        settings: What is run.
        destination: The run folder; it must not hold a run yet unless ``resume``.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: Go on with the run that ``destination`` holds; its settings must be these.
        download: Whether a named data set may be fetched.
        command: What the user typed, for the record.
        habits: How progress is shown and kept; by default nothing is shown.

    Raises:
        CourseError: If something is wrong with settings, data or folder.
        Interrupted: If the run was asked to stop.
    """
    habits = habits or Habits(Console(quiet=True))
    torch_device = pick_device(device)
    with Progress(habits.console) as progress:
        splits = data.load(
            settings.data,
            limit=settings.limit,
            image_size=settings.image_size,
            skip_unreadable=settings.skip_unreadable,
            download=download,
            on_progress=progress.reading,
        )
        settings.plan(shift=0, flip=False).steps(len(splits.train))  # refuses a batch that is too large
        _warn_about(splits, habits.console)
        moments = channel_moments(splits.train)
        roles = {"student": settings.student} | ({"teacher": settings.teacher} if settings.needs_teacher else {})
        networks = {role: network_of(name, splits, *moments, seed=0) for role, name in roles.items()}
        for name, network in zip(roles.values(), networks.values(), strict=True):
            _try_out(network, name, splits)
        jobs = jobs_of(settings, teacher_trains="teacher" in networks and networks["teacher"].weights != "outside")
        config = config_of(settings, splits, networks, torch_device, command)
        folder = RunFolder.open(destination, config, resume=resume, console=habits.console)
        work = _Work(settings, splits.to(torch_device), torch_device, folder, progress, habits)
        progress.begin(sum(work.images_of(job) for job in jobs))
        teacher = None
        for job in jobs:
            progress.model(job.label)
            name = roles["teacher" if job.arm == "teacher" else "student"]
            network = network_of(name, splits, *moments, seed=job.seed).to(torch_device)
            if folder.is_finished(job.model):
                folder.fill(network, job.model)
                progress.advance(work.images_of(job))
            else:
                work.train(job, network, teacher)
                folder.write_metrics(jobs)
            teacher = frozen(network) if job.arm == "teacher" else teacher
        own_teacher = "teacher" in networks and networks["teacher"].weights == "random"
        rows = summary_rows(folder, jobs, scale_teacher=own_teacher or settings.teacher_unseen)
        folder.write_metrics(jobs)
        write_atomically(destination / "summary.csv", csv_text(SUMMARY_COLUMNS, rows))


@dataclass(frozen=True)
class _Work:
    """What every job of a run shares."""

    settings: RunSettings
    splits: data.Splits
    device: torch.device
    folder: RunFolder
    progress: Progress
    habits: Habits

    def images_of(self, job: Job) -> int:
        """Training images that pass through a job's network."""
        steps = self.lesson(job).total_steps if job.trains else 0
        return steps * self.settings.batch_size

    def lesson(self, job: Job) -> Lesson:
        """What a job's network is taught."""
        view = View.of(tuple(self.splits.train.images.shape))
        return Lesson(
            model=job.label,
            train=self.splits.train,
            calib=self.splits.calib,
            view=view,
            plan=job.way.plan(self.settings.plan(view.shift, view.flip)),
            settings=self.settings.training(teacher=job.arm == "teacher"),
            supervision=job.way.supervision(job.temperature, self.settings.label_weight),
            mixes=job.way.mixes,
            cutmix=job.way.cutmix,
            seed=job.seed,
            num_classes=len(self.splits.class_names),
        )

    def train(self, job: Job, network: Network, teacher: Network | None) -> None:
        """Train one network to the end, or take it as it came, and write all that is kept of it."""
        trainer = Trainer(network, self.lesson(job), self.device, teacher if job.way.distils else None)
        started = monotonic()
        if state := self.folder.state_of(job.model):
            with advising(self.folder.state_path(job.model)):
                trainer.restore(*state)
            started -= float(state[1]["seconds"])
            self.progress.advance(trainer.step * self.settings.batch_size)
        if job.trains:
            trainer.run(self._between_steps(job, started))
        seconds = monotonic() - started
        for split in (self.splits.calib, self.splits.test):
            self.folder.save_predictions(
                collect(
                    network,
                    split.images,
                    split.labels,
                    trainer.lesson.view.centre,
                    split=split.name,
                    model=job.model,
                    index_hash=split.index_hash,
                    device=self.device,
                    batch_size=256,
                )
            )
        timing = {
            "seconds": f"{seconds:.3f}",
            "images_per_second": f"{self.images_of(job) / seconds:.1f}",
            "peak_memory_mb": f"{peak_memory_mb(self.device):.0f}",
        }
        self.folder.finish(job, network, trainer.history, timing)

    def _between_steps(self, job: Job, started: float) -> Callable[[Trainer], None]:
        """Show progress; save the state now and then, and when asked to stop."""
        saved = monotonic()

        def after_step(trainer: Trainer) -> None:
            nonlocal saved
            self.progress.advance(self.settings.batch_size)
            stopping = self.habits.stop()
            if stopping or monotonic() - saved >= self.habits.save_every_seconds:
                self.folder.save_state(job, trainer.state(), monotonic() - started)
                saved = monotonic()
            if stopping:
                raise Interrupted

        return after_step


def _try_out(network: Network, name: str, splits: data.Splits) -> None:
    """Show a network two images before any work is done; some take only images of one size."""
    stored = splits.calib.images[:2]
    try:
        with torch.inference_mode():
            network.eval()(View.of(tuple(splits.calib.images.shape)).centre(stored))
    except (AssertionError, RuntimeError, ValueError) as error:
        shape = "x".join(map(str, stored.shape[1:]))
        reason = str(error).strip().splitlines()[0]
        raise CourseError(f"{name} cannot take images of {shape}: {reason} (folders: try --image-size)") from error


def _warn_about(splits: data.Splits, console: Console) -> None:
    """Say what the reader of the results must know about the data."""
    if len(splits.calib.labels) < FEW_CALIB_IMAGES:
        few = f"only {len(splits.calib.labels)} calib images: fitted temperatures will vary by chance"
        console.print(f"warning: {few} ({FEW_CALIB_IMAGES} or more are advised)", style="yellow", highlight=False)
    for note in splits.notes:
        console.print(f"note: {note}", markup=False, highlight=False)
    if splits.skipped:
        console.print(f"warning: {len(splits.skipped)} unreadable images are left out:", style="yellow")
        for path in splits.skipped:
            console.print(f"  {path}", markup=False, highlight=False)
