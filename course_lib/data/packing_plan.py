"""packing_plan: what a pack of a folder will be, before anything is decoded, and whether one that was begun is it."""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from course_lib.data.pixels import stored_size
from course_lib.data.records import Pool, Source
from course_lib.data.sources import open_source
from course_lib.data.splitting import carve
from course_lib.decode import Channels, kind
from course_lib.errors import CourseError
from course_lib.packed import RECORD, Pack, PackedImages, PackKind, holds_pack
from course_lib.packed.record import read_record


@dataclass(frozen=True)
class Part:
    """What goes into one shard.

    Attributes:
        file: The name of the shard.
        pool: ``"train"`` or ``"test"``.
        rows: Rows of that pool.
    """

    file: str
    pool: str
    rows: range


def plan(
    source: str, size: int | None, packs: PackKind, shard_images: int, skip_unreadable: bool
) -> tuple[Source, Pack]:
    """Open a source and say what its pack will be.

    Args:
        source: A folder of images, or its name; see ``course_lib.data.load``.
        size: Pixels on a side; None for the usual, see ``stored_size``.
        packs: Pixels or JPEG files.
        shard_images: Images of each shard.
        skip_unreadable: Whether the first image may be damaged.

    Returns:
        The source, and the record of a pack without any shard.

    Raises:
        CourseError: If the source is no folder of images, or an option makes no sense.
    """
    if packs not in ("raw", "jpeg"):
        raise CourseError(f"--format {packs}: packs hold raw pixels or jpeg files; give raw or jpeg")
    for name, value in (("--size", size), ("--shard-images", shard_images)):
        if value is not None and value < 1:
            raise CourseError(f"{name} {value}: give 1 or more")
    opened = open_source(source, download=False)
    if isinstance(opened.train.images, PackedImages):
        raise CourseError(f"{source} is a pack already: pack the folder that it came from")
    if not opened.root:
        raise CourseError(f"{source} is small and read into memory at once: packing is for folders of images")
    short_side, channels = _first(opened, skip_unreadable)
    return opened, Pack(
        source=opened.name,
        origin=str(Path(opened.root).resolve()),
        kind=packs,
        size=stored_size(short_side, None) if size is None else size,
        channels=channels,
        shard_images=shard_images,
        class_names=opened.class_names,
        images={"train": len(opened.train.labels), "test": len(opened.test.labels)},
        content=_content(opened),
        notes=opened.notes,
    )


def parts_of(pack: Pack) -> list[Part]:
    """The shards that a pack will have, in their order."""
    step = pack.shard_images
    return [
        Part(f"{pool}-{number:05}.safetensors", pool, range(start, min(start + step, n)))
        for pool, n in pack.images.items()
        for number, start in enumerate(range(0, n, step))
    ]


def begun(destination: Path, planned: Pack) -> Pack | None:
    """The pack that a folder holds already, None for a new or empty folder.

    Raises:
        CourseError: If it holds something else, or a pack of other images or with other options.
    """
    if not holds_pack(destination):
        foreign = [entry.name for entry in destination.iterdir()] if destination.is_dir() else []
        if foreign and not all(name.endswith((".safetensors", ".tmp")) for name in foreign):
            raise CourseError(f"{destination} holds other files ({sorted(foreign)[0]}) and no pack: give a new folder")
        return None
    there = read_record(destination)
    names = {"kind": "--format", "size": "--size", "shard_images": "--shard-images"}
    for field, option in names.items():
        was, asked = getattr(there, field), getattr(planned, field)
        if was != asked:
            raise CourseError(f"{destination} was begun with {option} {was}, not {asked}: give that, or another folder")
    bare = {"source": "", "origin": "", "notes": (), "skipped": (), "shards": (), "complete": False}
    if replace(there, **bare) != replace(planned, **bare):
        raise CourseError(
            f"{destination} was begun from {there.origin} with other images (see content in {RECORD}): give the same "
            "images, another folder, or remove this one"
        )
    return there


def _first(source: Source, skip_unreadable: bool) -> tuple[int, Channels]:
    """Short side and channels of the image that decides for all: the first that trains, as where the folder is read."""
    train, _ = carve(source.train.labels, len(source.class_names), None)
    files = source.train.files()
    for row in train.tolist():
        try:
            return kind(Path(source.root) / files[row])
        except CourseError:
            if not skip_unreadable:
                raise
    raise CourseError(f"{source.root}: no training image can be read: mend some")


def _content(source: Source) -> str:
    """SHA-256 of the names, sizes and labels of all files, and of the class names."""
    content = hashlib.sha256(repr(source.class_names).encode())
    for pool in (source.train, source.test):
        content.update(_listing(Path(source.root), pool))
    return content.hexdigest()


def _listing(root: Path, pool: Pool) -> bytes:
    prefix = f"{root}{os.sep}"  # a million Path objects would take seconds
    return b"".join(
        b"%s %d %d\n" % (os.fsencode(file), os.stat(prefix + file).st_size, label)  # noqa: PTH116
        for file, label in zip(pool.files(), pool.labels.tolist(), strict=True)
    )
