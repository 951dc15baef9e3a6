"""step: how long a training step takes, and what part of it goes where.

    data share    = 1 - prepared / whole          the batch is there already; see ``ways`` for what is timed
    teacher share = 1 - alone / whole             labels teach, no teacher
    cache saves   = 1 - cached / whole            the teacher's logits are there already

All ways of all arms are timed in turn, so that shares compare times of the same minutes. Only where workers read images
ahead for a GPU, each way is timed by itself: in turns, batches would be ready that nobody waited for.
Data default to noise that is made here: speed does not depend on what is seen.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from course_lib import data
from course_lib.bench.clock import Call, Seconds, interleaved, seconds_per_call
from course_lib.bench.ways import Ways
from course_lib.bench.work import Work, work_of
from course_lib.data import Split, Splits
from course_lib.errors import CourseError
from course_lib.recipes import RunSettings

NOISE = "noise"
ROUNDS = 9


@dataclass(frozen=True)
class StepTimes:
    """One arm's step and its parts.

    Attributes:
        whole: The step.
        prepared: Without making its batch.
        alone: Without a teacher; None where the arm has none.
        cached: With a teacher whose logits are there; likewise.
        work: What the whole step consists of.
    """

    whole: Seconds
    prepared: Seconds
    alone: Seconds | None
    cached: Seconds | None
    work: Work

    @property
    def data_share(self) -> float:
        """Part of the step that goes into its batch, in [0, 1)."""
        return self.whole.saved_by(self.prepared)

    @property
    def teacher_share(self) -> float | None:
        """Part of the step that goes into the teacher, in [0, 1); None where there is none."""
        return None if self.alone is None else self.whole.saved_by(self.alone)

    @property
    def cache_saves(self) -> float | None:
        """Part of the step that kept logits save, in [0, 1); None where there is no teacher."""
        return None if self.cached is None else self.whole.saved_by(self.cached)

    def as_json(self) -> dict[str, Any]:
        """Times, shares and work as plain values; None where an arm has no teacher."""
        seconds = {name: getattr(self, name) for name in ("whole", "prepared", "alone", "cached")}
        times = {f"{name}_seconds": value and value.as_json() for name, value in seconds.items()}
        shares = {name: getattr(self, name) for name in ("data_share", "teacher_share", "cache_saves")}
        return times | shares | {"work": self.work.as_json()}


def noise(n_images: int = 4096, channels: int = 3, side: int = 32, num_classes: int = 100) -> Splits:
    """Random images with random labels, for speed alone.

    Example:
        >>> splits = noise(n_images=64, channels=1, side=8, num_classes=10)
        >>> splits.train.images.shape, len(splits.class_names)
        (torch.Size([64, 1, 8, 8]), 10)
    """
    draws = torch.Generator().manual_seed(0)

    def split(name: str, n: int) -> Split:
        images = torch.randint(0, 256, (n, channels, side, side), dtype=torch.uint8, generator=draws)
        labels = torch.randint(0, num_classes, (n,), generator=draws)
        return Split(name, images, labels, torch.arange(n), fingerprint="0" * 16)

    names = tuple(map(str, range(num_classes)))
    return Splits(split("train", n_images), split("calib", 2), split("test", 2), names, NOISE)


def splits_of(settings: RunSettings) -> Splits:
    """The data that are trained on: noise, or what ``settings.data`` names.

    Raises:
        CourseError: If there are no such data.
    """
    if settings.data == NOISE:
        return noise() if settings.limit is None else noise(settings.limit)
    return data.load(
        settings.data,
        limit=settings.limit,
        image_size=settings.image_size,
        skip_unreadable=settings.skip_unreadable,
    )


def step_times(
    settings: RunSettings,
    splits: Splits,
    device: torch.device,
    *,
    seconds: float = 30.0,
    on_progress: Callable[[str], None] = lambda doing: None,
) -> dict[str, StepTimes]:
    """Time a step of every arm, in its parts.

    Args:
        settings: Networks, arms, batch size, and the temperature, of which the first counts.
        splits: The data, on any device.
        device: Where training runs.
        seconds: About how long this may take; three rounds are made however long they take.
        on_progress: Told what is done next.

    Returns:
        The times, by arm.

    Raises:
        CourseError: If a network cannot take the images, or a step does not fit in memory.
    """
    settings.plan(shift=0, flip=False).steps(len(splits.train))  # refuses a batch that is too large
    shared = Ways(settings, splits.to(device), device, warn=on_progress)
    ways: dict[str, dict[str, Call]] = {}
    works: dict[str, Work] = {}
    for arm in settings.arms:
        on_progress(f"counting the work of {arm}")
        with _advising(settings, arm, splits):
            ways[arm] = shared.of(arm)
            works[arm] = work_of(ways[arm]["whole"])
    on_progress("timing steps")
    calls = {f"{arm} {way}": call for arm, calls in ways.items() for way, call in calls.items()}
    times = _timed(calls, device, seconds, in_turn=shared.workers == 0)
    return {
        arm: StepTimes(
            whole=times[f"{arm} whole"],
            prepared=times[f"{arm} prepared"],
            alone=times.get(f"{arm} alone"),
            cached=times.get(f"{arm} cached"),
            work=works[arm],
        )
        for arm in settings.arms
    }


def _timed(calls: dict[str, Call], device: torch.device, seconds: float, *, in_turn: bool) -> dict[str, Seconds]:
    each = seconds / len(calls) / (ROUNDS + 4)  # the rest is for warm-ups and for calls that do not fit evenly
    if in_turn:
        return interleaved(calls, device, rounds=ROUNDS, at_least_seconds=each, at_most_seconds=seconds)
    return {name: seconds_per_call(call, device, at_least_seconds=each, repeats=ROUNDS) for name, call in calls.items()}


@contextmanager
def _advising(settings: RunSettings, arm: str, splits: Splits) -> Iterator[None]:
    """Say what to change where a step fails: wrong size of images, too little memory."""
    try:
        yield
    except (AssertionError, RuntimeError, ValueError) as error:
        shape = "x".join(map(str, splits.train.images.shape[1:]))
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise CourseError(
            f"{arm}: {settings.teacher} -> {settings.student} cannot take a step of {settings.batch_size} images of "
            f"{shape}: {reason}. Choose other networks or data, or a smaller --batch-size"
        ) from error
