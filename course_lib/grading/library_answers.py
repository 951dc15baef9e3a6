"""library_answers: which functions of the library answer a question, and whether a notebook repeats one of them.

They are found by name, outside; ``library_calls`` notices them beside the learner.
"""

import importlib
import inspect
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from course_lib.questions.question import Question

LIBRARY = Path(__file__).parent.parent
ASKING = {"questions", "grading", "cli", "workshop", "widgets", "bench"}  # what asks for answers holds none
COPIED = 3  # lines in a row that nobody writes twice
LONG = 30  # characters of a line that says something


@cache
def _defined() -> dict[str, tuple[str, ...]]:
    """Where each function of the library is defined, by its name."""
    found: dict[str, list[str]] = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        parts = path.relative_to(LIBRARY).with_suffix("").parts
        if parts[0] in ASKING:
            continue
        module = ".".join(("course_lib", *(part for part in parts if part != "__init__")))
        for name in re.findall(r"^def (\w+)", path.read_text(encoding="utf-8"), re.M):
            found.setdefault(name, []).append(f"{module}.{name}")
    return {name: tuple(places) for name, places in found.items()}


def answering(question: Question) -> tuple[str, ...]:
    """The library's functions that answer a question, such as ``course_lib.losses.distillation_loss``."""
    reference = inspect.unwrap(question.reference)
    own = f"{reference.__module__}.{reference.__qualname__}"
    named = _defined().get(question.name, ())
    return named if own.startswith("course_lib.questions.") or own in named else (*named, own)


def copied(cells: Iterable[str], question: Question) -> str:
    """Which of the library's functions a submission repeats line by line, comments and docstring included; or none.

    Short answers look alike, whoever writes them, so several telling lines in a row are asked for.
    """
    handed_in = {line.strip() for source in cells for line in source.splitlines()}
    for name in answering(question):
        module, _, function = name.rpartition(".")
        source = inspect.getsource(inspect.unwrap(getattr(importlib.import_module(module), function)))
        row = 0
        for line in source.splitlines()[1:]:
            if len(line.strip()) >= LONG:
                row = row + 1 if line.strip() in handed_in else 0
            if row >= COPIED:
                return name
    return ""
