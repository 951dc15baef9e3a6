"""picture: one image file to a square of pixels, with Pillow.

    file -> pixels -> short side resized to ``size`` -> square cropped at the centre -> uint8

Resizing is bilinear with antialiasing, as in torchvision's evaluation of ImageNet networks. A large JPEG is decoded at
a half, quarter or eighth of its size where that still exceeds what is needed.
"""

import io
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from course_lib.errors import CourseError

Channels = Literal[1, 3]


def kind(path: Path) -> tuple[int, Channels]:
    """Short side in pixels and channels (1 for a grey image, else 3) of an image, from its header alone.

    Raises:
        CourseError: If the header is unreadable.
    """
    try:
        with Image.open(path) as image:
            return min(image.size), 1 if image.mode in ("1", "L", "LA") else 3
    except Exception as error:  # see decode
        raise cannot_read(path, error) from error


def decode(path: Path, size: int, channels: Channels) -> np.ndarray:
    """Decode one image to a square.

    Returns:
        (C, size, size) uint8.

    Raises:
        CourseError: If the image is unreadable.
    """
    return _opened(path, path, size, channels)


def decode_bytes(content: bytes, name: object, size: int | None, channels: Channels) -> np.ndarray:
    """Decode one image that is in memory.

    Args:
        content: The bytes of its file.
        name: What to call it in an error.
        size: Pixels on a side; None keeps the whole image as it is.
        channels: 1 for grey, 3 for colour.

    Returns:
        (C, size, size) uint8, or (C, H, W) of the whole image.

    Raises:
        CourseError: If the image is unreadable.
    """
    return _opened(io.BytesIO(content), name, size, channels)


def cannot_read(name: object, error: Exception) -> CourseError:
    """The error for an image that is damaged or not there."""
    return CourseError(
        f"cannot read the image {name} ({error or type(error).__name__}): mend or remove it, or leave such images out "
        "with --skip-unreadable"
    )


def _opened(file: Path | io.BytesIO, name: object, size: int | None, channels: Channels) -> np.ndarray:
    try:
        with Image.open(file) as image:
            if image.mode[0] in "IF":
                raise ValueError(f"{image.mode} pixels have more than 8 bits: convert the image to 8 bits first")
            return _planes(_converted(image, channels) if size is None else _square(image, size, channels))
    except MemoryError:
        raise
    except Exception as error:  # on damaged files PIL's decoders raise nearly anything
        raise cannot_read(name, error) from error


def _square(image: Image.Image, size: int, channels: Channels) -> Image.Image:
    image.draft(None, (size, size))  # JPEG only: at least ``size`` on both sides
    image = _converted(image, channels)
    short = min(image.size)
    if short != size:
        width, height = (size * side // short for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = ((side - size) // 2 for side in image.size)
    return image.crop((left, top, left + size, top + size))


def _converted(image: Image.Image, channels: Channels) -> Image.Image:
    if "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("L" if channels == 1 else "RGB")


def _planes(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
