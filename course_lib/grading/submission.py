"""submission: a notebook as it was handed in, read once, of which nothing is believed.

The bytes that were hashed are the bytes that are judged. Whatever is wrong with the file is said in a sentence and
costs no more than its points.
"""

import hashlib
import json
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.errors import CourseError
from course_lib.questions import ASSIGNMENTS, questions_of

LARGEST = 20 * 2**20  # bytes; the notebooks of the course have less than a thousandth of this
CELLS = 2000
UNSHOWN = "\N{REPLACEMENT CHARACTER}"
TELLING = re.compile(
    r"""__code__|\bgetsource\b|\bimportlib\b|\bctypes\b|/proc/|\bgc\.get_|\b_getframe\b|\bsettrace\b|\bsetprofile\b"""
    r"""|\bcourse_lib\.grading\b|\bsubprocess\b|\bos\.(?:fork|kill|system|environ|_exit)\b|\bsocket\b|\bgradebook\b"""
    r"""|\bthreading\b|\bThreadPool\w*|\bmultiprocessing\b|\bos\.pipe\b|\bsymbolic_trace\b|\btorch\.fx\b"""
    r"""|\brunpy\b|\bsys\.modules\b|\b__file__\b|\bFunctionType\b|\bmarshal\b|\bjit\b"""
    r"""|(?<!def )(?<![.\w])(?:exec|eval|compile|__import__)(?=\s*\()"""  # but for methods, such as model.eval()
)  # what an answer has no need of


@dataclass(frozen=True)
class Submission:
    """A notebook that was handed in.

    Attributes:
        name: Of its file, without folders.
        folder: The name of the folder that it lies in.
        digest: SHA-256 of the file, in hexadecimal digits; empty where it could not be read.
        cells: The sources of its code cells, in order; empty where they cannot be run.
        ids: nbgrader's name of each of these cells; empty for cells without one.
        problems: What is wrong with the file, as sentences for the teacher.
        telling: Cells that a person should look at and why, likewise.
    """

    name: str
    folder: str
    digest: str
    cells: tuple[str, ...]
    ids: tuple[str, ...]
    problems: tuple[str, ...] = ()
    telling: tuple[str, ...] = ()

    def cell_of(self, question: str) -> int | None:
        """Which cell defines a function last, or bears its name."""
        pattern = re.compile(
            rf"^[ \t]*(?:async[ \t]+)?def[ \t]+{re.escape(question)}\b|^{re.escape(question)}[ \t]*=", re.M
        )
        defining = [number for number, source in enumerate(self.cells) if pattern.search(source)]
        named = [number for number, found in enumerate(self.ids) if found == question]
        return (defining or named or [None])[-1]


def read_submission(path: Path) -> Submission:
    """Read a notebook.

    Raises:
        CourseError: If there is no such file.
    """
    try:
        content, problem = _bytes_of(path)
    except FileNotFoundError as error:
        raise CourseError(f"there is no notebook {path}: check its name") from error
    except OSError as error:
        content, problem = b"", f"The file cannot be read: {error.strerror}."
    digest = hashlib.sha256(content).hexdigest() if content else ""
    cells, problems = ([], [problem]) if problem else _cells_of(content)
    doubled = sorted(name for name, count in Counter(found for _, found in cells).items() if name and count > 1)
    problems += [f"The cell {plain(name)} is there more than once; the last one counts." for name in doubled]
    telling = [
        f"Code cell {number} names {words}: look at it."
        for number, (source, _) in enumerate(cells, 1)
        if (words := ", ".join(sorted(set(TELLING.findall(source)))))
    ]
    sources, ids = tuple(source for source, _ in cells), tuple(found for _, found in cells)
    where = (plain(path.name), plain(path.absolute().parent.name))
    return Submission(*where, digest, sources, ids, tuple(problems), tuple(telling))


