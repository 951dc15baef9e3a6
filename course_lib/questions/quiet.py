"""quiet: nothing that a learner's code prints, warns or logs reaches the notebook while an answer is called.

What a cell writes to standard error costs all its points in a plain nbgrader, and it gets there in many ways: warnings,
logging, a stream that was kept from an earlier cell, the file descriptor itself.
"""

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np


class Said(io.StringIO):
    """What was printed."""

    def close(self) -> None:
        """Stay open: what was printed is read afterwards, whatever a learner closes."""


@contextlib.contextmanager
def quiet() -> Iterator[Said]:
    """Send all output elsewhere, and leave everything as it was; gives what is printed meanwhile."""
    said = Said()
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        warnings.showwarning = _unseen  # should a learner want to see all of them
        stack.enter_context(np.errstate(all="ignore"))
        stack.enter_context(_no_logging())
        streams: list[Any] = [sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__]
        for stream in {id(stream): stream for stream in streams if stream}.values():
            stack.enter_context(_muted(stream))
        for descriptor, stream in ((1, sys.__stdout__), (2, sys.__stderr__)):
            stack.enter_context(_nowhere(descriptor, stream))
        stack.enter_context(contextlib.redirect_stdout(said))
        stack.enter_context(contextlib.redirect_stderr(Said()))
        yield said


def _unseen(*_: Any, **__: Any) -> None:
    """Show a warning to nobody."""


@contextlib.contextmanager
def _no_logging() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(sys.maxsize)
    try:
        yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def _muted(stream: Any) -> Iterator[None]:
    """A stream that forgets what is written to it, whoever has kept it."""
    before = getattr(stream, "__dict__", {}).get("write")  # of those that somebody redirects already
    with contextlib.suppress(AttributeError, TypeError):  # where a stream takes no other method, its descriptor is left
        stream.write = len
    try:
        yield
    finally:
        with contextlib.suppress(AttributeError, TypeError):
            if before is None:
                del stream.write
            else:
                stream.write = before


@contextlib.contextmanager
def _nowhere(descriptor: int, stream: Any) -> Iterator[None]:
    """A file descriptor that leads nowhere, on systems and in processes where it can be changed."""
    kept = -1
    _flush(stream)
    with contextlib.suppress(OSError):
        kept = os.dup(descriptor)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    try:
        yield
    finally:
        _flush(stream)
        with contextlib.suppress(OSError):
            os.dup2(kept, descriptor)
            os.close(kept)


def _flush(stream: Any) -> None:
    with contextlib.suppress(Exception):  # there may be none, or it is closed
        stream.flush()
