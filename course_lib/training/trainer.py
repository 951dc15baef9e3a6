"""trainer: a network on its way through a lesson.

A step is pure work of the device: which images it is about, and the learning rate on a GPU, stand in tensors there. So
nothing waits for a result between two steps, and a GPU can replay a step as one graph.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from course_lib.augment import DevicePlan
from course_lib.epoch_plan import draw_epoch
from course_lib.mixup import Mix, cut_and_paste
from course_lib.predictions import accuracy, collect, negative_log_likelihood
from course_lib.ranks import ALONE, Ranks
from course_lib.teacher_cache import TeacherCache
from course_lib.training.answers import Answers
from course_lib.training.feed import Feed
from course_lib.training.graph import Replayed
from course_lib.training.lesson import Batch, Lesson
from course_lib.training.settings import TrainingSettings

LAYOUT = torch.channels_last  # of images and weights: convolutions are half again as fast, on processors too
Teacher = TypeVar("Teacher", bound=nn.Module)


def frozen(teacher: Teacher) -> Teacher:
    """Put a teacher into evaluation mode, take its gradients away, and lay it out as training does."""
    return teacher.eval().requires_grad_(False).to(memory_format=LAYOUT)


class Trainer:
    """A network on its way through a lesson.

    Attributes:
        network: The network that learns.
        step: Steps done; ``lesson.total_steps`` at the end.
        history: One record per epoch done, ready for ``metrics.jsonl``.
    """

    def __init__(
        self,
        network: nn.Module,
        lesson: Lesson,
        device: torch.device,
        teacher: nn.Module | None = None,
        *,
        cache: TeacherCache | None = None,
        ranks: Ranks = ALONE,
        workers: int = 0,
        compiles: bool = False,
        graphs: bool | None = None,
        warn: Callable[[str], None] = lambda line: None,
    ):
        """Stand at the beginning of a lesson.

        Args:
            network: Moved to the device.
            lesson: What it is taught.
            device: Where it learns.
            teacher: On the device already, frozen.
            cache: Where the teacher's answers are kept.
            ranks: This process among those that train together.
            workers: Processes that read images from the disk.
            compiles: Whether the network's code is compiled.
            graphs: Whether steps are replayed as CUDA graphs; by default on a GPU, alone, with all images in memory.
            warn: Told, in one line, what the user should know.

        Raises:
            ValueError: If the teacher is in training mode.
        """
        if teacher is not None and teacher.training:
            raise ValueError("the teacher is in training mode: pass frozen(teacher)")
        on_gpu = device.type == "cuda"
        self.network = network.to(device).to(memory_format=LAYOUT)
        self.lesson = lesson
        self.device = device
        self.teacher = teacher
        self.ranks = ranks
        self.step = 0
        self.history: list[dict[str, Any]] = []
        learner = network if ranks.alone else DistributedDataParallel(network, device_ids=[device] if on_gpu else None)
        self._learner: Callable[[Tensor], Tensor] = torch.compile(learner) if compiles else learner
        self._optimizer = _optimizer(network, lesson.settings, device)
        self._feed = Feed(lesson, device, ranks, workers)
        self._labels = lesson.train.labels.to(device)
        self._one_hot = torch.eye(lesson.num_classes, device=device)
        asked = {"mixed": lesson.supervision.hears_mixed, "clean": lesson.supervision.hears_clean}
        self._answers = {
            view: Answers(partial(_ask, teacher, device.type), lesson, cache, ranks, device, clean=view == "clean")
            for view, hears in asked.items()
            if hears and teacher is not None
        }
        self._share = ranks.share(lesson.plan.batch_size)
        self._rows = torch.arange(self._share.start, self._share.stop, device=device)
        self._start = torch.zeros((), dtype=torch.int64, device=device)  # position of the step's first image
        self._plan: tuple[int, DevicePlan] | None = None
        self._sums: dict[str, Tensor] = {}
        if graphs is None:
            graphs = on_gpu and ranks.alone and self._feed.resident
        self._replayed = Replayed(warn) if graphs else None

    def run(self, after_step: Callable[["Trainer"], None] = lambda trainer: None) -> None:
        """Train to the end; ``after_step`` is called between steps and may save, show or raise."""
        self.network.train()
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []), closing(self._feed):
            while self.step < self.lesson.total_steps:
                self.take_step()
                if self.step % self.lesson.steps_per_epoch == 0:
                    self._close_epoch()
                after_step(self)

    def take_step(self) -> None:
        """One step, whole: its images, the teacher's answers, the gradient, the new weights.

        Seeds torch's generator, from which dropout draws, so that a resumed run draws the same; ``run`` puts the
        generator back afterwards.
        """
        words = [self.lesson.seed, self.step] + ([] if self.ranks.alone else [self.ranks.rank])
        seed = int(np.random.SeedSequence(words).generate_state(1)[0])
        torch.default_generator.manual_seed(seed)  # torch.manual_seed also looks for devices, which takes its time
        if self.device.type == "cuda":
            torch.cuda.default_generators[torch.cuda.current_device()].manual_seed(seed)
        self._place()
        if self._replayed is None:
            self._learn()
        else:
            self._replayed(self._learn, tuple(answers.found for answers in self._answers.values()))
        self.step += 1

    @property
    def replays(self) -> int:
        """How many of the steps were replayed as a CUDA graph."""
        return 0 if self._replayed is None else self._replayed.replays

    def close(self) -> None:
        """End the processes that read images, if any are at work."""
        self._feed.close()

    def batch(self) -> Batch:
        """Images and targets of this step, mixed where the lesson mixes; this process's share of them."""
        self._place()
        return self._batch()

    def learn_from(self, batch: Batch, mixed_logits: Tensor | None, clean_logits: Tensor | None = None) -> None:
        """Follow the gradient of the supervision.

        Args:
            batch: What the student is shown.
            mixed_logits: (N, K) float32, the teacher's on the same images, where it is heard about them.
            clean_logits: (N, K) float32, the teacher's on the images before they were mixed, where it is heard.
        """
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            student_logits = self._learner(batch.images).float()
        parts = self.lesson.supervision(
            student_logits, mixed_logits, batch.targets, clean_logits=clean_logits, mix=batch.mix
        )
        self._optimizer.zero_grad(set_to_none=True)
        cast(Tensor, sum(parts.values())).backward()
        self._optimizer.step()
        for name, loss in parts.items():  # on the device: reading a loss here would make every step wait for it
            if name not in self._sums:
                self._sums[name] = torch.zeros((), dtype=torch.float64, device=self.device)
            self._sums[name] += loss.detach()

    def _place(self) -> None:
        """Tell the device where in the epoch this step stands."""
        epoch, number = divmod(self.step, self.lesson.steps_per_epoch)
        if self._plan is None or self._plan[0] != epoch:
            plan = draw_epoch(self.lesson.plan, self.lesson.seed, epoch, len(self.lesson.train.labels))
            self._plan = epoch, DevicePlan.of(plan, self.device, instead_of=self._plan and self._plan[1])
            for answers in self._answers.values():
                answers.begin(plan, whole=number == 0)
        self._start.fill_(number * self.lesson.plan.batch_size)
        rate = self.lesson.settings.rate_at(self.step, self.lesson.total_steps)
        for group in self._optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def _learn(self) -> None:
        """The work of a step."""
        batch = self._batch()
        rows = self._start // self.ranks.size + self._rows - self._share.start
        shown = {"mixed": batch.images, "clean": batch.clean}
        said = {view: answers.to(shown[view], rows) for view, answers in self._answers.items()}
        self.learn_from(batch, said.get("mixed"), said.get("clean"))

    def _batch(self) -> Batch:
        lesson = self.lesson
        plan = cast(tuple[int, DevicePlan], self._plan)[1].at(self._start + self._rows)
        stored = self._feed.pixels(self.step, plan.order)
        clean = lesson.view.train(stored, plan).contiguous(memory_format=LAYOUT)
        targets = self._one_hot.index_select(0, self._labels.index_select(0, plan.order))
        if not lesson.mixes:
            return Batch(clean, targets, clean, mix=None)
        mix = Mix(plan.lam, plan.partner - self._start - self._share.start)
        if not lesson.cutmix:
            return Batch(mix(clean), mix(targets), clean, mix)
        images, kept = cut_and_paste(clean, mix.lam, mix.partner, plan.cut_y, plan.cut_x)
        mix = Mix(kept, mix.partner)
        return Batch(images, mix(targets), clean, mix)

    def _close_epoch(self) -> None:
        """Look at the calib images, note the losses, keep the teacher's answers."""
        self.ranks.copy_from_first(self.network.buffers())
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
            ranks=self.ranks,
        ).logits
        for answers in self._answers.values():
            answers.end()
        train = {name: float(total) / self.lesson.steps_per_epoch for name, total in self._totals().items()}
        self.history.append(
            {
                "epoch": self.step // self.lesson.steps_per_epoch,
                "learning_rate": self.lesson.settings.rate_at(self.step - 1, self.lesson.total_steps),
                "train": train | {"loss": sum(train.values())},
                "calib_accuracy": accuracy(logits, calib.labels.cpu()),
                "calib_nll": negative_log_likelihood(logits, calib.labels.cpu()),
            }
        )
        for total in self._sums.values():  # where they are: a replayed step goes on adding to them
            total.zero_()

    def _totals(self) -> dict[str, Tensor]:
        """The sums of the epoch's losses so far, over all processes."""
        return {name: self.ranks.mean(total) for name, total in self._sums.items()}

    def state(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Everything that the rest of the training depends on, as tensors and words for one safetensors file.

        All processes that train together must ask for it at the same step.
        """
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            for average, value in self._optimizer.state[parameter].items():
                if value is not None:
                    tensors[f"optimizer.{average}.{name}"] = value
        tensors |= {f"sum.{name}": total for name, total in self._totals().items()}
        return tensors, {"step": str(self.step), "history": json.dumps(self.history)}

    def restore(self, tensors: Mapping[str, Tensor], words: Mapping[str, str]) -> None:
        """Take up a state that ``state`` gave; training then ends with the bits that it would have had."""
        self.step = int(words["step"])
        self.history = json.loads(words["history"])
        self.network.load_state_dict(_under("network.", tensors))
        self._sums = {name: total.to(self.device, copy=True) for name, total in _under("sum.", tensors).items()}
        parameters = dict(self.network.named_parameters())
        for key, value in _under("optimizer.", tensors).items():
            average, _, name = key.partition(".")
            mine = value.to(self.device, copy=True)
            mine = mine.to(memory_format=LAYOUT) if mine.ndim == 4 else mine
            self._optimizer.state[parameters[name]][average] = mine


def _ask(teacher: nn.Module, device_type: str, images: Tensor) -> Tensor:
    """The teacher's logits."""
    with torch.autocast(device_type, torch.bfloat16, enabled=device_type == "cuda"):
        return teacher(images).float()


def _optimizer(network: nn.Module, settings: TrainingSettings, device: torch.device) -> torch.optim.Optimizer:
    """The optimizer of a lesson; on a GPU its learning rate is a tensor there, which a replayed step reads."""
    on_gpu = device.type == "cuda"
    rate = torch.tensor(settings.learning_rate, device=device) if on_gpu else settings.learning_rate
    weights = network.parameters()
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(weights, lr=rate, weight_decay=settings.weight_decay, fused=True, capturable=on_gpu)
    return torch.optim.SGD(
        weights,
        lr=rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        nesterov=settings.nesterov and settings.momentum > 0,
        fused=True,
    )


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
