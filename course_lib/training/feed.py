"""feed: the stored pixels of each step.

Images in memory are taken where they are, on the device that trains. Images on the disk are read and decoded by worker
processes ahead of the training, into pinned memory where a GPU waits for them; which worker reads a batch changes
nothing about it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from course_lib.epoch_plan import draw_epoch
from course_lib.errors import CourseError
from course_lib.ranks import Ranks
from course_lib.training.lesson import Lesson

AHEAD = 2  # batches that each worker prepares beyond the one that is asked for


class _Stored(Dataset[Tensor | CourseError]):
    """Stored images that are read a batch at a time; what the user can mend comes back as it is, not as a trace."""

    def __init__(self, images: object):
        self.images = images

    def __getitems__(self, rows: list[int]) -> Tensor | CourseError:
        try:
            return self.images[torch.tensor(rows, dtype=torch.int64)]  # type: ignore[index]
        except CourseError as error:
            return error


@dataclass(frozen=True)
class _Rows:
    """The rows of every step from one on, epoch after epoch, as the plans say."""

    lesson: Lesson
    ranks: Ranks
    first_step: int

    def __iter__(self) -> Iterator[list[int]]:
        lesson, size = self.lesson, self.lesson.plan.batch_size
        epoch, skipped = divmod(self.first_step, lesson.steps_per_epoch)
        share = self.ranks.share(size)
        while epoch < lesson.settings.epochs:
            order = draw_epoch(lesson.plan, lesson.seed, epoch, len(lesson.train.labels)).order
            for start in range(skipped * size, len(order), size):
                yield order[start + share.start : start + share.stop].tolist()
            epoch, skipped = epoch + 1, 0


def _as_they_are(pixels: Tensor | CourseError) -> Tensor | CourseError:
    return pixels


class Feed:
    """The stored pixels of one step after the other.

    Attributes:
        resident: Whether all images are in memory, on the device that trains.
    """

    def __init__(self, lesson: Lesson, device: torch.device, ranks: Ranks, workers: int):
        """Prepare to feed a training.

        Args:
            lesson: Whose training split is read.
            device: Where pixels are wanted.
            ranks: This process among those that train together.
            workers: Processes that read from the disk; 0 reads in this one.
        """
        self.resident = isinstance(lesson.train.images, Tensor)
        self._lesson = lesson
        self._device = device
        self._ranks = ranks
        decodes_on_gpu = getattr(lesson.train.images, "on", "cpu") == "cuda"
        self._workers = 0 if decodes_on_gpu else workers  # no GPU in a fork
        self._pins = device.type == "cuda" and not decodes_on_gpu
        self._next: tuple[int, Iterator[Tensor | CourseError]] | None = None

    def pixels(self, step: int, order: Tensor) -> Tensor:
        """Stored images of a step.

        Args:
            step: Counted from 0; steps are asked for one after the other.
            order: (N,) int64, on the device. Their rows in the training split.

        Returns:
            (N, C, H, W) uint8 on the device.
        """
        images = self._lesson.train.images
        if isinstance(images, Tensor):
            return images.index_select(0, order)
        if self._next is None or self._next[0] != step:
            self._next = step, iter(self._loader(step, images))
        pixels = next(self._next[1])
        if isinstance(pixels, CourseError):
            raise pixels
        self._next = step + 1, self._next[1]
        return pixels.to(self._device, non_blocking=True)

    def close(self) -> None:
        """End the reading processes, if any are at work."""
        self._next = None

    def _loader(self, step: int, images: object) -> DataLoader[Tensor | CourseError]:
        rows: Sequence[list[int]] = _Rows(self._lesson, self._ranks, step)  # pyright: ignore[reportAssignmentType]
        return DataLoader(
            _Stored(images),
            batch_sampler=rows,
            collate_fn=_as_they_are,  # pyright: ignore[reportArgumentType]
            num_workers=self._workers,
            prefetch_factor=AHEAD if self._workers else None,
            pin_memory=self._pins,
            generator=torch.Generator(),  # its own: the loader draws from one, though nothing here is random
        )
