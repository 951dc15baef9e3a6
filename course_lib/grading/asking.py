"""asking: puts the questions of an assignment to a submission, and brings back what was heard.

A worker that is lost costs the cell or the question that it was at; the next one goes on after it.
"""

import contextlib
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.grading import frames, jail, library_answers, wire
from course_lib.grading.limits import MIB, Limits
from course_lib.grading.process import Gone, Process
from course_lib.questions.case import Outputs, Sgd
from course_lib.questions.judging import Judge

STARTING = 120.0  # seconds: importing torch from a cold disk
SLACK = 10.0  # seconds for the keeper to notice first
KEPT = ("LD_LIBRARY_PATH", "SYSTEMROOT", "PATH")
WORKER = "course_lib.grading.worker"
QUIET = {
    "LANG": "C.UTF-8",
    "MPLBACKEND": "agg",
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "USER": "learner",
}


@dataclass(frozen=True)
class Heard:
    """What came back for a question.

    Attributes:
        how: ``answered``, ``missing``, ``malformed``, ``timeout``, ``memory``, ``much`` or ``killed``.
        outputs: One for each case, where it was answered.
        library: The library's answers that were called.
    """

    how: str
    outputs: tuple[Outputs, ...] = ()
    library: tuple[str, ...] = ()


@dataclass
class Run:
    """What is known of a submission while it runs.

    Attributes:
        heard: By question.
        errors: What cells raised, by their numbers.
        lost: Cells that did not come to an end, and how they ended.
        cell: The one that runs, if one does.
    """

    heard: dict[str, Heard] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    lost: dict[int, str] = field(default_factory=dict)
    cell: int | None = None


class Asking:
    """Runs the cells of a submission and puts every question to it."""

    def __init__(
        self,
        cells: Sequence[str],
        judges: Mapping[str, Judge],
        limits: Limits,
        *,
        isolated: bool,
        refuse: bool,
        fork: bool = True,
    ):
        """Nothing runs yet.

        Args:
            cells: Sources.
            judges: By question; they know the cases.
            limits: What may be used.
            isolated: Whether in a jail.
            refuse: Whether the library's answers raise when they are called.
            fork: Whether each question gets a process of its own, where the system can do that.
        """
        self.judges, self.limits, self.isolated, self.refuse = judges, limits, isolated, refuse
        self.library = {name: library_answers.answering(judge.question) for name, judge in judges.items()}
        self.setup = {
            "cells": list(cells),
            "names": list(judges),
            "limits": dataclasses.asdict(limits),
            "isolated": isolated,
            "modules": self._modules(),
            "fork": fork and hasattr(os, "fork"),
        }
        self.run = Run()

    def ask(self) -> Run:
        """All that was heard.

        Raises:
            CourseError: If not even an empty worker starts.
        """
        self.ends = time.monotonic() + self.limits.total_seconds
        for _ in range(len(self.setup["cells"]) + len(self.judges) + 1):
            if not self._open() or time.monotonic() > self.ends:
                break
            with self._worker() as worker:
                self._session(worker)
        self.run.heard |= dict.fromkeys(self._open(), Heard("timeout"))
        return self.run

    def _modules(self) -> list[str]:
        """What is imported once for all questions; a first optimizer would import for seconds in each child."""
        found = {place.rpartition(".")[0] for places in self.library.values() for place in places}
        cases = [case for judge in self.judges.values() for case in judge.cases]
        steps = any(isinstance(value, Sgd) for case in cases for value in case.arguments.values())
        return sorted(found | {"torch._dynamo"} if steps else found)

    def _open(self) -> list[str]:
        return [name for name in self.judges if name not in self.run.heard]

    @contextlib.contextmanager
    def _worker(self) -> Iterator[Process]:
        python = [sys.executable, "-P", "-m", WORKER]
        most = self.limits.answer + MIB
        with contextlib.ExitStack() as stack:
            if self.isolated:
                process = Process(jail.command(python, self.limits), QUIET | jail.ENVIRONMENT, None, most)
            else:
                scratch = tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True)
                folder = stack.enter_context(scratch)
                kept = {name: os.environ[name] for name in KEPT if name in os.environ}
                home = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP"), folder)
                process = Process(python, QUIET | kept | home, Path(folder), most)
            stack.callback(process.close)
            yield process

    def _session(self, worker: Process) -> None:
        """Ask what is open, as long as the worker lives."""
        try:
            worker.send(b"s", json.dumps(self.setup | {"lost": self.run.lost}).encode(), self._deadline(STARTING))
            worker.hear(time.monotonic() + STARTING)
        except Gone:
            raise worker.refusal() from None
        self.run.cell, name = None, None
        try:
            self._follow(worker, b"d")
            for name in self._open():
                self.run.heard[name] = self._put(worker, name)
        except (Gone, *frames.BROKEN) as error:
            how = str(error) if isinstance(error, Gone) else "killed"
            if self.run.cell is not None:
                self.run.lost[self.run.cell] = how
            elif name is not None:
                self.run.heard[name] = Heard(how)

    def _put(self, worker: Process, name: str) -> Heard:
        judge = self.judges[name]
        about = {"name": name, "differentiable": list(judge.question.differentiable)}
        about |= {"library": list(self.library[name]), "refuse": self.refuse}
        patience = self.limits.question_seconds * self.limits.patience
        worker.send(b"q", wire.dump_question(about, judge.cases), self._deadline(patience))
        kind, content = self._follow(worker, b"aml")
        if kind == b"m":
            return Heard("missing")
        if kind == b"l":
            return Heard(str(json.loads(content)))
        try:
            outputs, library = wire.load_answer(content, len(judge.cases))
        except frames.Malformed:
            return Heard("malformed")
        return Heard("answered", tuple(outputs), tuple(found for found in self.library[name] if found in library))

    def _follow(self, worker: Process, wanted: bytes) -> tuple[bytes, bytes]:
        """Wait for a frame of a certain kind, and remember what cells do meanwhile."""
        seconds = max(self.limits.cell_seconds, self.limits.question_seconds) * self.limits.patience + SLACK
        while True:
            kind, content = worker.hear(self._deadline(seconds))
            if kind == b"c":
                self.run.cell = int(content)
            elif kind == b"d":
                done = json.loads(content)
                self.run.errors = {int(number): str(error) for number, error in done["errors"].items()}
                self.run.lost |= {int(number): str(how) for number, how in done["lost"].items()}
                self.run.cell = None
            if kind in wanted:
                return kind, content

    def _deadline(self, seconds: float) -> float:
        return min(self.ends, time.monotonic() + seconds)
