"""record: everything that one benchmark found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from course_lib.bench.bound import Bound, bound_of
from course_lib.bench.machine import Ceiling
from course_lib.bench.step import StepTimes
from course_lib.recipes import RunSettings

VERSION = 1
STEADY = 0.25  # quartiles of a step on a machine that does nothing else differ by less, as a part of its median
SLACK = 1.05  # of a ceiling; beyond, it was measured while the machine was busy


@dataclass(frozen=True)
class Bench:
    """Steps and ceilings of one machine, taken in the same minutes.

    Attributes:
        settings: What was trained: networks, data, arms, batch size, the first temperature.
        shape: (C, H, W) of the stored images.
        num_classes: K.
        machine: Its description; see ``machine_of``.
        ceilings: ``compute``, ``bandwidth``, ``launch``, ``decode``; None where training needs none of it.
        arms: Times of a step, by arm.
    """

    settings: RunSettings
    shape: tuple[int, int, int]
    num_classes: int
    machine: Mapping[str, Any]
    ceilings: Mapping[str, Ceiling | None]
    arms: Mapping[str, StepTimes]

    def images_per_second(self, arm: str) -> float:
        """How many images pass through a whole step per second, by its median time."""
        return self.settings.batch_size / self.arms[arm].whole.median

    def bound(self, arm: str) -> Bound:
        """What this machine would allow of an arm's whole step."""
        rates = {name: ceiling and ceiling.rate for name, ceiling in self.ceilings.items()}
        times = self.arms[arm]
        return bound_of(times.work, self.settings.batch_size, times.whole.median, rates)

    @property
    def not_measured(self) -> tuple[str, ...]:
        """What this benchmark says nothing about, and why, in sentences."""
        gaps = []
        if self.machine["gpu_memory_gb"] is None:
            gaps.append("GPU: not measured; this is a processor's step, whose shares do not hold for a GPU.")
        if self.ceilings["decode"] is None:
            gaps.append("decode: not measured; these images are in memory.")
        return tuple(gaps)

    @property
    def unsteady(self) -> tuple[str, ...]:
        """Signs that the machine did other work meanwhile, in sentences; then nothing here is worth much."""
        shaky = [arm for arm, times in self.arms.items() if times.whole.unsteadiness > STEADY]
        beyond = [arm for arm in self.arms if self.bound(arm).achieved > SLACK]
        signs = {"vary by more than a quarter": shaky, "are faster than a measured ceiling allows": beyond}
        again = "the machine was busy, so measure again when nothing else runs"
        return tuple(f"Steps of {', '.join(arms)} {sign}: {again}." for sign, arms in signs.items() if arms)

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values, for ``course bench --json``."""
        settings = self.settings
        return {
            "version": VERSION,
            "machine": dict(self.machine),
            "settings": {
                "teacher": settings.teacher if settings.needs_teacher else None,
                "student": settings.student,
                "data": settings.data,
                "shape": list(self.shape),
                "num_classes": self.num_classes,
                "batch_size": settings.batch_size,
                "temperature": settings.temperatures[0],
            },
            "ceilings": {name: ceiling and ceiling.as_json() for name, ceiling in self.ceilings.items()},
            "arms": {
                arm: {"images_per_second": self.images_per_second(arm)}
                | times.as_json()
                | {"bound": self.bound(arm).as_json()}
                for arm, times in self.arms.items()
            },
            "unsteady": list(self.unsteady),
            "not_measured": list(self.not_measured),
        }
