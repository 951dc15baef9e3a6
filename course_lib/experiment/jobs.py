"""jobs: which networks a run trains, and how each comes to be."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.arms import ARMS, Arm, arm_of
from course_lib.data import Split, Splits
from course_lib.models import Network, build
from course_lib.recipes import RunSettings

TEACHER_SEED = 1_000_000  # apart from the students' seeds 0, 1, ...


@dataclass(frozen=True)
class Job:
    """One network of a run.

    Attributes:
        arm: ``teacher`` or an arm.
        seed: Seeds the first weights and the epoch plans.
        temperature: Distillation temperature; None where nothing is distilled.
        trains: False for a teacher that comes with its weights.
        mixed_teacher: Whether this is a teacher that learns from mixed images.
    """

    arm: str
    seed: int
    temperature: float | None = None
    trains: bool = True

    mixed_teacher: bool = False

    @property
    def way(self) -> Arm:
        """How it is trained; a teacher learns from labels alone."""
        return arm_of(self.arm) if self.arm != "teacher" else ARMS["mixup" if self.mixed_teacher else "ce"]

    def settings(self) -> dict[str, float | int | None]:
        """Seed and temperature as the tables show them; the teacher stands apart from the students' seeds."""
        seed = None if self.arm == "teacher" else self.seed
        return {"seed": seed, "distillation_temperature": self.temperature}

    @property
    def model(self) -> str:
        """The name of its files.

        Example:
            >>> Job("mixup_kd", seed=0, temperature=2.0).model
            'mixup_kd-T2-seed0'
        """
        return self.label.replace(" ", "-")

    @property
    def label(self) -> str:
        """The name that a person reads."""
        if self.arm == "teacher":
            return self.arm
        temperature = "" if self.temperature is None else f" T{self.temperature:g}"
        return f"{self.arm}{temperature} seed{self.seed}"


def jobs_of(settings: RunSettings, *, teacher_trains: bool) -> list[Job]:
    """Every network of a run, in the order in which they are trained.

    Example:
        >>> from course_lib.recipes import find
        >>> [job.model for job in jobs_of(find("demo"), teacher_trains=True)][:4]
        ['teacher', 'ce-seed0', 'mixup-seed0', 'kd-T1-seed0']
    """
    seed = TEACHER_SEED + settings.teacher_seed
    teacher = [Job("teacher", seed, None, teacher_trains, settings.teacher_mixes)] if settings.needs_teacher else []
    students = [
        Job(arm, seed, temperature, arm_of(arm).trains)
        for seed in range(settings.seeds)
        for arm in settings.arms
        if seed == 0 or arm_of(arm).trains
        for temperature in (settings.temperatures if arm_of(arm).softens else (None,))
    ]
    return teacher + students


def channel_moments(train: Split) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, over at most about 2,000 training images.

    Returns:
        (C,) and (C,) float32, in units of images in [0, 1].
    """
    some = train.images[:: max(1, len(train.images) // 2000)]
    n = some.numel() // some.shape[1]

    def total(of: Callable[[Tensor], Tensor]) -> Tensor:
        """The sum over all pixels of each channel, a hundred images at a time."""
        parts = (part.transpose(0, 1).flatten(1).double() / 255 for part in some.split(100))
        return torch.stack([of(part).sum(dim=1) for part in parts]).sum(dim=0)

    mean = total(lambda pixels: pixels) / n
    variance = total(lambda pixels: (pixels - mean[:, None]).square()) / (n - 1)
    return mean.float(), variance.sqrt().clamp_min(1e-3).float()


def network_of(name: str, splits: Splits, mean: Tensor, std: Tensor, *, seed: int) -> Network:
    """A network for these images and classes; its first weights are drawn from the seed."""
    channels = splits.train.images.shape[1]
    return build(name, len(splits.class_names), channels, seed=seed, mean=mean.tolist(), std=std.tolist())
