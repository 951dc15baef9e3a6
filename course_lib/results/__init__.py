"""results: tables and predictions of real runs, small enough to travel with the library.

    import course_lib as cl
    shipped = cl.results.load("fashion/four-arms")
    shipped.table("summary"), shipped.predictions("ce-seed0"), shipped.manifest["command"]

A result is a folder ``<data>/<study>/``: tables as CSV, predictions as safetensors in float16, and ``manifest.json``,
which says how it came to be and holds the SHA-256 of every other file. What does not match its manifest is refused.
"""

import csv
import hashlib
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_lib.errors import CourseError, unknown
from course_lib.files import csv_text, write_atomically

if TYPE_CHECKING:
    from course_lib.predictions import Predictions

SHIPPED = Path(__file__).parent
MANIFEST = "manifest.json"
_OWN_FILE = re.compile(r"(predictions/[\w.=+-]+\.safetensors)|([\w-]+\.csv)")
IMAGES_AT_MOST = 2000  # whose predictions are kept
Cell = str | float | None
Row = Mapping[str, Cell]


@dataclass(frozen=True)
class Result:
    """One study on one data set.

    Attributes:
        name: ``<data>/<study>``.
        folder: Where it lies.
        manifest: How it came to be: command, revision, settings, seeds, versions, hardware, seconds, files.
    """

    name: str
    folder: Path
    manifest: dict[str, Any]

    @property
    def tables(self) -> list[str]:
        """The names of its tables."""
        return [name.removesuffix(".csv") for name in self.manifest["files"] if name.endswith(".csv")]

    @property
    def models(self) -> list[str]:
        """The models whose predictions it holds."""
        found = (Path(name) for name in self.manifest["files"] if name.startswith("predictions/"))
        return [path.stem for path in found]

    def table(self, name: str) -> list[dict[str, Cell]]:
        """The rows of a table; numbers as float, empty cells as None.

        Raises:
            CourseError: If there is no such table.
        """
        if name not in self.tables:
            raise unknown(f"table of {self.name}", name, self.tables)
        text = (self.folder / f"{name}.csv").read_text()
        return [{key: _value(cell) for key, cell in row.items()} for row in csv.DictReader(io.StringIO(text))]

    def predictions(self, model: str) -> "Predictions":
        """Test predictions of a model, on at most 2,000 images that are the same for all.

        Raises:
            CourseError: If the result holds none of this model.
        """
        from dataclasses import replace

        from course_lib.predictions import Predictions

        if model not in self.models:
            raise unknown(f"model of {self.name}", model, self.models)
        stored = Predictions.load(self.folder / "predictions" / f"{model}.safetensors")
        return replace(stored, logits=stored.logits.float())

    @property
    def origin(self) -> str:
        """How it came to be, in one line: command, revision, seeds and machine."""
        made, machine = self.manifest, self.manifest["environment"]
        parts = [f"{self.name}: {made['command']}", f"revision {made['revision']}", f"seeds {made['seeds']}"]
        return " · ".join([*parts, f"{machine['processor']}, {machine['threads']} thread, torch {machine['torch']}"])


def names(root: Path = SHIPPED) -> list[str]:
    """All results, as ``<data>/<study>``."""
    return sorted(path.parent.relative_to(root).as_posix() for path in root.glob(f"*/*/{MANIFEST}"))


def load(name: str, root: Path = SHIPPED) -> Result:
    """A result, after its files were held against its manifest.

    Args:
        name: ``<data>/<study>``, such as ``digits/four-arms``.
        root: The folder of results; by default those that came with the library.

    Returns:
        The result.

    Raises:
        CourseError: If there is no such result, or a file is missing, damaged or not the one that was shipped.
    """
    if name not in names(root):
        raise unknown("result", name, names(root))
    return read(root / name, name)


def read(folder: Path, name: str | None = None) -> Result:
    """The result in a folder that ``course study`` wrote, checked likewise."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        files = dict(manifest["files"])
        told = f"{manifest['data']}/{manifest['study']}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CourseError(
            f"cannot read {folder / MANIFEST} ({error}): run the study again, or install again"
        ) from error
    if name is not None and told != name:
        raise CourseError(f"{folder / MANIFEST} is that of {told}, not of {name}: install course_lib again")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    if unnamed := sorted(there - set(files)):
        raise CourseError(f"{folder / unnamed[0]} is not named in its manifest: run the study again")
    if outside := sorted(file for file in files if not _OWN_FILE.fullmatch(file)):
        raise CourseError(
            f"{folder / MANIFEST} names {outside[0]!r}, which is no file of a result: run the study again"
        )
    for file, expected in files.items():
        try:
            found = digest((folder / file).read_bytes())
        except OSError as error:
            raise CourseError(f"{folder / file} is named in its manifest, but cannot be read: {error}") from error
        if found != expected:
            raise CourseError(
                f"{folder / file} does not match its manifest: it was changed after the run. "
                "Run the study again, or install course_lib again"
            )
    return Result(told, folder, manifest)


def write(
    folder: Path, about: Mapping[str, Any], tables: Mapping[str, Sequence[Row]], models: "Iterable[Predictions]"
) -> Result:
    """Write a result, its manifest last.

    Args:
        folder: Where it shall lie.
        about: What the manifest says beside the hashes of the files.
        tables: Rows by name; the columns of a table are those of its first row. Numbers get six digits.
        models: Test predictions to keep, of every model the same images; at most 2,000 of them are kept.

    Returns:
        The result, read back.
    """
    from course_lib.results.half import halved

    for name, rows in tables.items():
        cells = [{key: _text(value) for key, value in row.items()} for row in rows]
        write_atomically(folder / f"{name}.csv", csv_text(list(rows[0]) if rows else [], cells))
    kept = [f"{name}.csv" for name in tables]
    for predictions in models:
        file = f"predictions/{predictions.model}.safetensors"
        halved(predictions).save(folder / file)
        kept.append(file)
    files = {file: digest((folder / file).read_bytes()) for file in kept}
    write_atomically(folder / MANIFEST, json.dumps({**about, "files": files}, indent=2) + "\n")
    return read(folder)


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def some_of(predictions: "Predictions") -> "Predictions":
    """The predictions of at most 2,000 images, spread evenly over the split; always the same ones."""
    from dataclasses import replace

    import torch

    n = len(predictions.labels)
    if n <= IMAGES_AT_MOST:
        return predictions
    rows = torch.arange(IMAGES_AT_MOST) * n // IMAGES_AT_MOST
    mark = f"{predictions.index_hash}/{IMAGES_AT_MOST}"
    return replace(predictions, logits=predictions.logits[rows], labels=predictions.labels[rows], index_hash=mark)


def _text(value: Any) -> str:
    """A cell: numbers with six significant digits, nothing for None and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _value(cell: str) -> Cell:
    if cell == "":
        return None
    try:
        return float(cell)
    except ValueError:
        return cell
