"""loader: CIFAR images, cropped, flipped and batched: ours from memory, torchvision's transforms in a DataLoader."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from course_lib.augment import DevicePlan, View
from course_lib.bench.clock import interleaved
from course_lib.bench.peers.record import Comparison, fastest, ratio
from course_lib.epoch_plan import PlanSettings, draw_epoch

BATCH = 128
CPU = torch.device("cpu")


def noise(n: int, seed: int = 0) -> torch.Tensor:
    """(n, 3, 32, 32) uint8 that stand for CIFAR's images."""
    return torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


class CifarLike(Dataset[tuple[torch.Tensor, int]]):
    """Images as torchvision's CIFAR gives them: a PIL image a time, through the usual transforms."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor):
        from torchvision import transforms

        self.images = images.permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = labels.tolist()
        self.transform: Any = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.images[row])), self.labels[row]


def compare(*, images: int = 10_000, rounds: int = 5) -> list[Comparison]:
    """An epoch of training images, ours against torchvision's."""
    stored, labels = noise(images), torch.arange(images) % 100
    view, settings = View.of(tuple(stored.shape)), PlanSettings(BATCH, shift=8, flip=True)
    epoch = 0

    def ours() -> None:
        nonlocal epoch
        plan = DevicePlan.of(draw_epoch(settings, 0, epoch, images), CPU)
        epoch += 1
        for start in range(0, len(plan.order), BATCH):
            rows = plan.at(torch.arange(start, start + BATCH))
            view.train(stored.index_select(0, rows.order), rows)
            labels.index_select(0, rows.order)

    dataset = CifarLike(stored, labels)
    peers = {f"torchvision, {workers} workers": _epochs(dataset, workers) for workers in (0, 2)}
    times = interleaved({"ours": ours, **peers}, CPU, rounds=rounds)
    best = fastest({name: times[name] for name in peers})
    rates = ", ".join(f"{name} {images / found.median:,.0f}" for name, found in times.items())
    what = f"(a) loader: crop, flip and batch an epoch, against {best}"
    return [ratio(what, times["ours"], times[best], 20.0, f"images/s: {rates}")]


def _epochs(dataset: CifarLike, workers: int) -> Callable[[], None]:
    loader = DataLoader(
        dataset, BATCH, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )

    def epoch() -> None:
        for _ in loader:
            pass

    return epoch
