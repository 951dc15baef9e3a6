"""library_answers: the library's own function that answers a question, noticed when it is called.

The functions are found by name, outside. Beside the learner their code is exchanged, so that every reference to them is
met, whoever holds it: other modules, names that a learner imported, partial functions.
"""

import contextlib
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from course_lib.questions.question import Question

LIBRARY = Path(__file__).parent.parent
ASKING = {"questions", "grading", "cli", "workshop", "widgets", "bench"}  # what asks for answers holds none
COPIED = 3  # lines in a row that nobody writes twice
LONG = 30  # characters of a line that says something
_called: list[str] = []  # in a learner's process, the functions that it called
_originals: dict[str, FunctionType | None] = {}


class LibraryAnswer(Exception):
    """A learner's function called the one that it should have been."""


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


@contextlib.contextmanager
def watched(names: Iterable[str], *, refuse: bool) -> Iterator[list[str]]:
    """Meanwhile, note in this process when one of these functions is called.

    Args:
        names: As ``answering`` gives them.
        refuse: Whether the call raises instead of answering.

    Yields:
        A list that the names of the called functions are added to.
    """
    kept: list[tuple[FunctionType, CodeType]] = []
    for name in names:
        module, _, function = name.rpartition(".")
        found: Any = inspect.unwrap(getattr(importlib.import_module(module), function))
        if isinstance(found, FunctionType) and not found.__code__.co_freevars:
            kept.append((found, found.__code__))
            _originals[name] = None if refuse else _copy(found)
            found.__code__ = _stand_in(name)
    try:
        yield _called
    finally:
        for found, code in kept:
            found.__code__ = code
        _called.clear()


def _copy(function: FunctionType) -> FunctionType:
    new = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
    new.__kwdefaults__ = function.__kwdefaults__
    return new


def _stand_in(name: str) -> CodeType:
    """Code that finds its way back here from any module, since it knows none of that module's names."""
    place: dict[str, Any] = {}
    source = f"def stand_in(*a, **k):\n return __import__({__name__!r}, fromlist=['meet']).meet({name!r}, a, k)"
    exec(source, place)
    return place["stand_in"].__code__


def meet(name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """What happens instead of the call of a watched function."""
    if name not in _called:
        _called.append(name)
    original = _originals[name]
    if original is None:
        raise LibraryAnswer(f"{name} is the answer that the library gives: write your own")
    return original(*arguments, **named)


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
