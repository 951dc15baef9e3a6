"""settings: how the weights move."""

import math
from dataclasses import dataclass

from course_lib.errors import CourseError, unknown

SCHEDULES = ("cosine", "linear", "steps")
OPTIMIZERS = ("sgd", "adamw")


@dataclass(frozen=True)
class TrainingSettings:
    """An optimizer and its learning rate: a linear warm-up, then a way down.

    Attributes:
        epochs: Passes over the training split.
        learning_rate: At the end of the warm-up; for SGD 0.05 to 0.1 with batches of 32 to 128.
        momentum: In [0, 1); 0.9 nearly everywhere. AdamW has its usual averages, 0.9 and 0.999, instead.
        weight_decay: On every weight; 5e-4 in the CIFAR literature.
        warmup_share: Part of all steps in which the learning rate climbs from 0; 0.05 to 0.1.
        schedule: The way down: ``cosine`` or ``linear`` to zero, or ``steps``, a tenth at each milestone.
        milestones: Of ``steps``, as shares of the epochs, ascending in (0, 1).
        nesterov: Whether the momentum of SGD is Nesterov's.
        optimizer: ``sgd`` or ``adamw``.
    """

    epochs: int
    learning_rate: float
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup_share: float = 0.1
    schedule: str = "cosine"
    milestones: tuple[float, ...] = ()
    nesterov: bool = True
    optimizer: str = "sgd"

    def __post_init__(self) -> None:
        """Refuse names that stand for nothing, and milestones that are never or always passed."""
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)
        if self.optimizer not in OPTIMIZERS:
            raise unknown("optimizer", self.optimizer, OPTIMIZERS)
        in_order = list(self.milestones) == sorted(set(self.milestones))
        if not in_order or not all(0 < milestone < 1 for milestone in self.milestones):
            raise CourseError(f"milestones are ascending shares of the epochs in (0, 1), got {list(self.milestones)}")
        if (self.schedule == "steps") != bool(self.milestones):
            raise CourseError(f"milestones {list(self.milestones)} do not fit the schedule {self.schedule!r}")

    def rate_at(self, step: int, total_steps: int) -> float:
        """The learning rate of one step, counted from 0.

        Example:
            >>> settings = TrainingSettings(epochs=1, learning_rate=0.1, warmup_share=0.1)
            >>> [round(settings.rate_at(step, 100), 4) for step in (0, 9, 55, 99)]
            [0.01, 0.1, 0.05, 0.0]
        """
        warmup_steps = round(self.warmup_share * total_steps)
        if step < warmup_steps:
            return self.learning_rate * (step + 1) / warmup_steps
        if self.schedule == "steps":  # the milestone's own epoch is the first with the lower rate
            return self.learning_rate * 0.1 ** sum(step >= round(share * total_steps) for share in self.milestones)
        done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        way_down = 1 - done if self.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
        return self.learning_rate * way_down
