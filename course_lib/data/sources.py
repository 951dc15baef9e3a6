"""sources: what a name or a path stands for."""

from pathlib import Path

from course_lib.data.named import READERS, data_folder, folder_names
from course_lib.data.packs import open_folder
from course_lib.data.records import Source
from course_lib.errors import CourseError, unknown


def open_source(source: str, download: bool) -> Source:
    """Find a data set and check its labels; no image is read from the disk.

    Args:
        source: A name, or the path of a folder; see ``course_lib.data.load``.
        download: Whether a named set that is not on this machine may be downloaded.

    Raises:
        CourseError: If the source is unknown, not there, damaged, or has too few images.
    """
    opened = _open(source, download)
    _check(opened)
    return opened


def _open(source: str, download: bool) -> Source:
    if source in READERS:
        return READERS[source](download)
    if source in folder_names():
        return open_folder(data_folder() / source)
    path = Path(source).expanduser()
    if source and path.is_dir():
        return open_folder(path)
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
    if not len(source.train.labels):
        return
    counts = source.train.labels.bincount(minlength=num_classes)
    if int(counts.min()) < 2:
        name = source.class_names[int(counts.argmin())]
        raise CourseError(
            f"{source.name}: class {name} has {int(counts.min())} training image; at least 2 are needed, one to train "
            "and one to calibrate"
        )
