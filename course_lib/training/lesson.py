"""lesson: what one network is taught, and what one step of that is about."""

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.augment import View
from course_lib.data import Split
from course_lib.epoch_plan import PlanSettings
from course_lib.losses import Supervision
from course_lib.mixup import Mix
from course_lib.training.settings import TrainingSettings


@dataclass(frozen=True)
class Lesson:
    """What one network is taught, and on what.

    Attributes:
        model: The network's name, for messages.
        train: Fits the weights; on the training device where it fits in memory.
        calib: Looked at once an epoch for the learning curve; nothing is chosen by it.
        view: How images are cropped.
        plan: What shapes the epochs.
        settings: How the weights move.
        supervision: What is learned from.
        mixes: Whether images and targets are mixed.
        cutmix: Whether images are then pasted into each other, instead of blended.
        seed: Seeds the plan.
        num_classes: K.
        teacher_dtype: What the teacher's logits are rounded to before the student hears them. float16 halves their
            room in a cache; logits of a usual size that come in bfloat16 lose nothing by it.
    """

    model: str
    train: Split
    calib: Split
    view: View
    plan: PlanSettings
    settings: TrainingSettings
    supervision: Supervision
    mixes: bool
    seed: int
    num_classes: int
    cutmix: bool = False
    teacher_dtype: torch.dtype = torch.float32

    @property
    def steps_per_epoch(self) -> int:
        """Steps in an epoch: whole batches only."""
        return self.plan.steps(len(self.train.labels))

    @property
    def total_steps(self) -> int:
        """Steps until the network is done."""
        return self.settings.epochs * self.steps_per_epoch

    @property
    def mixing(self) -> str:
        """How images are mixed: ``none``, ``mixup`` or ``cutmix``."""
        return ("cutmix" if self.cutmix else "mixup") if self.mixes else "none"


@dataclass(frozen=True)
class Batch:
    """What one step is about.

    Attributes:
        images: (N, C, H, W) float, mixed where the lesson mixes.
        targets: (N, K) float, rows that sum to 1, mixed likewise.
        clean: (N, C, H, W) float, the images before they were mixed.
        mix: How their targets were mixed; None where nothing is.
    """

    images: Tensor
    targets: Tensor
    clean: Tensor
    mix: Mix | None
