"""Notebooks as learners hand them in: the solutions of the first assignment, with other answers here and there."""

import json
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PS = "ps1_dark_knowledge"
SEED = 0x5EED_0F_A_7EAC8E5  # large, as one of grading should be


def need_jail():
    """Skip where there is no jail; fail where there has to be one."""
    from course_lib.grading.jail import why_not

    if reason := why_not():
        if os.environ.get("COURSE_REQUIRE_JAIL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


def notebook(cells, language="python", **more):
    """A notebook as JSON; cells are sources, or pairs of nbgrader's name and a source."""
    made = []
    for number, cell in enumerate(cells):
        name, source = cell if isinstance(cell, tuple) else (None, cell)
        metadata = {"nbgrader": {"grade_id": name}} if name else {}
        made.append({"cell_type": "code", "id": f"c{number}", "metadata": metadata, "source": source, "outputs": []})
    kernel = {"kernelspec": {"language": language, "name": language, "display_name": language}}
    return json.dumps({"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5} | more)


def solutions():
    """The right answers of the first assignment, by question."""
    found = json.loads((ROOT / "solutions" / PS / f"{PS}.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in found["cells"] if cell["cell_type"] == "code"]
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: "".join(cell["source"])
        for cell in cells
        if cell["metadata"]["nbgrader"]["solution"]
    }


def handed_in(folder, answers=None, before=(), name=f"{PS}.ipynb"):
    """A notebook with the solutions, but for these answers, behind these cells."""
    cells = [("imports", "import torch\n\nfrom course_lib.questions.notebook import check, hint"), *before]
    for question, right in solutions().items():
        cells.append((question, (answers or {}).get(question, right)))
        cells.append((f"check_{question}", f'check("{question}", {question})'))
    path = Path(folder) / name
    path.write_text(notebook(cells), encoding="utf-8")
    return path


def question_of(source):
    """The question whose function a cell defines."""
    return next(name for name in solutions() if re.search(rf"^def {name}\(", source, re.M))
