"""tampering: which locked cells of a submission differ from what was released.

It is read from the file that was handed in, before nbgrader restores cells, so it says what the learner did and not
what is graded: edited checks are restored, and deleted ones are judged anyway.
"""

import json
from pathlib import Path
from typing import Any

from course_lib.grading.submission import LARGEST, all_cells

Cell = dict[str, Any]


def cells_of(path: Path) -> list[Cell]:
    """The cells of a notebook, whatever else is wrong with it; none where it cannot be read."""
    try:
        if not path.is_file():  # a pipe would keep its reader waiting
            return []
        with open(path, "rb") as file:
            return cells_in(file.read(LARGEST + 1))
    except OSError:
        return []


def cells_in(content: bytes) -> list[Cell]:
    """The cells of a notebook that was read; none where it is no notebook, or larger than any that is read."""
    try:
        notebook = json.loads(content.decode("utf-8-sig")) if len(content) <= LARGEST else None
    except (ValueError, RecursionError):
        return []
    return all_cells(notebook) if isinstance(notebook, dict) else []


def source_of(cell: Cell) -> str:
    """The text of a cell."""
    source = cell.get("source", "")
    lines = source if isinstance(source, list) else [source]
    text = "".join(line for line in lines if isinstance(line, str)).replace("\r\n", "\n")
    return text.encode("utf-8", "replace").decode()  # halves of characters cannot be written


def role_of(cell: Cell) -> Cell:
    """What nbgrader's metadata say of a cell; empty where they say nothing."""
    metadata = cell.get("metadata")
    role = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return role if isinstance(role, dict) else {}


def name_of(cell: Cell) -> str:
    """Its ``grade_id``; empty where it has none."""
    name = role_of(cell).get("grade_id", "")
    return name if isinstance(name, str) else ""


def tampering_notes(submitted: Path, released: Path) -> tuple[str, ...]:
    """What was done to cells that learners should leave alone, in the order of the notebook.

    Args:
        submitted: What was handed in.
        released: What learners were given.

    Returns:
        A sentence each; empty where every locked cell is as it was released, or nothing can be read.
    """
    theirs = [cell for cell in cells_of(submitted) if name_of(cell)]
    if not theirs:
        return ()
    found = {name_of(cell): cell for cell in reversed(theirs)}  # the first of each name, as it was released first
    notes: list[str] = []
    for cell in cells_of(released):
        name, role = name_of(cell), role_of(cell)
        if not name or not role.get("locked"):
            continue
        if name not in found:
            notes.append(f"locked cell {name} was deleted")
        elif source_of(found[name]) != source_of(cell) or found[name].get("cell_type") != cell.get("cell_type"):
            notes.append(f"locked cell {name} was changed")
        elif changed := [
            key for key in ("grade", "points", "locked") if role_of(found[name]).get(key) != role.get(key)
        ]:
            notes.append(f"the metadata of locked cell {name} were changed: {', '.join(changed)}")
    return tuple(notes)
