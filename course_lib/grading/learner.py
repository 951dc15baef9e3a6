"""learner: what happens in the process in which a learner's code runs.

The cells run in order; one that fails does not stop the rest. Then each question is answered in a forked child, which
gets its cases through a pipe of its own and sends back what was seen. Learners may do here what they like: the judge is
elsewhere.
"""

import ast
import contextlib
import linecache
import os
import re
import signal
import socket
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from json import dumps  # by name: a learner may change what the module holds
from typing import Any, NoReturn

import numpy as np

from course_lib.grading import frames, library_calls, wire
from course_lib.grading.draws import same_draws
from course_lib.grading.limits import Limits, limit_computing
from course_lib.questions.calling import call
from course_lib.questions.case import Case, Outputs
from course_lib.questions.raised import told

Say = Callable[[bytes, bytes], None]
CELL_MAGIC = re.compile(r"\s*%%(\w+).*")
AROUND_PYTHON = ("time", "timeit", "capture", "prun")  # cell magics that run Python; others are of another language


class Learner:
    """A learner's notebook at work."""

    def __init__(self, cells: Sequence[str], names: Sequence[str], lost: Mapping[int, str], limits: Limits, say: Say):
        """Prepare an empty namespace.

        Args:
            cells: Sources, in order.
            names: Of the questions.
            lost: Cells that are left out, because they do not come to an end.
            limits: Of computing time.
            say: Tells the keeper how far it is.
        """
        self.cells, self.names, self.lost, self.limits, self.say = cells, names, lost, limits, say
        self.main = types.ModuleType("__main__")
        shell = Shell(self.main.__dict__)
        self.main.__dict__.update(display=lambda *_, **__: None, get_ipython=lambda: shell)  # as every notebook has
        self.answers: dict[str, Callable[..., Any]] = {}

    def run_cells(self) -> dict[int, str]:
        """Run all cells; gives what was raised, by the number of the cell."""
        sys.modules["__main__"] = self.main
        sys.modules["course_lib.questions.notebook"] = _quiet_notebook()
        errors: dict[int, str] = {}
        same_draws()
        library_calls.listen()
        for number, source in enumerate(self.cells):
            if number in self.lost:
                continue
            self.say(b"c", str(number).encode())
            limit_computing(self.limits.cell_seconds, for_good=False)
            try:
                run_cell(source, f"cell {number + 1}", self.main.__dict__)
            except BaseException as error:  # sys.exit in a cell ends the cell
                errors[number] = told(error)
            self._remember()
        library_calls.look_around()
        return errors

    def _remember(self) -> None:
        """Keep the functions that were asked for: a later cell may use their names for something else."""
        for name in self.names:
            found = self.main.__dict__.get(name)
            own = not str(getattr(found, "__module__", "")).startswith("course_lib.")
            if callable(found) and (own or name not in self.answers):
                self.answers[name] = found

    def answer(self, content: bytes) -> bytes:
        """Answer a question, as a frame."""
        about, cases = wire.load_question(content)
        function = self.answers.get(about["name"])
        if function is None:
            return frames.framed(b"m")
        same_draws()
        with library_calls.watched(about["library"], refuse=about["refuse"]) as called:
            outputs = [_seen(function, case, about["differentiable"]) for case in cases]
            return frames.framed(b"a", wire.dump_answer(outputs, called))

    def serve(self, line: socket.socket) -> NoReturn:
        """Fork a child for each question that the keeper brings."""
        limit_computing(self.limits.cells_seconds, for_good=False)
        while True:
            _, ends, _, _ = socket.recv_fds(line, 1, 2)
            if len(ends) != 2:
                os._exit(0)
            child = os.fork()
            if not child:
                line.close()
                self._in_child(*ends)
            for end in ends:
                os.close(end)
            _, status, used = os.wait4(child, 0)
            ended = {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}
            self.say(b"e", dumps(ended | {"seconds": used.ru_utime + used.ru_stime}).encode())

    def _in_child(self, source: int, target: int) -> NoReturn:
        try:
            signal.signal(signal.SIGXCPU, signal.SIG_DFL)
            limit_computing(self.limits.question_seconds, for_good=True)
            kind, content = frames.read_frame(lambda most: os.read(source, most), 2**30)
            assert kind == b"q"
            frames.write(target, self.answer(content))
        finally:
            os._exit(0)


def run_cell(source: str, name: str, namespace: dict[str, Any]) -> None:
    """Run a cell as IPython does; hardly a magic has an effect."""
    code = python_of(source)
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)  # for inspect.getsource
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        exec(library_calls.of_notebook(compile(code, name, "exec", dont_inherit=True)), namespace)


def python_of(source: str) -> str:
    r"""A cell as Python, where it holds lines such as ``%matplotlib inline``, ``files = !ls`` or ``?torch.sum``.

    Example:
        >>> python_of("%matplotlib inline\nx = 1"), python_of("%%bash\nls")
        ("get_ipython().run_line_magic('matplotlib', 'inline')\nx = 1\n", '')
        >>> python_of("x = (7\n % 2)")
        'x = (7\n % 2)'
    """
    if magic := CELL_MAGIC.match(source):
        if magic[1] not in AROUND_PYTHON:
            return ""
        source = source[magic.end() :]
    try:
        ast.parse(source)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager  # slow to import, and seldom needed

        return TransformerManager().transform_cell(source)
    return source


def _seen(function: Callable[..., Any], case: Case, differentiable: Sequence[str]) -> Outputs:
    try:
        return call(function, case, differentiable)
    except BaseException as error:  # a KeyboardInterrupt of its own costs the case
        return {"error": np.array(told(error))}


class Shell:
    """What ``get_ipython()`` gives: whatever is asked of it does nothing, but that ``%time`` runs its line."""

    def __init__(self, namespace: dict[str, Any]):
        self._namespace = namespace

    def run_line_magic(self, name: str, line: str, *_: Any, **__: Any) -> None:
        """A line such as ``%time x = 1``."""
        if name == "time":
            exec(line, self._namespace)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


class _Later:
    def __repr__(self) -> str:
        return "judged later"


def _quiet_notebook() -> types.ModuleType:
    """``course_lib.questions.notebook`` without a judge."""
    quiet = types.ModuleType("course_lib.questions.notebook")
    quiet.__dict__.update(check=lambda *_, **__: _Later(), hint=lambda *_, **__: "", PUBLISHED_SEED=0)
    return quiet
