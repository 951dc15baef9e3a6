"""training: one loop that trains any network on any supervision, and resumes bit for bit.

A step takes a batch of the epoch plan, crops it, mixes it where the arm mixes, asks the frozen teacher about the very
same images where the arm distils, and follows the gradient of the supervision. The last epoch counts; nothing is chosen
on the way. Everything random comes from the plan or, for dropout, from a seed of the step. So the state between two
steps is the weights, the momentum and a few sums, and a run that continues from it ends with the same bits (on one
machine, build and number of threads).
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.augment import DevicePlan, View
from course_lib.data import Split
from course_lib.epoch_plan import PlanSettings, draw_epoch
from course_lib.losses import Supervision
from course_lib.mixup import Mix, cut_and_paste
from course_lib.predictions import accuracy, collect, negative_log_likelihood

Teacher = TypeVar("Teacher", bound=nn.Module)


@dataclass(frozen=True)
class TrainingSettings:
    """How the weights move: SGD with Nesterov momentum, linear warm-up, then a cosine to zero.

    Attributes:
        epochs: Passes over the training split.
        learning_rate: At the end of the warm-up; 0.05 to 0.1 for batches of 32 to 128.
        momentum: In [0, 1); 0.9 nearly everywhere.
        weight_decay: On every weight; 5e-4 in the CIFAR literature.
        warmup_share: Part of all steps in which the learning rate climbs from 0; 0.05 to 0.1.
    """

    epochs: int
    learning_rate: float
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup_share: float = 0.1

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
        done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        return self.learning_rate * (1 + math.cos(math.pi * done)) / 2


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

    @property
    def steps_per_epoch(self) -> int:
        """Steps in an epoch: whole batches only."""
        return self.plan.steps(len(self.train.labels))

    @property
    def total_steps(self) -> int:
        """Steps until the network is done."""
        return self.settings.epochs * self.steps_per_epoch


def frozen(teacher: Teacher) -> Teacher:
    """Put a teacher into evaluation mode and take its gradients away."""
    return teacher.eval().requires_grad_(False)


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


class Trainer:
    """A network on its way through a lesson.

    Attributes:
        network: The network that learns.
        step: Steps done; ``lesson.total_steps`` at the end.
        history: One record per epoch done, ready for ``metrics.jsonl``.
    """

    def __init__(self, network: nn.Module, lesson: Lesson, device: torch.device, teacher: nn.Module | None = None):
        if teacher is not None and teacher.training:
            raise ValueError("the teacher is in training mode: pass frozen(teacher)")
        self.network = network.to(device)
        self.lesson = lesson
        self.device = device
        self.teacher = teacher
        self.step = 0
        self.history: list[dict[str, Any]] = []
        self._sums: dict[str, Tensor] = {}
        self._plan: tuple[int, DevicePlan] | None = None
        self._optimizer = torch.optim.SGD(
            network.parameters(),
            lr=lesson.settings.learning_rate,
            momentum=lesson.settings.momentum,
            weight_decay=lesson.settings.weight_decay,
            nesterov=lesson.settings.momentum > 0,
            fused=True,
        )

    def run(self, after_step: Callable[["Trainer"], None] = lambda trainer: None) -> None:
        """Train to the end; ``after_step`` is called between steps and may save, show or raise."""
        self.network.train()
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            while self.step < self.lesson.total_steps:
                # Dropout draws from torch's own generator: seeded anew at each step, a resumed run draws the same.
                torch.manual_seed(int(np.random.SeedSequence([self.lesson.seed, self.step]).generate_state(1)[0]))
                self._one_step()
                if self.step % self.lesson.steps_per_epoch == 0:
                    self._close_epoch()
                after_step(self)

    def _one_step(self) -> None:
        settings, supervision = self.lesson.settings, self.lesson.supervision
        batch = self._batch()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            student_logits = self.network(batch.images).float()
            teacher_logits = self._ask(batch.images) if supervision.hears_mixed else None
            clean_logits = self._ask(batch.clean) if supervision.hears_clean else None
        parts = supervision(student_logits, teacher_logits, batch.targets, clean_logits=clean_logits, mix=batch.mix)
        for group in self._optimizer.param_groups:
            group["lr"] = settings.rate_at(self.step, self.lesson.total_steps)
        self._optimizer.zero_grad(set_to_none=True)
        cast(Tensor, sum(parts.values())).backward()
        self._optimizer.step()
        for name, loss in parts.items():  # on the device: reading a loss here would make every step wait for it
            self._sums[name] = self._sums.get(name, 0) + loss.detach().double()
        self.step += 1

    def _ask(self, images: Tensor) -> Tensor | None:
        """The teacher's logits, without gradient."""
        with torch.no_grad():
            return None if self.teacher is None else self.teacher(images).float()

    def _batch(self) -> Batch:
        """Images and targets of this step, mixed where the lesson mixes."""
        epoch, batch = divmod(self.step, self.lesson.steps_per_epoch)
        plan = self._plan_of(epoch)
        start = batch * self.lesson.plan.batch_size
        rows = slice(start, start + self.lesson.plan.batch_size)
        train, order = self.lesson.train, plan.order[rows]
        stored = train.images[order.to(train.labels.device)].to(self.device)
        clean = self.lesson.view.crop(stored, plan.crop_y[rows], plan.crop_x[rows], plan.flip[rows])
        labels = train.labels[order.to(train.labels.device)].to(self.device)
        targets = nn.functional.one_hot(labels, self.lesson.num_classes).float()
        if not self.lesson.mixes:
            return Batch(clean, targets, clean, mix=None)
        mix = Mix(lam=plan.lam[rows], partner=plan.partner[rows] - start)
        if not self.lesson.cutmix:
            return Batch(mix(clean), mix(targets), clean, mix)
        images, kept = cut_and_paste(clean, mix.lam, mix.partner, plan.cut_y[rows], plan.cut_x[rows])
        mix = Mix(kept, mix.partner)
        return Batch(images, mix(targets), clean, mix)

    def _plan_of(self, epoch: int) -> DevicePlan:
        if self._plan is None or self._plan[0] != epoch:
            plan = draw_epoch(self.lesson.plan, self.lesson.seed, epoch, len(self.lesson.train.labels))
            self._plan = epoch, DevicePlan.of(plan, self.device)
        return self._plan[1]

    def _close_epoch(self) -> None:
        calib = self.lesson.calib
        logits = collect(
            self.network,
            calib.images,
            calib.labels,
            self.lesson.view.centre,
            split=calib.name,
            model=self.lesson.model,
            index_hash=calib.index_hash,
            device=self.device,
            batch_size=256,
        ).logits
        train = {name: float(total) / self.lesson.steps_per_epoch for name, total in self._sums.items()}
        self.history.append(
            {
                "epoch": self.step // self.lesson.steps_per_epoch,
                "learning_rate": self.lesson.settings.rate_at(self.step - 1, self.lesson.total_steps),
                "train": train | {"loss": sum(train.values())},
                "calib_accuracy": accuracy(logits, calib.labels.cpu()),
                "calib_nll": negative_log_likelihood(logits, calib.labels.cpu()),
            }
        )
        self._sums = {}

    def state(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Everything that the rest of the training depends on, as tensors and words for one safetensors file."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            momentum = self._optimizer.state[parameter].get("momentum_buffer")
            if momentum is not None:
                tensors[f"momentum.{name}"] = momentum
        tensors |= {f"sum.{name}": total for name, total in self._sums.items()}
        return tensors, {"step": str(self.step), "history": json.dumps(self.history)}

    def restore(self, tensors: Mapping[str, Tensor], words: Mapping[str, str]) -> None:
        """Take up a state that ``state`` gave; training then ends with the bits that it would have had."""
        self.step = int(words["step"])
        self.history = json.loads(words["history"])
        self.network.load_state_dict(_under("network.", tensors))
        self._sums = {name: total.to(self.device) for name, total in _under("sum.", tensors).items()}
        momentum = _under("momentum.", tensors)
        for name, parameter in self.network.named_parameters():
            if name in momentum:
                self._optimizer.state[parameter]["momentum_buffer"] = momentum[name].to(self.device)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
