"""shard: one file of a pack, and what is in it.

    raw    images (n, C, S, S) uint8
    jpeg   bytes (all files one after the other) uint8,  ends (n,) int64
    both   labels (n,) int64,  checksums (n,) int64: CRC-32 of each image as it is stored, -1 where there is none

An image that could not be read keeps its row, so that rows mean the same in the pack and in the folder it came from.
"""

import hashlib
import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.files import tensor_bytes, write_atomically
from course_lib.packed.record import Shard

QUALITY = 95
NO_IMAGE = -1


def as_jpeg(picture: np.ndarray) -> np.ndarray:
    """A picture as a JPEG file of quality 95.

    Args:
        picture: (C, S, S) uint8.

    Returns:
        1-D uint8.
    """
    file = io.BytesIO()
    Image.fromarray(picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0)).save(
        file,
        format="JPEG",
        quality=QUALITY,
        subsampling=0,  # colours were reduced with the picture already
    )
    return np.frombuffer(file.getvalue(), dtype=np.uint8)


def write_shard(path: Path, stored: Sequence[np.ndarray | None], labels: Tensor, names: Sequence[str]) -> Shard:
    """Write a shard, atomically.

    Args:
        path: Where.
        stored: Of each of n rows (C, S, S) uint8 pixels, or a JPEG file as 1-D uint8, or None for no image.
        labels: (n,) int64.
        names: Where each image came from.

    Returns:
        What the record says about it. The same arguments give the same bytes.
    """
    some = next((image for image in stored if image is not None), np.empty(0, np.uint8))
    empty = np.zeros(some.shape if some.ndim == 3 else 0, np.uint8)
    rows = [np.ascontiguousarray(empty if image is None else image) for image in stored]
    checksums = [NO_IMAGE if image is None else zlib.crc32(row.data) for image, row in zip(stored, rows, strict=True)]
    if some.ndim == 3:
        tensors = {"images": torch.from_numpy(np.stack(rows))}
    else:
        tensors = {"bytes": torch.from_numpy(np.concatenate(rows)), "ends": torch.tensor([*map(len, rows)]).cumsum(0)}
    tensors |= {"labels": labels, "checksums": torch.tensor(checksums)}
    content = tensor_bytes(tensors, {"names": json.dumps(list(names))})
    write_atomically(path, content)
    return Shard(
        file=path.name,
        images=len(rows),
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        labels=checksum(labels),
        skipped=tuple(row for row, image in enumerate(stored) if image is None),
    )


def checksum(labels: Tensor) -> int:
    """CRC-32 of labels."""
    return zlib.crc32(labels.numpy().astype("<i8").data)


def is_whole(path: Path, shard: Shard) -> bool:
    """Whether a shard is on the disk with exactly the bytes that it was written with; reads it all."""
    if not path.is_file() or path.stat().st_size != shard.bytes:
        return False
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == shard.sha256


@dataclass(frozen=True)
class OpenShard:
    """A shard whose tensors are mapped into memory: only what is looked at is read from the disk.

    Attributes:
        path: Its file.
        tensors: By name; see the module.
    """

    path: Path
    tensors: dict[str, np.ndarray]

    @classmethod
    def of(cls, path: Path, *, advice: str) -> "OpenShard":
        """Map a shard.

        Args:
            path: Its file.
            advice: What to do when it is damaged.

        Raises:
            CourseError: If it is no safetensors file, or its labels are not those it was written with.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                return cls(path, {name: file.get_tensor(name).numpy() for name in file.keys()})
        except (OSError, SafetensorError, TypeError) as error:
            raise CourseError(f"cannot read {path} ({error}): {advice}") from error

    def check(self, n: int, pixels: tuple[int, ...] | None, advice: str) -> None:
        """Refuse tensors that are not those of a shard.

        Args:
            n: How many rows it should have.
            pixels: (C, S, S) of each image of a raw shard; None of another.
            advice: What to do when it is damaged.

        Raises:
            CourseError: If a tensor is missing, or has another type or shape.
        """
        expected = {"labels": ((n,), np.int64), "checksums": ((n,), np.int64)}
        expected |= {"images": ((n, *pixels), np.uint8)} if pixels else {"ends": ((n,), np.int64)}
        for name, (shape, dtype) in expected.items():
            found = self.tensors.get(name)
            if found is None or found.shape != shape or found.dtype != dtype:
                raise CourseError(f"{self.path} is no shard of this pack ({name} differs): {advice}")
        if not pixels:
            content, ends = self.tensors.get("bytes"), self.tensors["ends"]
            if content is None or content.dtype != np.uint8 or (np.diff(ends, prepend=0) < 0).any():
                raise CourseError(f"{self.path} is no shard of this pack (bytes differ): {advice}")

    def stored(self, row: int, *, advice: str) -> np.ndarray:
        """An image as it is stored, after a look at its checksum.

        Returns:
            (C, S, S) uint8 of a raw shard, 1-D uint8 of another.

        Raises:
            CourseError: If a byte of it has changed.
        """
        if "images" in self.tensors:
            image = self.tensors["images"][row]
        else:
            ends = self.tensors["ends"]
            image = self.tensors["bytes"][ends[row - 1] if row else 0 : ends[row]]
        if zlib.crc32(image.data) != self.tensors["checksums"][row]:
            raise CourseError(f"{self.path}: image {row} is damaged (its checksum is another): {advice}")
        return image
