"""files: a file is there whole, or not at all.

Everything that a run writes goes to a temporary name beside its place, is flushed to the disk, and is then renamed. A
kill at any moment leaves the old file or the new one, never half of either. Tensors are kept as safetensors, which load
without executing anything.
"""

import csv
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from course_lib.errors import CourseError

if TYPE_CHECKING:
    from torch import Tensor

WORDS = "words"
UNFINISHED = re.compile(r"\..+\.(?P<writer>\d+)\.tmp", re.DOTALL)  # and the process that writes it


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file under a temporary name, flush it to the disk, rename it.

    Args:
        path: Where the file shall be; folders on the way are made.
        content: Bytes, or text that is encoded as UTF-8.

    Raises:
        OSError: If the disk is full or the place cannot be written; what stood at ``path`` is still there.
    """
    with _replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def copy_atomically(source: Path, path: Path) -> None:
    """Copy a file of any size as ``write_atomically`` writes; the copy has the time of copying."""
    with open(source, "rb") as original, _replacing(path) as file:
        shutil.copyfileobj(original, file)


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place when all is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_unfinished(folder: Path, *, below: bool = False) -> None:
    """Remove what writers left behind that were killed; what a living process writes stays.

    Args:
        folder: Where they wrote.
        below: Whether also in all folders below.
    """
    for path in folder.rglob(".*.tmp") if below else folder.glob(".*.tmp"):
        found = UNFINISHED.fullmatch(path.name)
        if found and not _lives(int(found["writer"])):
            path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    """Whether a process of this machine lives, or might."""
    if sys.platform == "win32":  # where the signal 0 is no question but an interrupt
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A table as text, with one line end on every machine."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def tensor_bytes(tensors: "Mapping[str, Tensor]", metadata: Mapping[str, str]) -> bytes:
    """Named tensors and a few words about them as the bytes of a safetensors file.

    The words go into one entry of the file's metadata, because safetensors writes several in an order that changes from
    process to process, and equal content shall be equal bytes.
    """
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(plain, metadata={WORDS: json.dumps(dict(metadata), sort_keys=True)})


def save_tensors(path: Path, tensors: "Mapping[str, Tensor]", metadata: Mapping[str, str]) -> None:
    """Save named tensors and a few words about them in one safetensors file, atomically."""
    write_atomically(path, tensor_bytes(tensors, metadata))


def load_tensors(path: Path) -> "tuple[dict[str, Tensor], dict[str, str]]":
    """Load what ``save_tensors`` saved; no code from the file is executed.

    Returns:
        The tensors by name, on the CPU, and the words saved with them.

    Raises:
        CourseError: If the file is missing, truncated or not a safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            words = dict(json.loads((file.metadata() or {}).get(WORDS, "{}")))
            return {name: file.get_tensor(name) for name in file.keys()}, words
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise CourseError(f"cannot read {path} as safetensors: {error}") from error
