"""Notes about locked cells tell what a learner did, and nothing of cells that they left alone."""

import json

import pytest
from released_course import PS

from course_lib.grading.rehearsal import cell_named, with_answer, with_source
from course_lib.grading.tampering import cells_in, cells_of, name_of, tampering_notes


@pytest.fixture
def notes(course, tmp_path):
    def of(notebook):
        path = tmp_path / "handed-in.ipynb"
        path.write_text(json.dumps(notebook))
        return tampering_notes(path, course.released(PS))

    return of


def test_untouched_locked_cells_answers_and_own_cells_give_no_notes(course, right, notes):
    assert notes(json.loads(course.released(PS).read_text())) == ()
    right["cells"].insert(3, {"cell_type": "code", "source": "1 + 1", "metadata": {}})
    right["metadata"] = {}
    assert notes(with_answer(right, "entropy", "return 0")) == ()


def test_line_ends_and_lists_of_lines_are_no_changes(right, notes):
    for cell in right["cells"]:
        text = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        cell["source"] = text.replace("\n", "\r\n").splitlines(keepends=True)
    assert notes(right) == ()


def test_changed_deleted_and_disarmed_cells_are_named_in_order(right, notes):
    changed = with_source(right, "check_entropy", "5.0")
    cell_named(changed, "check_softmax_with_temperature")["metadata"]["nbgrader"]["points"] = 60
    cell_named(changed, "ask_soft_cross_entropy")["cell_type"] = "code"
    changed["cells"] = [cell for cell in changed["cells"] if name_of(cell) != "check_distillation_loss"]
    assert notes(changed) == (
        "the metadata of locked cell check_softmax_with_temperature were changed: points",
        "locked cell check_entropy was changed",
        "locked cell ask_soft_cross_entropy was changed",
        "locked cell check_distillation_loss was deleted",
    )


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"cells": 3}', b"\xff", b"[" * 10**6])
def test_what_is_no_notebook_has_no_cells(content, tmp_path):
    assert cells_in(content) == []
    assert cells_of(tmp_path / "nowhere") == []


def test_odd_cells_are_read_as_far_as_they_go():
    content = b'{"cells": [1, {"metadata": {"nbgrader": {"grade_id": 3}}}, {"metadata": 1}, {"source": [1, "a"]}]}'
    assert [name_of(cell) for cell in cells_in(content)] == ["", "", ""]
