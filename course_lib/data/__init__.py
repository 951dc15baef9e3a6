"""data: turns a source, a name or a folder, into train / calib / test splits.

``train`` fits weights; ``calib``, carved out of the training images, fits temperatures and chooses anything; ``test``
is read once, at the end. Only the chosen images are decoded.
"""

from collections.abc import Callable
from dataclasses import replace

import torch

from course_lib.data.named import GET, data_folder, find, folder_names
from course_lib.data.pixels import read_splits
from course_lib.data.records import Split, Splits
from course_lib.data.sources import open_source
from course_lib.data.splitting import carve
from course_lib.errors import CourseError

__all__ = ["Split", "Splits", "count", "data_folder", "found", "load", "remedy"]


def load(
    source: str,
    *,
    limit: int | None = None,
    skip_unreadable: bool = False,
    download: bool = False,
    image_size: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Splits:
    """Load a data set in its three splits.

    Args:
        source: ``digits``, ``tabular``, ``fashion``, ``cifar10``, ``cifar100``, ``imagenet``, the name of a folder in
            the data folder, or the path of a folder with ``train/`` and ``test/`` or ``val/``, or of a pack.
        limit: Training images, balanced over the classes; the other splits stay the same. None keeps all.
        skip_unreadable: Leave images out that cannot be read, instead of stopping; packs have left them out already.
        download: Whether a named set that is not on this machine may be downloaded.
        image_size: Pixels on a side of what a network shall see. Images in folders are stored accordingly, those of
            other sets keep their size; that of a pack is what it was packed for. None lets the first image decide.
        on_progress: Called with (images decoded, images to decode).

    Returns:
        The splits: the same images for the same arguments, always. A folder without ``train/`` has no training images.

    Raises:
        CourseError: If the source is unknown, not there, damaged, or has too few images.

    Example:
        >>> splits = load("digits", limit=400)
        >>> splits.train.images.shape, len(splits.calib), len(splits.test)
        (torch.Size([400, 1, 8, 8]), 239, 599)
    """
    opened = open_source(source, download)
    test = torch.arange(len(opened.test.labels))
    if not len(opened.train.labels):  # nothing can be trained: half of the images fit temperatures, half are test
        rows = {"train": (opened.test, test[:0]), "calib": (opened.test, test[::2]), "test": (opened.test, test[1::2])}
        note = f"{opened.name} has no train/: half of its {len(test):,} images are calib, half test."
        return read_splits(replace(opened, notes=(*opened.notes, note)), rows, image_size, skip_unreadable, on_progress)
    train, calib = carve(opened.train.labels, len(opened.class_names), limit)
    chosen = {"train": (opened.train, train), "calib": (opened.train, calib), "test": (opened.test, test)}
    return read_splits(opened, chosen, image_size, skip_unreadable, on_progress)


def count(source: str) -> tuple[int, int]:
    """How many training images, beside the calibration ones, and how many classes a source has; nothing is decoded.

    Raises:
        CourseError: As ``load``.

    Example:
        >>> count("digits")
        (959, 10)
    """
    opened = open_source(source, download=False)
    if not len(opened.train.labels):
        raise CourseError(f"{source} has no training images: it is for measuring networks that come with weights")
    train, _ = carve(opened.train.labels, len(opened.class_names), None)
    return len(train), len(opened.class_names)


def found() -> dict[str, str | None]:
    """Where each named source is on this machine, None where it is not; folders in the data folder included."""
    named = {name: str(find(name) or "") or None for name in GET}
    folders = {name: str(data_folder() / name) for name in folder_names()}
    return {"digits": "comes with scikit-learn"} | named | folders


def remedy(name: str) -> str:
    """How to get a named source that ``found`` does not find.

    Example:
        >>> remedy("cifar10")
        '`course run --data cifar10 --download` gets it'
    """
    return GET[name]
