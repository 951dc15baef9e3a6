"""reading: packed images against the folder that they came from; and the memory of a run like CIFAR's."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from course_lib.bench.clock import interleaved
from course_lib.bench.peers.record import Comparison, ratio
from course_lib.data.pack import pack
from course_lib.data.packs import open_folder
from course_lib.decode import EncodedImages

CPU = torch.device("cpu")
BATCH = 64
RUN = """
import torch
from course_lib.bench.peers.loader import noise
from course_lib.bench.peers.step import our_step
stored = noise(50_000)
step = our_step(stored, torch.arange(50_000) % 100)
for _ in range(30): step()
# a child's ru_maxrss would begin at its parent's peak
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) / 1024, stored.nbytes / 2**20)
"""


def photograph(seed: int, width: int = 500, height: int = 375) -> Image.Image:
    """A picture of the size and roughness of a photograph: smooth colours under a little noise."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)
    return Image.fromarray((smooth + rng.normal(0, 6, smooth.shape)).clip(0, 255).astype(np.uint8))


def compare_packs(*, images: int = 512, rounds: int = 7) -> list[Comparison]:
    """Batches of random rows from JPEG files of 500 x 375 pixels, from a raw and from a JPEG pack of them."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "photographs"
        for number in range(images):
            split, name = ("test", number % 2) if number % 8 == 0 else ("train", number % 2)
            path = folder / split / str(name) / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            photograph(number).save(path, quality=90)
        (folder / "test" / "1").mkdir(exist_ok=True)
        photograph(images).save(folder / "test" / "1" / "last.jpg", quality=90)
        files = open_folder(folder).train.files()
        ways: dict[str, Callable[[], object]] = {
            "folder": _batches(EncodedImages(tuple(folder / file for file in files), 256, 3))
        }
        for kind in ("raw", "jpeg"):
            pack(str(folder), Path(place) / kind, size=256, kind=kind)
            ways[kind] = _batches(open_folder(Path(place) / kind).train.packed())
        times = interleaved(ways, CPU, rounds=rounds)
    rates = ", ".join(f"{name} {BATCH / found.median:,.0f}" for name, found in times.items())
    note = f"images/s, all cores: {rates}; the file system keeps them all in memory"
    return [
        ratio("packed images of 256 pixels, raw, against the folder", times["raw"], times["folder"], 2.0, note),
        ratio("the same, packed as JPEG", times["jpeg"], times["folder"], 2.0),
    ]


def _batches(images) -> Callable[[], object]:
    generator = torch.Generator().manual_seed(0)
    return lambda: images[torch.randint(0, len(images), (BATCH,), generator=generator)]


def compare_memory() -> list[Comparison]:
    """The peak of a process that takes 30 steps on 50,000 images, libraries included."""
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    peak, images = map(float, done.stdout.split())
    note = f"{peak:,.0f} MB with 50,000 images of {images:,.0f} MB; torch's import alone takes half a gigabyte"
    beyond = peak - images
    what = "peak memory beyond the data, resnet20 -> resnet8 at batch 128"
    return [Comparison(what, beyond, beyond, beyond, "MB", 1024.0, False, note)]
