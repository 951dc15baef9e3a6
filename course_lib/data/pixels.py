"""pixels: the chosen images of a source, in memory where they fit, else read or decoded batch by batch.

Small images keep their size. Large ones are stored at 8/7 of what a network sees, 256 pixels for 224, so that there is
room for a crop.
"""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from course_lib.data.records import Pool, Source, Split, Splits
from course_lib.decode import EncodedImages, decode_all, kind, unreadable
from course_lib.errors import CourseError
from course_lib.packed import PackedImages

IN_MEMORY_BYTES = 4 * 2**30
BATCH = 256  # images between two reports of progress
KEPT = 64  # pixels; a first image with at most so many on its short side keeps its size
PADDED = 96  # pixels; up to here the view of a network pads its crops, above it they need room
STORED = 256  # pixels; the usual size of larger images
Chosen = dict[str, tuple[Pool, Tensor]]  # of each split, its pool and the places of its images there


def read_splits(
    source: Source,
    chosen: Chosen,
    image_size: int | None,
    skip_unreadable: bool,
    on_progress: Callable[[int, int], None] | None,
) -> Splits:
    """Read the chosen images of a source.

    Args:
        source: As it was found.
        chosen: For each split, the pool that its images are in, and their places there.
        image_size: See ``load``; folders and packs only.
        skip_unreadable: See ``load``.
        on_progress: See ``load``.

    Returns:
        The splits.

    Raises:
        CourseError: If an image is unreadable and not to be skipped, or all that train a class are, or a pack has
            images of another size.
    """
    skipped: list[str] = []
    if isinstance(source.test.images, PackedImages):
        chosen, skipped = _without_gaps(source, chosen), list(source.test.images.pack.skipped)
        _check_size(source.test.images, image_size)
        splits = _read_packed(chosen, on_progress)
    elif not source.root:
        splits = {name: _in_memory(name, pool.pixels()[rows], pool, rows) for name, (pool, rows) in chosen.items()}
    else:
        if skip_unreadable:
            chosen, skipped = _without_unreadable(source, chosen)
        splits = _read_files(source, chosen, image_size, on_progress)
    return Splits(
        **splits,
        class_names=source.class_names,
        source=source.name,
        skipped=tuple(skipped),
        notes=source.notes,
    )


def stored_size(short_side: int, image_size: int | None) -> int:
    """Pixels on a side that images are stored with.

    Args:
        short_side: Of the first image.
        image_size: What a network shall see; None for the usual.

    Example:
        >>> stored_size(32, None), stored_size(375, None), stored_size(375, 224), stored_size(375, 128)
        (32, 256, 256, 147)
        >>> stored_size(375, 32)
        32
    """
    if image_size is not None:
        return image_size if image_size <= PADDED else math.ceil(image_size * 8 / 7)
    return short_side if short_side <= KEPT else STORED


def _without_unreadable(source: Source, chosen: Chosen) -> tuple[Chosen, list[str]]:
    """Drop the images that cannot be decoded; places in the pools stay what they are."""
    kept: Chosen = {}
    skipped: list[str] = []
    for name, (pool, rows) in chosen.items():
        paths = _paths(source, pool, rows)
        bad = set(unreadable(paths))
        skipped += sorted(str(path.relative_to(source.root)) for path in bad)
        kept[name] = pool, rows[torch.tensor([path not in bad for path in paths], dtype=torch.bool)]
    _check_classes(source, chosen, kept)
    return kept, skipped


def _without_gaps(source: Source, chosen: Chosen) -> Chosen:
    """Drop the rows of a pack that hold no image."""
    kept = {name: (pool, rows[pool.packed().present()[rows]]) for name, (pool, rows) in chosen.items()}
    _check_classes(source, chosen, kept)
    return kept


