"""Whatever is handed in is read, or said to be unreadable; nothing that a learner sends stops the reader."""

import hashlib
import json
import os

import pytest
from handed_in import PS, handed_in, notebook, solutions

from course_lib.errors import CourseError
from course_lib.grading import submission
from course_lib.grading.runner import judge_notebook
from course_lib.grading.submission import assignment_of, plain, read_submission
from course_lib.grading.tampering import cells_of, source_of
from course_lib.questions import ASSIGNMENTS, questions_of


def read(folder, content, name="ps.ipynb"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_submission(path)


def test_code_cells_come_in_order_with_their_names_and_the_bytes_are_known(tmp_path):
    path = handed_in(tmp_path)
    found = read_submission(path)
    assert found.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.ids[1:3] == ("softmax_with_temperature", "check_softmax_with_temperature") and not found.problems
    assert found.cells[found.cell_of("entropy")] == solutions()["entropy"]
    assert found.cell_of("nothing_like_it") is None


def test_sources_may_be_lists_and_notebooks_old(tmp_path):
    lines = {"cell_type": "code", "source": ["a = 1\n", "b = 2"], "metadata": {}}
    words = {"cell_type": "markdown", "source": "no code", "metadata": {}}
    assert read(tmp_path, json.dumps({"cells": [words, lines]})).cells == ("a = 1\nb = 2",)
    old = {"worksheets": [{"cells": [words, {"cell_type": "code", "input": ["c = 3"], "language": "python"}]}]}
    assert read(tmp_path, json.dumps(old | {"nbformat": 3})).cells == ("c = 3",)


CODE = {"cell_type": "code", "metadata": {}}


@pytest.mark.parametrize(
    "content",
    [
        {"cells": [CODE | {"source": "a = 1"}], "worksheets": [{"cells": [CODE | {"input": "a = 2"}]}]},
        {"cells": [CODE | {"input": "a = 2"}], "nbformat": 4},
        {"cells": None, "worksheets": [{"cells": [CODE | {"input": "a = 2"}]}]},
        {"worksheets": [{"cells": [CODE | {"input": ["a =", " 2"]}, CODE | {"input": "a = 2", "source": "a = 3"}]}]},
    ],
)
def test_what_is_run_is_what_people_are_shown(tmp_path, content):
    found = read(tmp_path, json.dumps(content))
    assert found.cells == tuple(source_of(cell) for cell in cells_of(tmp_path / "ps.ipynb"))


UNREADABLE = {
    "nothing": (b"", "empty"),
    "no JSON": (b'{"cells": [', "no notebook"),
    "no text": (b"\xff\xfe\x00\x80", "no notebook"),
    "endless lists": (b"[" * 10**6, "no notebook"),
    "a number": (b"7", "no notebook"),
    "no cells": (notebook([]), "no code cells"),
    "cells of nonsense": (json.dumps({"cells": [1, None, {}, {"cell_type": 3}]}), "no code cells"),
    "cells that are no list": (json.dumps({"cells": {"a": 1}, "metadata": 7}), "no code cells"),
    "another kernel": (notebook(["x <- 1"], language="R"), "written in R"),
    "too many cells": (notebook(["1"] * 2001), "2001 code cells"),
}


@pytest.mark.parametrize(("content", "sentence"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_run_is_said_and_gets_no_points(tmp_path, content, sentence):
    found = read(tmp_path, content)
    assert found.cells == () and sentence in " ".join(found.problems)
    report = judge_notebook(tmp_path / "ps.ipynb", PS, seed=1, isolated=False)
    assert report.points == 0 and report.max_points == 40 and sentence in " ".join(report.notes)
    assert {question.verdict for question in report.questions} == {"missing"}


def test_a_hundred_megabytes_are_not_read(tmp_path):
    path = tmp_path / "ps.ipynb"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)  # takes no room
    assert "100 MiB" in read_submission(path).problems[0]


def test_links_pipes_and_folders_are_not_followed(tmp_path):
    secret = handed_in(tmp_path)
    (tmp_path / "link.ipynb").symlink_to(secret)
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "folder.ipynb").mkdir()
    for name in ("link", "pipe", "folder"):
        found = read_submission(tmp_path / f"{name}.ipynb")
        assert found.problems and not found.cells and not found.digest


def test_a_missing_file_is_for_the_teacher_to_mend(tmp_path):
    with pytest.raises(CourseError, match="no notebook"):
        read_submission(tmp_path / "ps.ipynb")


def test_names_that_come_twice_are_noted_and_the_last_counts(tmp_path):
    cells = [("entropy", "def entropy(probs): return 1"), ("entropy", "def entropy(probs): return 2")]
    found = read(tmp_path, notebook(cells))
    assert found.problems == ("The cell entropy is there more than once; the last one counts.",)
    assert found.cell_of("entropy") == 1


def test_odd_names_and_halves_of_characters_can_be_printed(tmp_path):
    odd = notebook([("../../etc/\x1b[2J<b>", "x = '\ud800'"), ("../../etc/\x1b[2J<b>", "y = 1")], metadata={})
    found = read(tmp_path, odd)
    assert "\x1b" not in found.problems[0] and found.cells[0].encode()
    assert plain("a\x07b\u202ec\ud800\nd") == "a\ufffdb\ufffdc\ufffd\nd"
    assert plain("é√\n") == "é√\n" and len(plain("x" * 999)) < 300


def test_cells_that_need_a_look_are_named(tmp_path):
    found = read(tmp_path, notebook(["import torch", "import gc; gc.get_objects()", "open('/proc/1/environ')"]))
    assert len(found.telling) == 2 and "Code cell 2" in found.telling[0] and "/proc/" in found.telling[1]
    assert not read_submission(handed_in(tmp_path, name="solved.ipynb")).telling


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_assignment_is_told_from_the_cells(assignment, tmp_path):
    names = list(questions_of(assignment))
    by_function = [f"def {name}(*arguments): ..." for name in names[:3]]
    by_check = [f'check("{name}", print)' for name in names[:3]]
    by_name = [(f"check_{name}", "1") for name in names[:3]]
    for number, cells in enumerate((by_function, by_check, by_name)):
        assert assignment_of(read(tmp_path, notebook(cells), f"renamed {number}.ipynb")) == assignment
    assert assignment_of(read(tmp_path, "{", f"{assignment}.ipynb")) == assignment


def test_an_assignment_that_cannot_be_told_is_asked_for(tmp_path):
    found = read(tmp_path, notebook(["x = 1"]))
    with pytest.raises(CourseError, match=r"cannot tell which assignment ps\.ipynb is"):
        assignment_of(found)
    with pytest.raises(CourseError, match="unknown assignment"):
        judge_notebook(tmp_path / "ps.ipynb", "ps9", seed=0, isolated=False)


def test_reading_stops_at_the_limit_even_where_the_size_lies(tmp_path, monkeypatch):
    monkeypatch.setattr(submission, "LARGEST", 10)
    assert "at most" in read(tmp_path, b"x" * 11).problems[0]
