"""data: turns a source, a name or a folder, into train / calib / test splits.

``train`` fits weights; ``calib``, carved out of the training images, fits temperatures and chooses anything; ``test``
is read once, at the end. Only the chosen images are decoded.
"""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from course_lib.data.folders import list_folder
from course_lib.data.named import GET, READERS, data_folder, find, folder_names
from course_lib.data.pixels import read_splits
from course_lib.data.records import Source, Split, Splits
from course_lib.data.splitting import carve
from course_lib.errors import CourseError, unknown

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
            the data folder, or the path of a folder with ``train/`` and ``test/`` or ``val/``.
        limit: Training images, balanced over the classes; the other splits stay the same. None keeps all.
        skip_unreadable: Leave images out that cannot be read, instead of stopping.
        download: Whether a named set that is not on this machine may be downloaded.
        image_size: Pixels on a side of what a network shall see, for folders; None lets the first image decide.
        on_progress: Called with (images decoded, images to decode).

    Returns:
        The splits: the same images for the same arguments, always.

    Raises:
        CourseError: If the source is unknown, not there, damaged, or has too few images.

    Example:
        >>> splits = load("digits", limit=400)
        >>> splits.train.images.shape, len(splits.calib), len(splits.test)
        (torch.Size([400, 1, 8, 8]), 239, 599)
    """
    pools = _open(source, download)
    _check(pools)
    if image_size is not None and isinstance(pools.train.images, Tensor):
        raise CourseError(f"--image-size is for folders of images; those of {source} keep their size")
    train, calib = carve(pools.train.labels, len(pools.class_names), limit)
    return read_splits(pools, train, calib, image_size, skip_unreadable, on_progress)


def count(source: str) -> tuple[int, int]:
    """How many training images, beside the calibration ones, and how many classes a source has; nothing is decoded.

    Raises:
        CourseError: As ``load``.

    Example:
        >>> count("digits")
        (959, 10)
    """
    pools = _open(source, download=False)
    _check(pools)
    train, _ = carve(pools.train.labels, len(pools.class_names), None)
    return len(train), len(pools.class_names)


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


def _open(source: str, download: bool) -> Source:
    if source in READERS:
        return READERS[source](download)
    if source in folder_names():
        return list_folder(data_folder() / source)
    path = Path(source).expanduser()
    if source and path.is_dir():
        return list_folder(path)
    if path.name != source:  # written as a path
        raise CourseError(f"there is no folder {source}: give one with train/ and test/ or val/, or a named data set")
    raise unknown("data", source, [*READERS, *folder_names()])


def _check(source: Source) -> None:
    num_classes = len(source.class_names)
    for name, pool in (("training", source.train), ("test", source.test)):
        if len(pool.images) != len(pool.labels):
            raise CourseError(f"{source.name} has {len(pool.images)} {name} images, but {len(pool.labels)} labels")
        outside = pool.labels[(pool.labels < 0) | (pool.labels >= num_classes)]
        if len(outside):
            raise CourseError(
                f"{source.name}: {len(outside)} {name} labels are outside 0..{num_classes - 1}, the first is "
                f"{int(outside[0])}: get the data again"
            )
    counts = source.train.labels.bincount(minlength=num_classes)
    if int(counts.min()) < 2:
        name = source.class_names[int(counts.argmin())]
        raise CourseError(
            f"{source.name}: class {name} has {int(counts.min())} training image; at least 2 are needed, one to train "
            "and one to calibrate"
        )
