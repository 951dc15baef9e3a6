"""packs: a folder that is a pack as a source, beside the folders of images."""

from pathlib import Path

from course_lib.data.folders import list_folder
from course_lib.data.records import Pool, Source
from course_lib.errors import CourseError
from course_lib.packed import RECORD, PackedImages, holds_pack, read_pack


def is_source(root: Path) -> bool:
    """Whether a folder looks like a data set, packed or not."""
    return any((root / split).is_dir() for split in ("train", "test", "val")) or holds_pack(root)


def open_folder(root: Path) -> Source:
    """List the images of a folder, or open it as a pack; no image is read.

    Args:
        root: A folder of images (see ``folders``), or one with a ``pack.json``.

    Raises:
        CourseError: If something is missing or damaged, or the pack is not finished.
    """
    if not holds_pack(root):
        if next(root.glob("train-*.safetensors"), None) and not (root / "train").is_dir():
            raise CourseError(f"{root} has the files of a pack, but no {RECORD}: remove the folder and pack again")
        return list_folder(root)
    pack = read_pack(root)
    train, test = (PackedImages.of(root, pack, pool) for pool in ("train", "test"))
    return Source(
        name=pack.source,
        train=Pool(train, train.labels()),
        test=Pool(test, test.labels()),
        class_names=pack.class_names,
        root=str(root),
        notes=pack.notes,
    )
