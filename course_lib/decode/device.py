"""device: JPEG files to pixels on the device that trains, many at a time.

On a GPU, nvJPEG decodes, through torchcodec (0.16 or newer) where it is installed and else through torchvision, which
calls its own decoder deprecated since 0.29. What is no JPEG, or a JPEG that these refuse, is decoded by Pillow.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

from course_lib.decode.picture import Channels, decode_bytes

JPEG = b"\xff\xd8\xff"  # the first bytes of every JPEG file
Decoder = Callable[[list[Tensor], str, torch.device], list[Tensor]]


def decode_jpegs(
    contents: Sequence[bytes], device: torch.device, channels: Channels = 3, names: Sequence[object] | None = None
) -> list[Tensor]:
    """Decode image files on a device.

    Args:
        contents: The bytes of each file. Other formats than JPEG are decoded on the CPU and moved.
        device: Where to decode.
        channels: 1 for grey, 3 for colour; files of the other kind are converted.
        names: What to call each file in an error; None calls them by their number.

    Returns:
        Of each file (C, H, W) uint8 on the device, at its full size. Grey levels may differ by a few from Pillow's. A
        JPEG file that ends too early may be given with its end grey where Pillow would refuse it.

    Raises:
        CourseError: If an image is unreadable.
    """
    mode = "GRAY" if channels == 1 else "RGB"
    jpegs = [place for place, content in enumerate(contents) if content.startswith(JPEG)]
    files = [torch.frombuffer(bytearray(contents[place]), dtype=torch.uint8) for place in jpegs]
    decoded = dict(zip(jpegs, _decoded(files, mode, device), strict=True))

    def by_pillow(place: int) -> Tensor:
        name = names[place] if names is not None else f"number {place}"
        return torch.from_numpy(decode_bytes(contents[place], name, None, channels).copy()).to(device)

    return [image if (image := decoded.get(place)) is not None else by_pillow(place) for place in range(len(contents))]


def squares(images: Sequence[Tensor], size: int) -> Tensor:
    """Resize the short side of each image to ``size`` and crop the centre, as ``decode`` does.

    Args:
        images: B images (C, H, W) uint8 of any height and width, on one device.
        size: Pixels on a side.

    Returns:
        (B, C, size, size) uint8 on their device; bilinear with antialiasing.

    Example:
        >>> squares([torch.arange(12, dtype=torch.uint8).view(1, 2, 6)], size=2).tolist()
        [[[[2, 3], [8, 9]]]]
    """
    return torch.stack([_square(image, size) for image in images])


def _square(image: Tensor, size: int) -> Tensor:
    short = min(image.shape[1:])
    if short != size:
        height, width = (size * side // short for side in image.shape[1:])
        resized = torch.nn.functional.interpolate(
            image[None].float(), (height, width), mode="bilinear", antialias=True, align_corners=False
        )[0]
        image = resized.round_().clamp_(0, 255).to(torch.uint8)
    top, left = ((side - size) // 2 for side in image.shape[1:])
    return image[:, top : top + size, left : left + size]


def _decoded(files: list[Tensor], mode: str, device: torch.device) -> list[Tensor | None]:
    """All at once; where one of them fails, one by one, and None for those that fail alone, too."""
    if not files:
        return []
    try:
        return [*decoder()(files, mode, device)]
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:
        return [None] if len(files) == 1 else [_decoded([file], mode, device)[0] for file in files]


@cache
def decoder() -> Decoder:
    """The decoder that this machine has; imported on first use, because that takes seconds."""
    try:
        from torchcodec.decoders import decode_jpeg  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError, RuntimeError):  # not there, older than 0.16, or without the libraries that it needs
        return _by_torchvision
    return lambda files, mode, device: decode_jpeg(files, mode=mode, device=device)


def _by_torchvision(files: list[Tensor], mode: str, device: torch.device) -> list[Tensor]:
    from torchvision.io import decode_jpeg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return list(decode_jpeg(files, mode=mode, device=device))  # pyright: ignore[reportArgumentType]
