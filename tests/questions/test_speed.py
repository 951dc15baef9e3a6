"""A card comes within a second, also the first one of a fresh kernel, also that of a wrong answer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.questions import ASSIGNMENTS, questions_of

ROOT = Path(__file__).parent.parent.parent
SECONDS = 1.0  # of computing: what else runs on the machine does not count
FRESH = """
import json, os, sys, time
cells = json.load(open(sys.argv[1]))["cells"]
notebook = {}
exec("".join(next(cell["source"] for cell in cells if cell["id"] == "imports")), notebook)
from course_lib.questions import find
for name in sys.argv[2:]:
    for answer in [find(name).mistakes[0].wrong, find(name).mistakes[-1].wrong, find(name).reference]:
        sys.stdout.flush()
        if not os.fork():  # each finds what the imports have left, and nothing of the others
            before = time.process_time()
            verdict = notebook["check"](name, answer)
            print(json.dumps([name, answer.__name__, verdict.status, time.process_time() - before]), flush=True)
            os._exit(0)
        os.wait()
"""


@pytest.mark.verify
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_first_check_of_a_fresh_kernel_takes_less_than_a_second(assignment):
    names = list(questions_of(assignment))
    notebook = ROOT / "exercises" / assignment / f"{assignment}.ipynb"
    command = [sys.executable, "-c", FRESH, notebook, *names]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}  # as in a kernel
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [status for _, _, status, _ in found] == ["wrong", "wrong", "passed"] * len(names)
    slow = [each for each in found if each[-1] > SECONDS]
    assert not slow
