"""places: folders and files as the user wrote them."""

import os
from pathlib import Path


def absolute(data: str | None) -> str | None:
    """A folder by its full path, so that a run can be resumed from anywhere; a name as it is."""
    return str(Path(data).resolve()) if data is not None and Path(data).is_dir() and os.sep in data else data


def absolute_weights(network: str | None) -> str | None:
    """NAME@FILE with the full path of the file; any other name as it is."""
    name, at, weights = (network or "").partition("@")
    return f"{name}@{Path(weights).resolve()}" if at and Path(weights).is_file() else network


def free_folder(parent: Path, recipe: str) -> Path:
    """A new numbered folder, so that no run is ever overwritten."""
    number = 1
    while (parent / f"{recipe}-{number}").exists():
        number += 1
    return parent / f"{recipe}-{number}"
