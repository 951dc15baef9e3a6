"""experiment: arms x temperatures x seeds, from settings to a run folder.

The teacher is trained first, then every student, each on the same epoch plans as the other students of its seed. A
finished model is the file ``models/<model>.safetensors``; it is written last, so whatever a kill interrupts is done
again or continued from ``state/``, and ends with the same bits. All tables are rebuilt from finished models.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from course_lib import data, ranks
from course_lib.arms import arm_of
from course_lib.decode import EncodedImages
from course_lib.errors import CourseError
from course_lib.experiment import answers
from course_lib.experiment.folder import RunFolder
from course_lib.experiment.habits import Habits, Interrupted, can_compile, pick_device
from course_lib.experiment.jobs import Job, channel_moments, jobs_of, network_of
from course_lib.experiment.progress import Progress
from course_lib.experiment.record import SUMMARY_COLUMNS, config_of, summary_rows
from course_lib.experiment.work import Asked, Work
from course_lib.files import csv_text, write_atomically
from course_lib.models import Network
from course_lib.models.fold import folded
from course_lib.ranks import Ranks
from course_lib.recipes import RunSettings
from course_lib.training import Lesson, frozen

__all__ = ["Habits", "Interrupted", "pick_device", "run"]

FEW_CALIB_IMAGES = 100


def run(
    settings: RunSettings,
    destination: Path,
    *,
    device: str = "auto",
    compiles: bool = False,
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
        compiles: Whether teacher and students are compiled, where a compiler is installed; changes the last bits.
        resume: Go on with the run that ``destination`` holds; its settings must be these.
        download: Whether a named data set may be fetched.
        command: What the user typed, for the record.
        habits: How progress is shown and kept; by default nothing is shown.

    Raises:
        CourseError: If something is wrong with settings, data or folder.
        Interrupted: If the run was asked to stop.
    """
    habits = habits or Habits(Console(quiet=True))
    if not ranks.is_first():
        habits = replace(habits, console=Console(quiet=True))
    torch_device = pick_device(device)
    with ranks.joined(torch_device) as together, Progress(habits.console) as progress:
        splits = data.load(
            settings.data,
            limit=settings.limit,
            image_size=settings.image_size,
            skip_unreadable=settings.skip_unreadable,
            download=download,
            on_progress=progress.reading,
        )
        _check_training(settings, splits, together)
        if settings.decode == "gpu":
            splits = _decoded_on_gpu(splits, torch_device, habits)
        _warn_about(splits, habits.console)
        moments = channel_moments(splits.train if len(splits.train) else splits.calib)
        roles = {"student": settings.student} | ({"teacher": settings.teacher} if settings.needs_teacher else {})
        networks = {role: network_of(name, splits, *moments, seed=0) for role, name in roles.items()}
        for name, network in zip(roles.values(), networks.values(), strict=True):
            _try_out(network, name, splits, settings)
        _check_weights(settings, networks)
        jobs = jobs_of(settings, teacher_trains="teacher" in networks and networks["teacher"].weights != "outside")
        compiles = compiles and can_compile(torch_device, habits.warn)
        means = {"compiled": compiles, "processes": together.size}
        config = config_of(settings, splits, networks, torch_device, command, means)
        folder = _open(destination, config, resume, habits, together)
        on_device = splits.to(torch_device)
        work = Work(settings, on_device, torch_device, folder, progress, habits, together, compiles)
        progress.begin(sum(work.images_of(job) for job in jobs))

        def lessons() -> Iterator[tuple[Job, Lesson]]:
            return ((job, work.lesson(job)) for job in jobs if not folder.is_finished(job.model))

        with answers.kept(habits, destination, lessons) as kept_in:
            teacher = None
            for job in jobs:
                progress.model(job.label)
                name = roles["teacher" if job.arm == "teacher" else "student"]
                network = network_of(name, splits, *moments, seed=job.seed).to(torch_device)
                together.wait()  # until rank 0 has written what it had to
                if folder.is_finished(job.model):
                    folder.fill(network, job.model)
                    progress.advance(work.images_of(job))
                else:
                    work.train(job, network, teacher)
                    if together.first:
                        folder.write_metrics(jobs)
                if job.arm == "teacher":
                    teacher = _ready(network, on_device, torch_device, kept_in, habits, compiles=compiles)
        if not together.first:
            return
        own_teacher = "teacher" in networks and networks["teacher"].weights == "random"
        rows = summary_rows(folder, jobs, scale_teacher=own_teacher or settings.teacher_unseen)
        folder.write_metrics(jobs)
        write_atomically(destination / "summary.csv", csv_text(SUMMARY_COLUMNS, rows))


def _open(destination: Path, config: dict, resume: bool, habits: Habits, together: Ranks) -> RunFolder:
    """The run folder: rank 0 begins it or takes it up, the others then find it."""
    if together.first:
        folder = RunFolder.open(destination, config, resume=resume, console=habits.console)
        together.wait()
        return folder
    together.wait()
    return RunFolder(destination)


def _ready(
    network: Network, splits: data.Splits, device: torch.device, kept_in: Path | None, habits: Habits, *, compiles: bool
) -> Asked:
    """A trained teacher as it is asked: frozen, folded, laid out and perhaps compiled for its device."""
    teacher = folded(frozen(network))
    if compiles:
        teacher.compile()
    if kept_in is None:
        return Asked(teacher, None)
    described = answers.describe(network, splits.train.images, device, compiles=compiles)
    return Asked(teacher, answers.cache_of(kept_in, described, habits))


def _check_training(settings: RunSettings, splits: data.Splits, together: Ranks) -> None:
    """Refuse a batch that is larger than the training split, or that the processes cannot share."""
    if not any(arm_of(arm).trains for arm in settings.arms):
        return
    if not len(splits.train):
        raise CourseError(
            f"{splits.source} has no training images: with --arms as_is, networks are measured as they are"
        )
    plan = settings.plan(shift=0, flip=False)
    plan.steps(len(splits.train))
    if plan.batch_size % (plan.mixing_block * together.size):
        raise CourseError(
            f"{together.size} processes cannot share a batch of {plan.batch_size} without splitting a mixing block of "
            f"{plan.mixing_block} images: choose a --batch-size that is a multiple of {32 * together.size}"
        )


def _decoded_on_gpu(splits: data.Splits, device: torch.device, habits: Habits) -> data.Splits:
    """The same splits, with the training images decoded where they are trained on."""
    if device.type != "cuda":
        raise CourseError("--decode gpu needs a GPU to decode on: leave it out, or see `course doctor`")
    if not isinstance(splits.train.images, EncodedImages):
        habits.warn("--decode gpu changes nothing: these images are in memory or packed")
        return splits
    return replace(splits, train=replace(splits.train, images=replace(splits.train.images, on="cuda")))


def _check_weights(settings: RunSettings, networks: Mapping[str, Network]) -> None:
    """A network that is measured as it came must have come with weights."""
    for name, network in networks.items():
        if not all(arm_of(arm).trains for arm in settings.arms) and network.weights != "outside":
            raise CourseError(
                f"as_is measures networks as they came, but the {name} {network.name} has no weights for these "
                f"{network.num_classes} classes: write NAME@DEFAULT or NAME@FILE"
            )


def _try_out(network: Network, name: str, splits: data.Splits, settings: RunSettings) -> None:
    """Show a network two images before any work is done; some take only images of one size."""
    stored = splits.calib.images[:2]
    try:
        with torch.inference_mode():
            network.eval()(settings.view(tuple(splits.calib.images.shape)).centre(stored))
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
