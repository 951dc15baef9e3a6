"""worker: ``python -m course_lib.grading.worker``, the other side of the border.

Reads from its standard input and answers on its standard output, in frames; both are moved out of the way before
anything of the learner's runs. Where the system can fork, a keeper stands in between; elsewhere everything happens in
one process, and the judge starts it anew when it is lost.

    from the judge    s (setup), then q for each question
    to the judge      r (ready), c (a cell begins), d (cells are done), a (answer), m (no such function), l (lost)
"""

import contextlib
import importlib
import json
import os
import sys
from typing import Any

from course_lib.grading import frames, processes, syscalls
from course_lib.grading.keeper import Keeper
from course_lib.grading.learner import Learner
from course_lib.grading.limits import Limits, limit_computing, lower
from course_lib.grading.watch import Abandoned, Lost

SETUP = 64 * 2**20  # bytes


class Line:
    """The line to the judge."""

    def __init__(self) -> None:
        """Take over standard input and output, and leave nothing behind in their places."""
        self.incoming, self.outgoing = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        os.close(nothing)

    def hear(self) -> tuple[bytes, bytes]:
        """The next frame."""
        return frames.read_frame(lambda most: os.read(self.incoming, most), SETUP)

    def send(self, frame: bytes) -> None:
        """Send a frame."""
        frames.write(self.outgoing, frame)

    def tell(self, kind: bytes, content: Any = None) -> None:
        """Send something as JSON."""
        self.send(frames.framed(kind, json.dumps(content).encode()))


def main() -> None:
    """Work for a judge until the line ends."""
    line = Line()
    _, content = line.hear()
    setup = json.loads(content)
    limits = Limits(**setup["limits"])
    processes.protect()
    lower(limits, isolated=setup["isolated"])
    _import(setup["modules"])
    syscalls.refuse()
    line.tell(b"r")
    try:
        with contextlib.suppress(Abandoned, EOFError, OSError):  # the judge has heard enough, or is gone
            (_with_keeper if setup["fork"] else _alone)(line, setup, limits)
    finally:
        processes.kill_all_but(None)
        os._exit(0)


def _import(modules: list[str]) -> None:
    """Import once what every process will need."""
    import torch
    from torch.utils.data._utils import signal_handling

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    torch.set_num_threads = lambda *_: None  # a fork after several threads hangs
    signal_handling._set_SIGCHLD_handler = lambda: None  # which ``syscalls`` refuses
    for name in ("course_lib.questions.calling", *modules):
        importlib.import_module(name)


def _with_keeper(line: Line, setup: dict[str, Any], limits: Limits) -> None:
    keeper = Keeper(setup, limits, line.tell, [line.incoming, line.outgoing])
    with contextlib.suppress(Lost):
        keeper.ready()
    while True:
        kind, content = line.hear()
        try:
            found = keeper.ask(frames.framed(kind, content))
        except Lost as lost:
            found = frames.framed(b"l", json.dumps(str(lost)).encode())
        kind = content = b""
        with contextlib.suppress(Lost):
            keeper.ready()  # while no question is here that a process which starts would inherit
        line.send(found)


def _alone(line: Line, setup: dict[str, Any], limits: Limits) -> None:
    lost = {int(number): how for number, how in setup["lost"].items()}

    def say(kind: bytes, content: bytes) -> None:
        line.send(frames.framed(kind, content))

    learner = Learner(setup["cells"], setup["names"], lost, limits, say)
    line.tell(b"d", {"errors": learner.run_cells(), "lost": lost})
    while True:
        _, content = line.hear()
        limit_computing(limits.question_seconds, for_good=False)
        line.send(learner.answer(content))


if __name__ == "__main__":
    sys.exit(main())
