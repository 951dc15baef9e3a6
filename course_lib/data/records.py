"""records: what a data set is, once it is split."""

import hashlib
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from course_lib.decode import EncodedImages
from course_lib.packed import PackedImages


@dataclass(frozen=True)
class Split:
    """Images for one purpose.

    Attributes:
        name: ``"train"`` fits weights, ``"calib"`` fits temperatures and chooses anything, ``"test"`` is read once.
        images: (N, C, H, W) uint8, all in memory, or read from the disk when rows are asked for.
        labels: (N,) int64 in 0..K-1.
        indices: (N,) int64, ascending. Places in the source's pool: ``train`` and ``calib`` share one, in which their
            places differ, ``test`` has its own.
        fingerprint: 16 hexadecimal digits of the content.
    """

    name: str
    images: Tensor | EncodedImages | PackedImages
    labels: Tensor
    indices: Tensor
    fingerprint: str

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Split":
        """The same split with its images on a device; images on disk stay there, and their labels with them."""
        if not isinstance(self.images, Tensor):
            return self
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    @property
    def index_hash(self) -> str:
        """16 hexadecimal digits that say which images these are: content, pool and places in it."""
        pool = "test" if self.name == "test" else "train"
        places = self.indices.cpu().numpy().astype("<i8").tobytes()
        return hashlib.sha256(f"{self.fingerprint} {pool} ".encode() + places).hexdigest()[:16]


@dataclass(frozen=True)
class Splits:
    """A data set in its three splits.

    Attributes:
        train: The images that weights are fitted on.
        calib: Carved out of the training images, never out of the test images.
        test: The images that results are reported on.
        class_names: K names; label ``k`` means ``class_names[k]``.
        source: What it is called.
        skipped: Images left out because they are unreadable.
        notes: What the user should know about the choice of images, in sentences.
    """

    train: Split
    calib: Split
    test: Split
    class_names: tuple[str, ...]
    source: str
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to(self, device: torch.device) -> "Splits":
        """The same splits with everything that is in memory on a device; images on disk stay there."""
        return replace(self, **{split.name: split.to(device) for split in (self.train, self.calib, self.test)})


@dataclass(frozen=True)
class Pool:
    """All that a source offers for training, or for testing, before anything is chosen.

    Attributes:
        images: (N, C, H, W) uint8, in memory or in a pack, or the paths of N files in a stable order (below
            ``Source.root``).
        labels: (N,) int64.
    """

    images: Tensor | PackedImages | tuple[str, ...]
    labels: Tensor

    def pixels(self) -> Tensor:
        """(N, C, H, W) uint8 of a pool in memory."""
        if not isinstance(self.images, Tensor):
            raise TypeError("this pool is not in memory")
        return self.images

    def files(self) -> tuple[str, ...]:
        """N paths of a pool on the disk."""
        if not isinstance(self.images, tuple):
            raise TypeError("this pool holds no paths")
        return self.images

    def packed(self) -> PackedImages:
        """The rows of a pool in a pack."""
        if not isinstance(self.images, PackedImages):
            raise TypeError("this pool is not in a pack")
        return self.images


@dataclass(frozen=True)
class Source:
    """A data set as it was found.

    Attributes:
        name: What it is called.
        train: Images to train and to calibrate on.
        test: Images to test on.
        class_names: K names.
        root: The folder that the paths in the pools start from, or the pack is; empty for images in memory.
        notes: See ``Splits``.
    """

    name: str
    train: Pool
    test: Pool
    class_names: tuple[str, ...]
    root: str = ""
    notes: tuple[str, ...] = ()
