"""process: the judge's end of the line to a worker."""

import contextlib
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from course_lib.errors import CourseError
from course_lib.grading import frames

FAREWELL = 2.0  # seconds for a worker to end by itself
Frame = tuple[bytes, bytes]


class Gone(Exception):
    """The worker has ended, or says nothing in time; how, in a word."""


class Process:
    """A worker that was started."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path | None, most: int):
        """Start it.

        Args:
            command: What is run.
            environment: All of its environment.
            folder: Where it starts; None where the jail says it.
            most: Bytes of a frame that it may send.
        """
        self.most = most
        self.said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
        self.frames: queue.SimpleQueue[Frame | str] = queue.SimpleQueue()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        end = self.process.stdout.fileno()
        try:
            while True:
                self.frames.put(frames.read_frame(lambda most: os.read(end, most), self.most))
        except frames.Malformed:
            self.frames.put("much")
        except (OSError, EOFError, ValueError):
            self.frames.put("killed")

    def hear(self, deadline: float) -> Frame:
        """The next frame.

        Raises:
            Gone: If there is none in time.
        """
        try:
            found = self.frames.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise Gone("timeout") from None
        if isinstance(found, str):
            raise Gone(found)
        return found

    def send(self, kind: bytes, content: bytes, deadline: float) -> None:
        """Send a frame; a worker that does not read is left in the end.

        Raises:
            Gone: If it could not be sent in time.
        """
        failed: list[Exception] = []
        thread = threading.Thread(target=self._write, args=(frames.framed(kind, content), failed), daemon=True)
        thread.start()
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive() or failed:
            raise Gone("killed" if failed else "timeout")

    def _write(self, frame: bytes, failed: list[Exception]) -> None:
        assert self.process.stdin is not None
        try:
            frames.write(self.process.stdin.fileno(), frame)
        except (OSError, ValueError) as error:
            failed.append(error)

    def refusal(self) -> CourseError:
        """Why it has not even started."""
        self.said.seek(0)
        lines = self.said.read(10_000).decode(errors="replace").strip().splitlines()
        return CourseError(f"the grader cannot start Python: {lines[-1] if lines else 'it says nothing'}")

    def close(self) -> None:
        """End it and all that belongs to it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()  # which a keeper understands
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=FAREWELL)
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()
        self.listener.join(timeout=FAREWELL)
        if not self.listener.is_alive():
            self.process.stdout.close()
        self.said.close()
