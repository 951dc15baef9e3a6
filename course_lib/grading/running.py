"""running: a learner's process, as its keeper starts it, with one line to the keeper."""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from json import dumps  # by name: a learner may change what the module holds
from typing import Any, NoReturn

from course_lib.grading import frames, processes
from course_lib.grading.learner import Learner
from course_lib.grading.limits import Limits, limit_computing


@dataclass
class Running:
    """A learner's process.

    Attributes:
        number: Of the process.
        line: On which it talks with the keeper.
        ended: How the child ended that has the question, once it has.
    """

    number: int
    line: socket.socket
    ended: list[str] = field(default_factory=list)


def start(setup: Mapping[str, Any], lost: Mapping[int, str], limits: Limits, ends: Sequence[int]) -> Running:
    """Start a learner's process.

    Args:
        setup: Cells, and the names of the questions.
        lost: Cells that are left out.
        limits: Of computing time.
        ends: Descriptors that it must not have.
    """
    line, theirs = socket.socketpair()
    number = os.fork()
    if number:
        theirs.close()
        return Running(number, line)
    try:
        os.setpgid(0, 0)
        line.close()
        for end in ends:
            os.close(end)
        processes.unprotect()
        _become_learner(setup, lost, limits, theirs)
    finally:
        os._exit(1)


def _become_learner(setup: Mapping[str, Any], lost: Mapping[int, str], limits: Limits, line: socket.socket) -> NoReturn:
    limit_computing(limits.cells_seconds, for_good=True)

    def say(kind: bytes, content: bytes) -> None:
        line.sendall(frames.framed(kind, content))

    learner = Learner(setup["cells"], setup["names"], lost, limits, say)
    say(b"d", dumps(learner.run_cells()).encode())
    learner.serve(line)
