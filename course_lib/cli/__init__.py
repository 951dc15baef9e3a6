"""cli: the command ``course``. It reads options, calls the library, and says what went wrong in a line or two.

Torch takes seconds to import, so each command imports what it needs when it runs.
"""

import os
import sys
import time

from course_lib.cli import bench, check, data, grading, learn, look, run, study, workshop  # each adds its commands
from course_lib.cli.app import MISTAKE, STOPPED, app
from course_lib.errors import CourseError

__all__ = ["app", "bench", "check", "data", "grading", "learn", "look", "main", "run", "study", "workshop"]


ORDER = (
    "lab",
    "start",
    "check",
    "progress",
    "run",
    "recipes",
    "study",
    "claims",
    "report",
    "calibration",
    "bench",
    "doctor",
    "workshop",
    "collect",
    "grade",
    "regrade",
)  # of the list of commands
app.registered_commands.sort(key=lambda command: ORDER.index(getattr(command.callback, "__name__", "")))


def _on_rank() -> str:
    """Who speaks; ranks beside the first give it the time to say the same, upon which torchrun ends them."""
    rank = os.environ.get("RANK", "0")
    if rank == "0":
        return ""
    time.sleep(3)
    return f" on rank {rank}"


def main() -> None:
    """The command ``course``: a mistake that the user can mend ends in one message and code 2."""
    try:
        app()
    except CourseError as error:
        print(f"error{_on_rank()}: {error}", file=sys.stderr)
        sys.exit(MISTAKE)
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        print(f"error: {error.strerror or error}{place}. Nothing is left half-written", file=sys.stderr)
        sys.exit(MISTAKE)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(STOPPED)
