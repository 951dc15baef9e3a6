"""record: what a pack is, and which of its shards are finished.

``pack.json`` is written anew, in one piece, after each shard: a shard that it names was on the disk before. It says
``"complete": true`` once it names them all.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Literal

from course_lib.decode import Channels
from course_lib.errors import CourseError
from course_lib.files import write_atomically

PackKind = Literal["raw", "jpeg"]
RECORD = "pack.json"
FORMAT = 1
POOLS = ("train", "test")
LARGEST = 2**14  # pixels on a side


@dataclass(frozen=True)
class Shard:
    """One finished file of a pack.

    Attributes:
        file: Its name, such as ``train-00000.safetensors``.
        images: How many rows it holds.
        bytes: Its size.
        sha256: Of its content, in hexadecimal.
        labels: CRC-32 of its labels.
        skipped: Rows that hold no image, because it was unreadable.
    """

    file: str
    images: int
    bytes: int
    sha256: str
    labels: int
    skipped: tuple[int, ...] = ()


@dataclass(frozen=True)
class Pack:
    """A pack, finished or not.

    Attributes:
        source: What the packed data set is called.
        origin: The folder it came from.
        kind: ``"raw"`` holds pixels, ``"jpeg"`` files of quality 95.
        size: Pixels on a side.
        channels: 1 for grey, 3 for colour.
        shard_images: Rows of each shard but the last.
        class_names: K names.
        images: Of ``train`` and ``test``, how many rows they have when complete.
        content: A hash of the names, sizes and labels of the packed files.
        notes: See ``Splits``.
        skipped: Images left out because they were unreadable.
        shards: The finished ones, ``train`` first.
        complete: Whether they are all.
    """

    source: str
    origin: str
    kind: PackKind
    size: int
    channels: Channels
    shard_images: int
    class_names: tuple[str, ...]
    images: dict[str, int]
    content: str
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    shards: tuple[Shard, ...] = ()
    complete: bool = False

    def of(self, pool: str) -> tuple[Shard, ...]:
        """The shards of ``train`` or ``test``."""
        return tuple(shard for shard in self.shards if shard.file.startswith(f"{pool}-"))

    def command(self, root: Path) -> str:
        """What makes this pack, goes on with it, or mends it."""
        options = f"--size {self.size} --format {self.kind} --shard-images {self.shard_images}"
        skip = " --skip-unreadable" if self.skipped else ""
        return f"course data pack {quote(self.origin)} {quote(str(root))} {options}{skip}"


def holds_pack(root: Path) -> bool:
    """Whether a folder is a pack, finished or not."""
    return (root / RECORD).is_file()


def write_record(root: Path, pack: Pack) -> None:
    """Write ``pack.json``, atomically."""
    write_atomically(root / RECORD, json.dumps({"format": FORMAT} | asdict(pack), indent=1, ensure_ascii=True) + "\n")


def read_record(root: Path) -> Pack:
    """Read ``pack.json``; the shards are not looked at.

    Raises:
        CourseError: If it is missing, damaged, or of a later version.
    """
    path = root / RECORD
    try:
        words: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if words.pop("format") != FORMAT:
            raise CourseError(
                f"{path} was written by another version of course_lib: update it, or pack again elsewhere"
            )
        shards = tuple(Shard(**{**shard, "skipped": tuple(shard["skipped"])}) for shard in words.pop("shards"))
        words |= {name: tuple(words[name]) for name in ("class_names", "notes", "skipped")}
        pack = Pack(**words, shards=shards)
        _check(pack)
        return pack
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CourseError(f"cannot read {path} ({error}): remove it and pack again") from error


def _check(pack: Pack) -> None:
    """Raise ValueError where a record says what no packing writes."""
    whole = {"size": pack.size, "shard_images": pack.shard_images, **pack.images}
    for shard in pack.shards:
        whole |= {f"images of {shard.file}": shard.images, f"bytes of {shard.file}": shard.bytes}
    for name, number in whole.items():
        if type(number) is not int or not 0 <= number < 2**63:
            raise ValueError(f"{name} is {number!r}")
    if tuple(pack.images) != POOLS or pack.kind not in ("raw", "jpeg") or pack.channels not in (1, 3):
        raise ValueError(f"a pack of {pack.kind}, {pack.channels} channels, {list(pack.images)}")
    if not 1 <= pack.size <= LARGEST or pack.shard_images < 1:
        raise ValueError(f"{pack.size} pixels, {pack.shard_images} images a shard")
    texts = (pack.source, pack.origin, *pack.class_names, *pack.notes, *pack.skipped)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a name that is no text")
    expected = {
        f"{pool}-{number:05}.safetensors": min(pack.shard_images, n - number * pack.shard_images)
        for pool, n in pack.images.items()
        for number in range(-(-n // pack.shard_images))
    }
    for shard in pack.shards:
        if expected.pop(shard.file, None) != shard.images or not all(0 <= row < shard.images for row in shard.skipped):
            raise ValueError(f"shard {shard.file!r} does not fit")


def read_pack(root: Path) -> Pack:
    """Read what a pack is and see that all its shards are there, whole.

    Args:
        root: The folder of the pack.

    Raises:
        CourseError: If it is not finished, or a shard is missing or has another size than it had.
    """
    pack = read_record(root)
    counts = {pool: sum(shard.images for shard in pack.of(pool)) for pool in POOLS}
    if not pack.complete or counts != pack.images:
        done, total = sum(counts.values()), sum(pack.images.values())
        raise CourseError(
            f"{root} is a half-finished pack ({done:,} of {total:,} images): go on with `{pack.command(root)}`"
        )
    for shard in pack.shards:
        path = root / shard.file
        there = path.stat().st_size if path.exists() else None
        if there != shard.bytes:
            what = "is missing" if there is None else f"is damaged ({there:,} bytes instead of {shard.bytes:,})"
            raise CourseError(f"{path} {what}: mend the pack with `{pack.command(root)}`")
    return pack
