"""decode: encoded images to pixels, in threads.

    file -> pixels -> short side resized to ``size`` -> square cropped at the centre -> uint8

Resizing is bilinear with antialiasing, as in torchvision's evaluation of ImageNet networks. PIL decodes without holding
Python's lock, so threads are enough for large files, and small ones are faster without. A large JPEG is decoded at a
half, quarter or eighth of its size where that still exceeds what is needed.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course_lib.errors import CourseError

Channels = Literal[1, 3]
T = TypeVar("T")
BATCH = 256  # images between two reports of progress
SMALL_FILE = 16_384  # bytes; below it threads wait for each other longer than they decode


@dataclass(frozen=True)
class EncodedImages:
    """Images that stay on the disk and are decoded when they are asked for.

    Stands where a (N, C, size, size) uint8 tensor could: ``len``, ``shape`` and indexing by rows are alike.

    Attributes:
        paths: One file per image.
        size: Pixels on a side after decoding.
        channels: 1 for grey, 3 for colour; files of the other kind are converted.
    """

    paths: tuple[Path, ...]
    size: int
    channels: Channels

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W) of all images once decoded."""
        return len(self.paths), self.channels, self.size, self.size

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Decode some of the images.

        Args:
            rows: (B,) int64, or a slice.

        Returns:
            (B, C, size, size) uint8 on the CPU; the same bytes each time.

        Raises:
            CourseError: If an image is unreadable; names its path.
            TypeError: If ``rows`` is something else.
        """
        if isinstance(rows, slice):
            return _decode_batch(self.paths[rows], self.size, self.channels)
        if rows.dtype != torch.int64 or rows.ndim != 1:
            raise TypeError(f"rows must be a slice or (B,) int64, got {tuple(rows.shape)} {rows.dtype}")
        return _decode_batch([self.paths[row] for row in rows.tolist()], self.size, self.channels)


def decode_all(
    paths: Sequence[Path], size: int, channels: Channels, on_progress: Callable[[int, int], None] | None = None
) -> Tensor:
    """Decode images into one tensor.

    Args:
        paths: N files.
        size: Pixels on a side after decoding.
        channels: 1 for grey, 3 for colour.
        on_progress: Called with (done, N) now and then, at the end for certain.

    Returns:
        (N, C, size, size) uint8.

    Raises:
        CourseError: If an image is unreadable; names its path.
    """
    pixels = torch.empty(len(paths), channels, size, size, dtype=torch.uint8)
    for start in range(0, len(paths), BATCH):
        stop = min(start + BATCH, len(paths))
        pixels[start:stop] = _decode_batch(paths[start:stop], size, channels)
        if on_progress is not None:
            on_progress(stop, len(paths))
    return pixels


def unreadable(paths: Sequence[Path]) -> list[Path]:
    """The images among ``paths`` that cannot be decoded to the end."""

    def fails(path: Path) -> bool:
        try:
            decode(path, size=8, channels=3)
        except CourseError:
            return True
        return False

    return [path for path, failed in zip(paths, _each(fails, paths), strict=True) if failed]


def kind(path: Path) -> tuple[int, Channels]:
    """Short side in pixels and channels (1 for a grey image, else 3) of an image, from its header alone.

    Raises:
        CourseError: If the header is unreadable.
    """
    try:
        with Image.open(path) as image:
            return min(image.size), 1 if image.mode in ("1", "L", "LA") else 3
    except Exception as error:  # see decode
        raise _unreadable(path, error) from error


def decode(path: Path, size: int, channels: Channels) -> np.ndarray:
    """Decode one image.

    Returns:
        (C, size, size) uint8.

    Raises:
        CourseError: If the image is unreadable.
    """
    try:
        with Image.open(path) as image:
            if image.mode[0] in "IF":
                raise ValueError(f"{image.mode} pixels have more than 8 bits: convert the image to 8 bits first")
            return _square(image, size, channels)
    except MemoryError:
        raise
    except Exception as error:  # on damaged files PIL's decoders raise nearly anything
        raise _unreadable(path, error) from error


def _square(image: Image.Image, size: int, channels: Channels) -> np.ndarray:
    image.draft(None, (size, size))  # JPEG only: at least ``size`` on both sides
    if "transparency" in image.info:
        image = image.convert("RGBA")
    image = image.convert("L" if channels == 1 else "RGB")
    short = min(image.size)
    if short != size:
        width, height = (size * side // short for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = ((side - size) // 2 for side in image.size)
    pixels = np.asarray(image.crop((left, top, left + size, top + size)))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _decode_batch(paths: Sequence[Path], size: int, channels: Channels) -> Tensor:
    pixels = np.empty((len(paths), channels, size, size), dtype=np.uint8)
    for row, image in enumerate(_each(lambda path: decode(path, size, channels), paths)):
        pixels[row] = image
    return torch.from_numpy(pixels)


def _each(work: Callable[[Path], T], paths: Sequence[Path]) -> Iterator[T]:
    """Do the work on each path, in order, in threads where the files are large enough for it."""
    large = len(paths) > 1 and paths[0].exists() and paths[0].stat().st_size >= SMALL_FILE
    return _threads().map(work, paths) if large else map(work, paths)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(32, os.cpu_count() or 1), thread_name_prefix="decode")


def _unreadable(path: Path, error: Exception) -> CourseError:
    return CourseError(
        f"cannot read the image {path} ({error or type(error).__name__}): mend or remove it, or leave such images out "
        "with --skip-unreadable"
    )