def _check_classes(source: Source, chosen: Chosen, kept: Chosen) -> None:
    for name, (pool, rows) in chosen.items():
        left = kept[name][1]
        lost = set(pool.labels[rows].tolist()) - set(pool.labels[left].tolist())
        if lost and (name == "train" or not len(left)):
            class_name = source.class_names[min(lost)]
            raise CourseError(f"{source.root}: no {name} image of class {class_name} can be read: mend some")


def _check_size(images: PackedImages, image_size: int | None) -> None:
    size = images.pack.size
    wanted = stored_size(size, image_size)
    if image_size is not None and wanted != size:
        raise CourseError(
            f"--image-size {image_size} needs images stored with {wanted} pixels, but {images.root} has {size}: leave "
            f"the option out, or pack again elsewhere with --size {wanted}"
        )


def _read_packed(chosen: Chosen, on_progress: Callable[[int, int], None] | None) -> dict[str, Split]:
    images = {name: pool.packed().select(rows) for name, (pool, rows) in chosen.items()}
    total = sum(map(len, images.values()))
    if sum(math.prod(part.shape) for part in images.values()) > IN_MEMORY_BYTES:
        return {name: _on_disk(name, images[name], *chosen[name]) for name in chosen}
    splits, done = {}, 0
    for name, part in images.items():
        pixels = torch.empty(part.shape, dtype=torch.uint8)
        for start in range(0, len(part), BATCH):
            pixels[start : start + BATCH] = part[start : start + BATCH]
            if on_progress is not None:
                on_progress(done + min(start + BATCH, len(part)), total)
        done += len(part)
        splits[name] = _in_memory(name, pixels, *chosen[name])
    return splits


def _on_disk(name: str, images: PackedImages, pool: Pool, rows: Tensor) -> Split:
    labels = pool.labels[rows]
    content = hashlib.sha256(f"{images.shape} {images.pack.kind} ".encode())
    for values in (images.checksums(), labels):
        content.update(values.numpy().astype("<i8").tobytes())
    return Split(name, images, labels, rows, content.hexdigest()[:16])


def _read_files(
    source: Source,
    chosen: Chosen,
    image_size: int | None,
    on_progress: Callable[[int, int], None] | None,
) -> dict[str, Split]:
    paths = {name: _paths(source, pool, rows) for name, (pool, rows) in chosen.items()}
    short_side, channels = kind(next(path for part in paths.values() for path in part))
    size = stored_size(short_side, image_size)
    total = sum(map(len, paths.values()))
    if total * channels * size**2 > IN_MEMORY_BYTES:
        return {
            name: _encoded(name, EncodedImages(tuple(paths[name]), size, channels), source, *chosen[name])
            for name in chosen
        }
    pixels = decode_all([path for part in paths.values() for path in part], size, channels, on_progress)
    parts = pixels.split([len(part) for part in paths.values()])
    return {name: _in_memory(name, images, *chosen[name]) for name, images in zip(chosen, parts, strict=True)}


def _paths(source: Source, pool: Pool, rows: Tensor) -> list[Path]:
    root = Path(source.root)
    files = pool.files()
    return [root / files[row] for row in rows.tolist()]


def _in_memory(name: str, images: Tensor, pool: Pool, rows: Tensor) -> Split:
    labels = pool.labels[rows]
    content = hashlib.sha256(f"{tuple(images.shape)} ".encode())
    content.update(memoryview(images.numpy()))  # pyright: ignore[reportArgumentType]
    content.update(labels.numpy().astype("<i8").tobytes())
    return Split(name, images, labels, rows, content.hexdigest()[:16])


def _encoded(name: str, images: EncodedImages, source: Source, pool: Pool, rows: Tensor) -> Split:
    labels = pool.labels[rows]
    content = hashlib.sha256(f"{images.shape} ".encode())
    for path, label in zip(images.paths, labels.tolist(), strict=True):
        content.update(f"{path.relative_to(source.root)} {path.stat().st_size} {label}\n".encode())
    return Split(name, images, labels, rows, content.hexdigest()[:16])
