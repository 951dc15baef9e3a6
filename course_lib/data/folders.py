"""folders: a folder of images, one folder for each class.

    FOLDER/train/CLASS/IMAGE   and   FOLDER/test/CLASS/IMAGE  or  FOLDER/val/CLASS/IMAGE

Classes are numbered in the order of their names. Images may lie in folders below that of their class.
"""

import os
from pathlib import Path

import torch

from course_lib.data.records import Pool, Source
from course_lib.errors import CourseError

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp")
LAYOUT = "expected train/CLASS/IMAGE, and test/ or val/ alike"


def list_folder(root: Path) -> Source:
    """List the images of a folder; none is opened.

    Args:
        root: Has ``train/``, and ``test/`` or ``val/``. Of these two, ``test/`` is preferred. Without ``train/``, its
            training pool is empty.

    Returns:
        The images in the order of their paths, the folder's name and its classes.

    Raises:
        CourseError: If something is missing or empty, or the splits have different classes.
    """
    held_out = next((name for name in ("test", "val") if (root / name).is_dir()), None)
    if held_out is None:
        lacks = "neither test/ nor val/" if (root / "train").is_dir() else "no folder train/, test/ or val/"
        raise CourseError(f"{root} has {lacks}: {LAYOUT}")
    named_by = "train" if (root / "train").is_dir() else held_out
    class_names = _class_names(root / named_by)
    if len(class_names) < 2:
        raise CourseError(f"{root / named_by} has {len(class_names)} class folders, at least 2 are needed: {LAYOUT}")
    _check_same(class_names, _class_names(root / held_out), root, held_out)
    both = held_out == "test" and (root / "val").is_dir()
    return Source(
        name=root.resolve().name,
        train=_pool(root, "train", class_names) if named_by == "train" else Pool((), torch.zeros(0, dtype=torch.int64)),
        test=_pool(root, held_out, class_names),
        class_names=tuple(class_names),
        root=str(root),
        notes=("The folder has test/ and val/: test/ is the test split, val/ is left out.",) if both else (),
    )


def _class_names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))


def _check_same(train: list[str], held_out: list[str], root: Path, name: str) -> None:
    here, there = set(train), set(held_out)
    for folder, only in (("train", sorted(here - there)), (name, sorted(there - here))):
        if only:
            more = f" and {len(only) - 3} more" if len(only) > 3 else ""
            other = name if folder == "train" else "train"
            raise CourseError(
                f"{root}: the classes of train/ and {name}/ differ; only {folder}/ has {', '.join(only[:3])}{more}: "
                f"add to {other}/ or remove"
            )


def _pool(root: Path, split: str, class_names: list[str]) -> Pool:
    paths: list[str] = []
    labels: list[int] = []
    for label, class_name in enumerate(class_names):
        found = _images_below(root / split / class_name)
        if not found:
            raise CourseError(f"{root / split / class_name} holds no images: fill it, or remove the class everywhere")
        paths += [path.removeprefix(f"{root}{os.sep}") for path in found]
        labels += [label] * len(found)
    return Pool(tuple(paths), torch.tensor(labels))


def _images_below(folder: Path) -> list[str]:
    return sorted(
        os.path.join(where, name)  # noqa: PTH118  a million Path objects would take seconds
        for where, _, names in os.walk(folder, followlinks=True)
        for name in names
        if name.lower().endswith(SUFFIXES) and not name.startswith(".")
    )
