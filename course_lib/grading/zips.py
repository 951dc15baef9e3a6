"""zips: notebooks in an archive of strangers, read one by one within limits; nothing is written."""

import lzma
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any

from course_lib.grading.submission import LARGEST

ENTRIES = 20_000  # of an archive that are looked at
WHOLE = 4 * 2**30  # bytes of an archive that are unpacked in all
LONGEST = 500  # letters of a name
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(OSError, RuntimeError, ValueError, NotImplementedError, EOFError),
)
Say = Callable[..., Any]


@dataclass(frozen=True)
class Part:
    """A notebook.

    Attributes:
        name: With folders, and the name of the archive that a learner packed, where there is one.
        content: At most 20 MiB; nothing is known of it.
    """

    name: str
    content: bytes


def parts_of(file: Path | IO[bytes], where: str, say: Say, *, nested: bool = False) -> Iterator[Part]:
    """The notebooks of an archive, and of archives in it.

    Args:
        file: The archive.
        where: What names of parts begin with.
        say: Called with a format and its values for each entry that is left out; some are a stranger's words.
        nested: Whether this archive lies in another one; a third level is not opened.
    """
    try:
        archive = zipfile.ZipFile(file)
        entries = archive.infolist()
    except DAMAGED as error:
        say("Left out %s: it cannot be read (%s)", where or file, error)
        return
    left = WHOLE
    if len(entries) > ENTRIES:
        say("Left out what comes after %d files in %s", ENTRIES, where or file)
    with archive:
        for entry in entries[:ENTRIES]:
            name, suffix = where + entry.filename, PurePosixPath(entry.filename).suffix.lower()
            if entry.filename.endswith("/") or "__MACOSX" in name:
                continue
            if reason := _why_not(entry, suffix, nested=nested):
                say("Left out %.100r: %s", name, reason)
                continue
            try:
                with archive.open(entry) as part:
                    content = part.read(min(LARGEST, left) + 1)
            except DAMAGED as error:
                say("Left out %.100r: it cannot be read (%s)", name, error)
                continue
            left -= len(content)
            if left <= 0 or len(content) > LARGEST:
                say("Left out %.100r: larger than %d MiB, or the whole is too large", name, LARGEST // 2**20)
            elif suffix == ".zip":
                yield from parts_of(BytesIO(content), f"{name}/", say, nested=True)
            else:
                yield Part(name, content)


def _why_not(entry: zipfile.ZipInfo, suffix: str, *, nested: bool) -> str:
    """Why an entry is left alone; empty where it is not."""
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return "its name leads out of the archive"
    if len(entry.filename) > LONGEST:
        return "its name is endless"
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        return "a link or a device"
    if suffix != ".ipynb" and (suffix != ".zip" or nested):
        return "no notebook"
    return "it is encrypted" if entry.flag_bits & 1 else ""
