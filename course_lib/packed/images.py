"""images: rows of a pack, read when they are asked for."""

from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.decode import decode_bytes
from course_lib.decode.threads import each
from course_lib.errors import CourseError
from course_lib.packed.record import Pack, Shard
from course_lib.packed.shard import OpenShard, checksum


@dataclass(frozen=True, eq=False)
class PackedImages:
    """Images of a pack that stay on the disk until rows are asked for.

    Stands where a (N, C, size, size) uint8 tensor could: ``len``, ``shape`` and indexing by rows are alike. It may be
    sent to the workers of a DataLoader: what is open is not sent, each process maps the shards it needs.

    Attributes:
        root: The folder of the pack.
        pack: What it is.
        shards: Those of ``train`` or of ``test``.
        rows: (N,) int64. Rows of all these shards together, one for each image here.
    """

    root: Path
    pack: Pack
    shards: tuple[Shard, ...]
    rows: Tensor
    _open: dict[int, OpenShard] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, root: Path, pack: Pack, pool: str) -> "PackedImages":
        """All rows of ``train`` or ``test``, those without an image included."""
        return cls(root, pack, pack.of(pool), torch.arange(pack.images[pool]))

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_open": {}}

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W) of all images."""
        return len(self.rows), self.pack.channels, self.pack.size, self.pack.size

    def select(self, rows: Tensor) -> "PackedImages":
        """Some of the images; (B,) int64. Nothing is read."""
        return replace(self, rows=self.rows[rows], _open={})

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Read some of the images.

        Args:
            rows: (B,) int64, or a slice.

        Returns:
            (B, C, size, size) uint8 on the CPU.

        Raises:
            CourseError: If an image is damaged; names its shard and row, and what mends it.
            TypeError: If ``rows`` is something else.
        """
        if not isinstance(rows, slice) and (rows.dtype != torch.int64 or rows.ndim != 1):
            raise TypeError(f"rows must be a slice or (B,) int64, got {tuple(rows.shape)} {rows.dtype}")
        numbers, places = self._places(self.rows[rows])
        pixels = np.empty((len(places), *self.shape[1:]), dtype=np.uint8)
        for number in set(numbers.tolist()):
            self._shard(number)  # mapped here, so that threads find it
        wanted = list(zip(numbers.tolist(), places.tolist(), strict=True))
        for row, image in enumerate(each(self._read, wanted, self._bytes_each())):
            pixels[row] = image
        return torch.from_numpy(pixels)

    def labels(self) -> Tensor:
        """(N,) int64 labels of the images.

        Raises:
            CourseError: If those of a shard are damaged.
        """
        parts = [self._labels(number) for number in range(len(self.shards))]
        return torch.from_numpy(np.concatenate(parts))[self.rows]

    def present(self) -> Tensor:
        """(N,) bool: whether each row holds an image."""
        present = torch.ones(sum(shard.images for shard in self.shards), dtype=torch.bool)
        for shard, end in zip(self.shards, self._ends(), strict=True):
            present[[int(end) - shard.images + row for row in shard.skipped]] = False
        return present[self.rows]

    def checksums(self) -> Tensor:
        """(N,) int64: CRC-32 of each image as it is stored, -1 where there is none."""
        numbers, places = self._places(self.rows)
        found = np.empty(len(places), dtype=np.int64)
        for number in np.unique(numbers).tolist():
            found[numbers == number] = self._shard(number).tensors["checksums"][places[numbers == number]]
        return torch.from_numpy(found)

    def _places(self, rows: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Of each row of the pool, the number of its shard, and its row there."""
        ends = self._ends()
        numbers = np.searchsorted(ends, rows.numpy(), side="right")
        return numbers, rows.numpy() - (ends - [shard.images for shard in self.shards])[numbers]

    def _ends(self) -> np.ndarray:
        return np.array([*accumulate(shard.images for shard in self.shards)])

    def _read(self, place: tuple[int, int]) -> np.ndarray:
        shard = self._shard(place[0])
        stored = shard.stored(place[1], advice=self._advice())
        if self.pack.kind == "raw":
            return stored
        name = f"{place[1]} of {shard.path}"
        return decode_bytes(stored.tobytes(), name, self.pack.size, self.pack.channels)

    def _shard(self, number: int) -> OpenShard:
        if number not in self._open:
            opened = OpenShard.of(self.root / self.shards[number].file, advice=self._advice())
            shard = self.shards[number]
            has_pixels = self.pack.kind == "raw" and len(shard.skipped) < shard.images
            opened.check(shard.images, self.shape[1:] if has_pixels else None, self._advice())
            self._open[number] = opened
        return self._open[number]

    def _labels(self, number: int) -> np.ndarray:
        labels = self._shard(number).tensors["labels"]
        if checksum(torch.from_numpy(labels)) != self.shards[number].labels:
            raise CourseError(f"{self._shard(number).path}: the labels are damaged: {self._advice()}")
        return labels

    def _bytes_each(self) -> int:
        return sum(shard.bytes for shard in self.shards) // max(1, sum(shard.images for shard in self.shards))

    def _advice(self) -> str:
        return f"mend the pack with `{self.pack.command(self.root)}`"
