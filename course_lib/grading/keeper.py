"""keeper: stands between the judge and a learner's process, and has never run a line of the learner's.

It alone holds the lines to the judge. It starts the learner's process, starts it again without the cell that ended it,
gives each question's cases into a pipe that only this question's child holds, and cleans up after each.
"""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from json import loads
from typing import Any

from course_lib.grading import frames, processes
from course_lib.grading.limits import Limits
from course_lib.grading.running import Running, start
from course_lib.grading.watch import Lost, Until, Watch, allowed

TALK = 2**20  # bytes of what a learner's process may say of itself
STARTS = 60  # of a learner's process: each but the first has cost a cell or a question
FAREWELL = 5.0  # seconds in which a learner's process must notice that a child is gone


class Keeper:
    """Keeps one submission running."""

    def __init__(self, setup: dict[str, Any], limits: Limits, tell: Callable[[bytes, Any], None], ends: list[int]):
        """Nothing runs yet.

        Args:
            setup: Cells, names of questions, cells to leave out.
            limits: What may be used.
            tell: Tells the judge something.
            ends: Descriptors that nobody else may have; the first is the one on which the judge speaks.
        """
        self.setup, self.limits, self.tell, self.ends = setup, limits, tell, ends
        self.watch = Watch(limits, ends[0])
        self.lost = {int(number): str(how) for number, how in setup["lost"].items()}
        self.running: Running | None = None
        self.starts = 0

    def ready(self) -> Running:
        """A learner's process whose cells have run.

        Raises:
            Lost: If none stays.
        """
        while self.running is None:
            self.starts += 1
            if self.starts > STARTS:
                raise Lost("killed")
            self._follow_cells(start(self.setup, self.lost, self.limits, self.ends))
        return self.running

    def ask(self, question: bytes) -> bytes:
        """Put a question to a child of the learner's process.

        Args:
            question: A frame.

        Returns:
            The frame that came back, of which nothing is believed.

        Raises:
            Lost: If none did.
        """
        running = self.ready()
        running.ended.clear()
        until = allowed(self.limits.question_seconds, self.limits.patience)
        source, to_child = os.pipe()
        from_child, target = os.pipe()
        try:
            with contextlib.suppress(OSError):  # where the process is gone already, this is noticed below
                socket.send_fds(running.line, [b"q"], [source, target])
            os.close(source)
            os.close(target)
            found = self._exchange(running, question, to_child, from_child, until)
            if found[:1] not in (b"a", b"m"):
                raise frames.Malformed
            return found
        except frames.TooMuch:
            raise Lost("much") from None
        except frames.BROKEN:
            self._stop(running)
            raise Lost("killed") from None
        finally:
            os.close(to_child)
            os.close(from_child)
            self._clean(running)

    def _follow_cells(self, running: Running) -> None:
        """Follow the cells; one that ends the process, or goes on for ever, is left out from then on."""
        left = [number for number in range(len(self.setup["cells"])) if number not in self.lost]
        cell = left[0] if left else 0
        most = allowed(self.limits.cells_seconds, 1).computed
        until = allowed(self.limits.cell_seconds, self.limits.patience, most)
        try:
            while True:
                kind, content = self._hear(running, until)
                if kind == b"d":
                    errors = {int(number): str(error)[:1000] for number, error in loads(content).items()}
                    self.running = running
                    return self.tell(b"d", {"errors": errors, "lost": self.lost})
                place = left.index(int(content))
                cell = left[place]
                del left[: place + 1]  # none comes twice
                until = allowed(self.limits.cell_seconds, self.limits.patience, most)
                self.tell(b"c", cell)
        except Lost as error:
            self._stop(running)
            self.lost[cell] = str(error)
        except frames.BROKEN:
            self.lost[cell] = self._stop(running)

    def _hear(self, running: Running, until: Until) -> tuple[bytes, bytes]:
        """What the learner's process says next."""

        def read(length: int) -> bytes:
            self.watch.wait([running.line.fileno()], [], until)
            return running.line.recv(length)

        return frames.read_frame(read, TALK)

    def _exchange(self, running: Running, question: bytes, to_child: int, from_child: int, until: Until) -> bytes:
        """Hand over a question, take the answer."""
        left, found, line = memoryview(question), bytearray(), running.line.fileno()
        incoming = [from_child, line]
        os.set_blocking(to_child, False)
        os.set_blocking(from_child, False)
        while not frames.complete(found, self.limits.answer):
            readable, writable = self.watch.wait(incoming, [to_child] if left else [], until)
            if time.monotonic() > until.moment:
                raise Lost("timeout")
            if writable:
                left = frames.written(to_child, left)
            if from_child in readable and not frames.drain(from_child, found, 2**20):
                incoming.remove(from_child)
            elif line in readable:
                self._child_ended(running)
                frames.drain(from_child, found, self.limits.answer)
                if not frames.complete(found, self.limits.answer):
                    raise Lost(running.ended[0])
        return frames.frame_of(found)

    def _child_ended(self, running: Running) -> None:
        kind, content = self._hear(running, Until(time.monotonic() + FAREWELL))
        said = loads(content)
        if kind != b"e":
            raise frames.Malformed
        slow = float(said["seconds"]) >= self.limits.question_seconds
        running.ended.append("timeout" if slow or said["signal"] == getattr(signal, "SIGXCPU", -1) else "killed")

    def _clean(self, running: Running) -> None:
        """Leave nothing of a question; a learner's process that does not return to its post is ended."""
        if self.running is not running:
            return
        processes.kill_all_but(running.number)
        try:
            if not running.ended:
                self._child_ended(running)
        except (Lost, *frames.BROKEN):
            self._stop(running)

    def _stop(self, running: Running) -> str:
        """End a learner's process and all that came from it; gives how it ended, where it did by itself."""
        self.running = None
        running.line.close()
        processes.kill_all_but(running.number)
        time.sleep(0.02)  # time to be dead of its own doing
        with contextlib.suppress(OSError):
            os.killpg(running.number, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.kill(running.number, signal.SIGKILL)  # it may have left its group
        slow = False
        with contextlib.suppress(OSError):
            _, status, used = os.wait4(running.number, 0)
            spent = used.ru_utime + used.ru_stime
            slow = os.WTERMSIG(status) == signal.SIGXCPU or spent >= self.limits.cells_seconds
        processes.kill_all_but(None)
        return "timeout" if slow else "killed"
