"""machine: what this machine is, and the most that it does per second.

Each ceiling is measured, not looked up, by a workload that does nothing else, and is the best of several repeats: what
the machine has shown once it can do. The data type is that of training: float32 on a processor, bfloat16 on a GPU.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from course_lib.bench.clock import Seconds, seconds_per_call
from course_lib.decode import EncodedImages, decode, decode_files
from course_lib.experiment.record import environment_of
from course_lib.packed import PackedImages

GB = 2**30
REPEATS = 7
JPEGS = 64  # of quality 90
PHOTOGRAPH = (500, 375)  # width and height; about the average of ImageNet


@dataclass(frozen=True)
class Ceiling:
    """The most that this machine does of one thing.

    Attributes:
        rate: Per second, in the fastest repeat.
        unit: Of what.
        how: By which workload.
    """

    rate: float
    unit: str
    how: str

    def as_json(self) -> dict[str, Any]:
        """The ceiling as plain values."""
        return asdict(self)


def machine_of(device: torch.device) -> dict[str, Any]:
    """Processor, cores, threads, GPU, memory and versions; sizes in GiB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GB
    gpu = torch.cuda.get_device_properties(device).total_memory / GB if device.type == "cuda" else None
    return environment_of(device) | {"memory_gb": memory, "gpu_memory_gb": gpu}


def ceilings_of(device: torch.device, images: object = None, *, seconds: float = 6.0) -> dict[str, Ceiling | None]:
    """Measure every ceiling.

    Args:
        device: Where training runs.
        images: The training images; decoding is measured where they are decoded on the fly.
        seconds: About how long the measurements may take together.

    Returns:
        ``compute``, ``bandwidth``, ``launch`` and ``decode``; the last is None where nothing is decoded in training.
    """
    measured: Mapping[str, Callable[[torch.device, float], Ceiling]] = {
        "compute": compute,
        "bandwidth": bandwidth,
        "launch": launch,
    }
    part = seconds / (2 + len(measured))  # compute measures two workloads, and one part decodes
    found: dict[str, Ceiling | None] = {name: ceiling(device, part) for name, ceiling in measured.items()}
    return found | {"decode": _decoding_of(images, part)}


def higher(before: Mapping[str, Ceiling | None], after: Mapping[str, Ceiling | None]) -> dict[str, Ceiling | None]:
    """Of two measurements of the same ceilings, the higher of each: a machine that was busy once has shown less."""
    pairs = {name: [ceiling for ceiling in (before[name], after[name]) if ceiling] for name in before}
    return {name: max(pair, key=lambda ceiling: ceiling.rate, default=None) for name, pair in pairs.items()}


def compute(device: torch.device, seconds: float) -> Ceiling:
    """FLOP/s of a large matrix product or of a 3x3 convolution with many channels, whichever is higher."""
    gpu = device.type == "cuda"
    dtype = torch.bfloat16 if gpu else torch.float32
    side, channels, batch, pixels = (8192, 256, 128, 56) if gpu else (1024, 64, 32, 32)
    matrix = torch.randn(side, side, device=device, dtype=dtype)
    convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False, device=device, dtype=dtype)
    image = torch.randn(batch, channels, pixels, pixels, device=device, dtype=dtype)
    image, convolution = image.to(memory_format=torch.channels_last), convolution.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        product = _timed(lambda: matrix @ matrix, device, seconds)
        convolved = _timed(lambda: convolution(image), device, seconds)
    rates = {
        f"{side} x {side} matrix product": 2 * side**3 / product.fastest,
        f"3x3 convolution, {channels} channels": 2 * 9 * channels**2 * batch * pixels**2 / convolved.fastest,
    }
    best = max(rates, key=lambda name: rates[name])
    return Ceiling(rates[best], "FLOP/s", f"{best}, {str(dtype).removeprefix('torch.')}")


def bandwidth(device: torch.device, seconds: float) -> Ceiling:
    """Bytes per second read and written by a copy, 1 + 1, and a sum, 2 + 1, of tensors that no cache holds."""
    size = (2**30 if device.type == "cuda" else 2**27) // 4
    first, second, third = (torch.ones(size, device=device) for _ in range(3))

    def copy_and_add() -> None:
        third.copy_(first)
        torch.add(first, second, out=third)

    duration = _timed(copy_and_add, device, seconds).fastest
    return Ceiling(5 * 4 * size / duration, "byte/s", f"copy and sum of tensors of {4 * size / 2**20:.0f} MiB")


def launch(device: torch.device, seconds: float) -> Ceiling:
    """Operations per second on a tensor of one element, started from Python: what torch needs to start one."""
    one = torch.ones(1, device=device)
    negate, times = one.neg_, range(1000)

    def many() -> None:
        for _ in times:
            negate()

    with torch.inference_mode():
        duration = _timed(many, device, seconds).fastest
    return Ceiling(len(times) / duration, "operations/s", "negation of 1 element in place, from Python")


def decoding(size: int, seconds: float, *, shape: tuple[int, int] = PHOTOGRAPH, on: str = "cpu") -> Ceiling:
    """Images per second from JPEG files to ``size`` pixels on a side: of one thread times the cores, or of the GPU."""
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        paths = [_jpeg(Path(folder) / f"{number}.jpg", number, shape) for number in range(JPEGS)]

        def one_thread() -> None:
            for path in paths:
                decode(path, size, 3)

        def on_gpu() -> None:
            decode_files(paths, size, 3, torch.device(on))

        duration = _timed(one_thread if on == "cpu" else on_gpu, torch.device(on), seconds).fastest
    by, times = (f"one thread times {cores} cores", cores) if on == "cpu" else ("the GPU", 1)
    width, height = shape
    return Ceiling(JPEGS * times / duration, "images/s", f"JPEG files of {width} x {height} to {size} x {size}, {by}")


def _decoding_of(images: object, seconds: float) -> Ceiling | None:
    """How fast images like these can be decoded; None where they are stored as pixels."""
    if isinstance(images, EncodedImages):
        return decoding(images.size, seconds, on=images.on)
    if isinstance(images, PackedImages) and images.pack.kind == "jpeg":
        size = images.pack.size
        return decoding(size, seconds, shape=(size, size))
    return None


def _jpeg(path: Path, seed: int, shape: tuple[int, int]) -> Path:
    """A photograph's likeness: a gradient, which compresses well, under noise, which does not."""
    rng = np.random.default_rng(seed)
    width, height = shape
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    gradient = 255 * np.stack([rows, columns, (rows + columns) / 2], axis=2)
    pixels = gradient + rng.normal(0, 12, gradient.shape)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return path


def _timed(function: Callable[[], Any], device: torch.device, seconds: float) -> Seconds:
    return seconds_per_call(function, device, at_least_seconds=seconds / (REPEATS + 2), repeats=REPEATS)
