"""stopping: whatever stops long work, what is done is kept, and the user is told how to go on."""

import errno
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import typer

from course_lib.cli.app import STOPPED
from course_lib.errors import CourseError

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def kept_when_stopped(console: "Console", again: str, destination: Path) -> "Iterator[Callable[[], bool]]":
    """Whatever stops long work, say that it is kept and how to go on with it."""
    from course_lib import experiment

    try:
        with asked_to_stop() as stop:
            yield stop
    except experiment.Interrupted:
        console.print(f"Stopped; everything done so far is kept. Go on with\n  {again}", highlight=False)
        raise typer.Exit(STOPPED) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        full = f"no space left on the device while writing to {destination}: free some, then go on with"
        raise CourseError(f"{full}\n  {again}") from error


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or a request to end has come; a second Ctrl-C ends at once."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("\nStopping after this step (Ctrl-C again stops at once) ...", file=sys.stderr)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
