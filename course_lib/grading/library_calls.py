"""library_calls: the library's own answer to a question, noticed in a learner's process when it runs.

The code of the function is exchanged while its question is asked, so that every reference to it is met, whoever holds
it: other modules, names that a learner imported, partial functions. A learner may also run a file of the library
again, import it again or make a function of its code. Of each such step the interpreter tells (an audit hook, which
nobody can take away), and the library's code is known by what it consists of, whatever it is called then. Code that
was rewritten before it ran is somebody else's.
"""

import contextlib
import gc
import importlib
import inspect
import sys
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any

TOLD = {"exec": 0, "function.__new__": 0, "object.__setattr__": 2}  # and which part of what is told is the code
_own: dict[int, CodeType] = {}  # what is written in a notebook is judged by its text, see ``library_answers.copied``
_called: list[str] = []  # the functions that were called
_originals: dict[str, FunctionType | None] = {}
_asked: set[str] = set()  # those that answer the question that is asked now
_known: dict[Any, str] = {}  # the library's functions, by what their code consists of
_sentences: set[str] = set()  # with which they begin
_first: dict[str, FunctionType] = {}  # as they were before a learner's first cell
_twins: dict[str, list[FunctionType]] = {}  # other functions of the same code
_heard: set[str] = set()  # functions of which there may be twins


class LibraryAnswer(Exception):
    """A learner's function called the one that it should have been."""


def listen() -> None:
    """From now on, notice in this process when code of the library's functions is run again; before the first cell."""
    for place, module in list(sys.modules.items()):
        for value in list(vars(module).values()) if place.startswith("course_lib.") else ():
            function = inspect.unwrap(value) if callable(value) else None
            if isinstance(function, FunctionType) and function.__module__ == place and function.__doc__:
                name = f"{place}.{function.__name__}"
                _known[_mark(function.__code__)], _first[name] = name, function
                _sentences.add(function.__doc__)
    sys.addaudithook(_hear)


def of_notebook(code: CodeType) -> CodeType:
    """Remember code that was compiled from a cell."""
    _own[id(code)] = code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            of_notebook(each)
    return code


def _mark(code: CodeType) -> Any:
    """What a code object consists of, without its name and its place."""
    inner = tuple(_mark(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.co_code, inner, code.co_names, code.co_varnames


def _name_of(code: CodeType) -> str:
    """The library's function that a code object is; empty for all others, and for cells of a notebook."""
    told = code.co_consts[0] if code.co_consts else None  # all answers of the library have docstrings
    if not isinstance(told, str) or told not in _sentences or id(code) in _own:
        return ""
    return _known.get(_mark(code), "")


def _hear(event: str, told: tuple[Any, ...]) -> None:
    """What the interpreter tells."""
    if event in TOLD and isinstance(told[TOLD[event]], CodeType):
        for name in _named(told[TOLD[event]]):
            _heard.add(name)
            if name in _asked:
                _note(name)


def _named(code: CodeType) -> Iterator[str]:
    """The library's functions that a code object is, or defines."""
    if name := _name_of(code):
        yield name
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _named(each)


def look_around() -> None:
    """Find functions that are made of the library's code, where it was run again."""
    for function in gc.get_objects() if _heard else ():
        if type(function) is FunctionType and (name := _name_of(function.__code__)) and function is not _first[name]:
            _twins.setdefault(name, []).append(function)


@contextlib.contextmanager
def watched(names: Iterable[str], *, refuse: bool) -> Iterator[list[str]]:
    """Meanwhile, note in this process when one of these functions is called.

    Args:
        names: As ``library_answers.answering`` gives them.
        refuse: Whether the call raises instead of answering.

    Yields:
        A list that the names of the called functions are added to.
    """
    kept: list[tuple[FunctionType, CodeType]] = []
    for name in names:
        module, _, function = name.rpartition(".")
        found: Any = _first.get(name) or inspect.unwrap(getattr(importlib.import_module(module), function))
        if isinstance(found, FunctionType) and not found.__code__.co_freevars:
            _originals[name] = None if refuse else _copy(found)
            for each in (found, *_twins.get(name, ())):
                kept.append((each, each.__code__))
                each.__code__ = _stand_in(name)
            _asked.add(name)
    try:
        yield _called
    finally:
        _asked.clear()
        for each, code in kept:
            each.__code__ = code
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
    _note(name)
    return _originals[name](*arguments, **named)  # type: ignore[misc]


def _note(name: str) -> None:
    """Note a call; where it is refused, raise."""
    if name not in _called:
        _called.append(name)
    if _originals[name] is None:
        raise LibraryAnswer(f"{name} is the answer that the library gives: write your own")
