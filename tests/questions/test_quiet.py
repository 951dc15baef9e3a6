"""Nothing that an answer prints, warns or logs is seen, and afterwards everything is as it was."""

import logging
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from course_lib.questions import find
from course_lib.questions.judging import judge
from course_lib.questions.quiet import quiet

ENTROPY = find("entropy")


def loud(stream):
    def answer(probs):
        print("print"), print("print", file=sys.stderr), print("print", file=stream)
        os.write(1, b"descriptor"), os.write(2, b"descriptor")
        sys.__stderr__.write("stream"), sys.__stderr__.buffer.write(b"buffer")
        warnings.simplefilter("always")
        warnings.warn("warning", stacklevel=1)
        logging.getLogger("learner").critical("log")
        subprocess.run([sys.executable, "-c", "print('child')"], check=True)
        np.log(np.zeros(1))
        return ENTROPY.reference(probs)

    return answer


def test_a_loud_answer_gets_all_points_and_nothing_is_heard(capfd):
    handler = logging.StreamHandler(sys.stderr)
    logging.root.addHandler(handler)
    try:
        assert judge(ENTROPY, loud(sys.stderr), 0).passed
    finally:
        logging.root.removeHandler(handler)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("level", [logging.NOTSET, logging.INFO])
def test_output_and_logging_are_as_before_afterwards(level, capfd):
    logging.disable(level)
    try:
        with quiet() as said:
            print("inside")
            logging.disable(logging.DEBUG)
            sys.stdout.close()
        assert logging.root.manager.disable == level and said.getvalue() == "inside\n"
        logging.getLogger("course").warning("heard")
    finally:
        logging.disable(logging.NOTSET)
    print("printed"), print("said", file=sys.stderr), os.write(1, b"written"), os.write(2, b"too")
    out, err = capfd.readouterr()
    assert "printed" in out and "written" in out and "said" in err and "too" in err
    assert "write" not in vars(sys.stdout)


def test_descriptors_that_are_closed_or_cannot_be_copied_do_not_matter(monkeypatch):
    def refused(*_):
        raise OSError("too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(os, "dup", refused)
        assert judge(ENTROPY, ENTROPY.reference, 0).passed
    code = "import os; from course_lib.questions.quiet import quiet\nos.close(1); os.close(2)\nwith quiet(): print('x')"
    assert subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL).returncode == 0


NOISE = """
import logging, os, subprocess, sys, warnings
from course_lib.questions.notebook import check
logging.basicConfig()
kept = sys.stderr
"""
LOUD = """
def entropy(probs):
    logging.warning("a warning of logging")
    logging.getLogger("learner").log(60, "and one above all levels")
    warnings.warn("a warning")
    print("printed", file=sys.stderr), print("kept", file=kept), print("real", file=sys.__stderr__)
    os.write(1, b"descriptor 1"), os.write(2, b"descriptor 2")
    subprocess.run([sys.executable, "-c", "import sys; print('a child', file=sys.stderr)"])
    sys.stderr.write("\\r|####  | 2/3"), sys.stderr.flush()  # as a progress bar does
    return -probs.xlogy(probs).sum(dim=1)
"""


@pytest.mark.verify
def test_a_loud_answer_in_a_real_kernel_leaves_standard_error_empty_and_gets_all_points_from_plain_nbgrader():
    import nbformat
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook
    from nbgrader.utils import determine_grade

    graded = {"grade": True, "locked": True, "solution": False, "points": ENTROPY.points, "grade_id": "check_entropy"}
    check = new_code_cell("check('entropy', entropy)", metadata={"nbgrader": graded})
    after = new_code_cell("logging.warning('heard again')\nos.write(2, b'and this');")
    notebook = new_notebook(cells=[new_code_cell(NOISE), new_code_cell(LOUD), check, after])
    inherited = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(env=inherited)  # which changes what kernels do
    assert [output.output_type for output in check.outputs] == ["execute_result"]
    assert "passed" in check.outputs[0].data["text/html"]
    assert determine_grade(nbformat.from_dict(check)) == (ENTROPY.points, ENTROPY.points)
    heard = "".join(output.text for output in after.outputs if output.get("name") == "stderr")
    assert "heard again" in heard and "and this" in heard