def _bytes_of(path: Path) -> tuple[bytes, str]:
    """The content of a plain file, or why it is not read."""
    if path.is_symlink():
        return b"", "The file is a symbolic link to another one."
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(opened, "rb") as file:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode):
            return b"", "This is no plain file."
        if found.st_size > LARGEST:
            return b"", f"The file has {found.st_size / 2**20:.0f} MiB; at most {LARGEST // 2**20} are read."
        content = file.read(LARGEST + 1)
        return content, "" if content else "The file is empty."


def _cells_of(content: bytes) -> tuple[list[tuple[str, str]], list[str]]:
    """Sources and names of the code cells, and what is wrong."""
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return [], [f"The file is no notebook: {type(error).__name__}."]
    if not isinstance(notebook, dict):
        return [], ["The file is no notebook: it holds no cells."]
    if language := _other_language(notebook):
        return [], [f"The notebook is written in {plain(language)}, not in Python."]
    code = [cell for cell in all_cells(notebook) if cell.get("cell_type") == "code"]
    if len(code) > CELLS:
        return [], [f"The notebook has {len(code)} code cells; at most {CELLS} are run."]
    cells = [(_text(cell.get("source")), _id_of(cell)) for cell in code]
    return cells, [] if cells else ["The notebook has no code cells."]


def all_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Every cell, for all who read a notebook: what is run is what is shown to people, and the other way round."""
    if "cells" in notebook:
        return [cell for cell in _items(notebook["cells"]) if isinstance(cell, dict)]
    found: list[Any] = []
    for sheet in _items(notebook.get("worksheets")):  # notebooks of format 3
        found += _items(sheet.get("cells") if isinstance(sheet, dict) else None)
    return [{"source": cell.get("input"), **cell} for cell in found if isinstance(cell, dict)]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    """A source, which is a text or a list of lines."""
    lines = value if isinstance(value, list) else [value]
    text = "".join(line for line in lines if isinstance(line, str))
    return text.encode("utf-8", "replace").decode()


def _under(value: Any, *names: str) -> str:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _id_of(cell: dict[str, Any]) -> str:
    return _text(_under(cell, "metadata", "nbgrader", "grade_id"))[:200]


def _other_language(notebook: dict[str, Any]) -> str:
    """The language of the kernel where it is known not to be Python."""
    spoken = (
        _under(notebook, "metadata", "kernelspec", "language"),
        _under(notebook, "metadata", "language_info", "name"),
    )
    return next((found for found in spoken if found and "python" not in found.lower()), "")


def assignment_of(submission: Submission) -> str:
    """Which assignment a submission belongs to: told from its cells, and where it has none, from names of files.

    Raises:
        CourseError: If it cannot be told.
    """
    code = "\n".join(submission.cells)
    named = set(submission.ids) | set(re.findall(r"""check\(\s*['"](\w+)['"]""", code))
    named |= set(re.findall(r"^[ \t]*def[ \t]+(\w+)", code, re.M))
    found = {
        name: len(named & {*questions_of(name), *map("check_{}".format, questions_of(name))}) for name in ASSIGNMENTS
    }
    best = max(found, key=lambda name: found[name])
    if found[best] and list(found.values()).count(found[best]) == 1:
        return best
    for name in ASSIGNMENTS:
        if name in (submission.folder, submission.name.removesuffix(".ipynb")):
            return name
    raise CourseError(f"cannot tell which assignment {submission.name} is: name it. Known: {', '.join(ASSIGNMENTS)}")


def plain(text: str, most: int = 200) -> str:
    """A text that can be printed anywhere: no control characters but line ends, no half characters, not endless."""
    shown = text if len(text) <= most else text[:most] + " [...]"
    shown = "".join(letter if letter.isprintable() or letter == "\n" else UNSHOWN for letter in shown)
    return shown.encode("utf-8", "replace").decode()


def in_a_line(text: object, most: int = 200) -> str:
    """The same for lists and logs, where a line end could pretend to be another entry."""
    return plain(str(text), most).replace("\n", UNSHOWN)
