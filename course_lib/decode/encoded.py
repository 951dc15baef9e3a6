"""encoded: images that stay on the disk and are decoded when they are asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from course_lib.decode.device import decode_jpegs, squares
from course_lib.decode.picture import Channels, cannot_read, decode
from course_lib.decode.threads import each
from course_lib.errors import CourseError

BATCH = 256  # images between two reports of progress


@dataclass(frozen=True)
class EncodedImages:
    """Images that stay on the disk and are decoded when they are asked for.

    Stands where a (N, C, size, size) uint8 tensor could: ``len``, ``shape`` and indexing by rows are alike. It may be
    sent to the workers of a DataLoader.

    Attributes:
        paths: One file per image.
        size: Pixels on a side after decoding.
        channels: 1 for grey, 3 for colour; files of the other kind are converted.
        on: ``"cpu"`` decodes with Pillow; ``"cuda"`` decodes JPEG files and resizes all on the GPU, which gives the
            same images to within a few grey levels.
    """

    paths: tuple[Path, ...]
    size: int
    channels: Channels
    on: str = "cpu"

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
            (B, C, size, size) uint8 on the device ``on``; the same bytes each time.

        Raises:
            CourseError: If an image is unreadable; names its path.
            TypeError: If ``rows`` is something else.
        """
        if isinstance(rows, slice):
            paths = self.paths[rows]
        elif rows.dtype != torch.int64 or rows.ndim != 1:
            raise TypeError(f"rows must be a slice or (B,) int64, got {tuple(rows.shape)} {rows.dtype}")
        else:
            paths = [self.paths[row] for row in rows.tolist()]
        if self.on == "cpu":
            return _with_pillow(paths, self.size, self.channels)
        return decode_files(paths, self.size, self.channels, torch.device(self.on))


def decode_files(paths: Sequence[Path], size: int, channels: Channels, device: torch.device) -> Tensor:
    """Decode and resize images on a device.

    Returns:
        (B, C, size, size) uint8 on the device.

    Raises:
        CourseError: If an image is unreadable; names its path.
    """
    contents = list(each(_content, paths, _size_of_first(paths)))
    images = decode_jpegs(contents, device, channels, names=paths)
    return squares(images, size) if images else torch.empty(0, channels, size, size, dtype=torch.uint8, device=device)


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
        pixels[start:stop] = _with_pillow(paths[start:stop], size, channels)
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

    failed = each(fails, paths, _size_of_first(paths))
    return [path for path, fails_here in zip(paths, failed, strict=True) if fails_here]


def _with_pillow(paths: Sequence[Path], size: int, channels: Channels) -> Tensor:
    pixels = np.empty((len(paths), channels, size, size), dtype=np.uint8)
    for row, image in enumerate(each(lambda path: decode(path, size, channels), paths, _size_of_first(paths))):
        pixels[row] = image
    return torch.from_numpy(pixels)


def _size_of_first(paths: Sequence[Path]) -> int:
    return paths[0].stat().st_size if paths and paths[0].exists() else 0


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise cannot_read(path, error) from error
