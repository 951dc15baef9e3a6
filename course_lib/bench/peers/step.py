"""step: a whole step of distillation, 0.1 CE + 0.9 KD at T = 4, as each library's users write it.

The same networks, batch and optimizer everywhere: resnet20 teaches resnet8, 128 images of CIFAR-100's shape, SGD. With
their data, the peers take batches from a DataLoader with torchvision's transforms and log the loss of each step, as
their training loops do; on prepared batches, only the step itself is compared.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from course_lib.arms import arm_of
from course_lib.bench.clock import interleaved
from course_lib.bench.peers.loader import BATCH, CPU, CifarLike, noise
from course_lib.bench.peers.record import Comparison, fastest, needed, ratio
from course_lib.data import Split
from course_lib.models import build
from course_lib.models.fold import folded
from course_lib.recipes import find
from course_lib.training import Batch, Lesson, Trainer, frozen

CLASSES, IMAGES = 100, 5_000
Take = Callable[[Tensor, Tensor], None]


def networks() -> tuple[nn.Module, nn.Module]:
    """Teacher and student with their first weights."""
    return build("resnet20", CLASSES, seed=0), build("resnet8", CLASSES, seed=1)


def sgd(student: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of the protocol."""
    return torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)


def compare(*, rounds: int = 7) -> list[Comparison]:
    """Our step against torchdistill's and timm's, with data and without."""
    stored, labels = noise(IMAGES), torch.arange(IMAGES) % CLASSES
    images, targets = stored[:BATCH].float() / 255, labels[:BATCH]
    peers = {"torchdistill": with_torchdistill(), "timm": with_timm()}
    whole = {f"{name} with its data": _fed(take, CifarLike(stored, labels)) for name, take in peers.items()}
    prepared = {name: lambda take=take: take(images, targets) for name, take in peers.items()}
    ours = our_step(stored, labels)
    ours_prepared = our_step(stored, labels, kind=Prepared)
    times = interleaved({"ours": ours, "ours prepared": ours_prepared, **whole, **prepared}, CPU, rounds=rounds)
    note = "ms a step: " + ", ".join(f"{name} {found.median * 1e3:,.0f}" for name, found in times.items())
    best, best_bare = (fastest({name: times[name] for name in group}) for group in (whole, prepared))
    return [
        ratio(f"(c) KD step with its data, against {best}", times["ours"], times[best], 1.2, note),
        ratio(f"(c) KD step on prepared batches, against {best_bare}", times["ours prepared"], times[best_bare]),
    ]


class Prepared(Trainer):
    """Learns from its first batch for ever."""

    _kept: Batch | None = None

    def _batch(self) -> Batch:
        if self._kept is None:
            self._kept = super()._batch()
        return self._kept


def our_step(stored: Tensor, labels: Tensor, kind: type[Trainer] = Trainer) -> Callable[[], None]:
    """A step as `course run` takes it."""
    teacher, student = networks()
    split = Split("train", stored, labels, torch.arange(len(labels)), "noise")
    settings = find("crd")
    view = settings.view(tuple(stored.shape))
    lesson = Lesson(
        model="student",
        train=split,
        calib=split,
        view=view,
        plan=replace(settings, batch_size=BATCH).plan(view.shift, view.flip),
        settings=settings.training(),
        supervision=arm_of("kd").supervision(4.0, 0.1),
        mixes=False,
        seed=0,
        num_classes=CLASSES,
    )
    return kind(student.train(), lesson, CPU, folded(frozen(teacher))).take_step


def with_torchdistill() -> Take:
    """A step with torchdistill's loss, as its training loop takes it."""
    losses = needed("torchdistill.losses.mid_level")
    teacher, student = networks()
    teacher.eval()
    criterion = losses.KDLoss("logits", "output", "logits", "output", temperature=4.0, alpha=0.1)
    optimizer = sgd(student.train())

    def take(images: Tensor, labels: Tensor) -> None:
        with torch.no_grad():
            told = teacher(images)
        said = student(images)
        loss = criterion({"logits": {"output": said}}, {"logits": {"output": told}}, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    return take


def with_timm() -> Take:
    """A step with timm's distillation task."""
    task_of = needed("timm.task").LogitDistillationTask
    teacher, student = networks()
    for network in (teacher, student):  # what timm expects of a network of its own
        vars(network).update(pretrained_cfg={"mean": (0.0,) * 3, "std": (1.0,) * 3}, in_chans=3)
    criterion = nn.CrossEntropyLoss()
    task: Any = task_of(student, teacher, criterion=criterion, task_loss_weight=0.1, temperature=4.0, verbose=False)
    task.train()
    optimizer = sgd(student)

    def take(images: Tensor, labels: Tensor) -> None:
        loss = task(images, labels)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    return take


def _fed(take: Take, dataset: CifarLike) -> Callable[[], None]:
    """A step on the next batch of a loader with one worker: with two cores, the other one trains."""
    loader = DataLoader(dataset, BATCH, shuffle=True, drop_last=True, num_workers=1, persistent_workers=True)

    def endlessly() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from loader

    batches = endlessly()
    return lambda: take(*next(batches))
