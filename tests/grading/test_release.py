"""What learners get is looked at before they get it."""

import json

import pytest
from released_course import PS

from course_lib.errors import CourseError
from course_lib.grading.rehearsal import cell_named
from course_lib.grading.release import faults_of, release


@pytest.fixture
def change(course):
    def run(edit, folder="exercises"):
        path = course.root / folder / PS / f"{PS}.ipynb"
        notebook = json.loads(path.read_text())
        edit(notebook)
        path.write_text(json.dumps(notebook))
        return list(faults_of(course, PS))

    return run


def test_what_nbgrader_made_is_released_with_its_points(course, nbgrader):
    assert release(course, nbgrader) == {PS: (7, 40)}


def test_a_line_of_an_answer_in_the_exercise_is_a_leak(change):
    line = "return torch.softmax(logits / temperature, dim=1)"

    def leak(notebook):
        cell_named(notebook, "intro")["source"] = f"Try\n    {line}"

    assert change(leak) == [f"a line of the answer to softmax_with_temperature is in the exercise: {line}"]


def test_marks_outputs_and_files_beside_the_exercise_are_leaks(change, course):
    (course.released(PS).parent / "answers.py").write_text("x")

    def leak(notebook):
        cell_named(notebook, "entropy")["source"] = "### END SOLUTION"
        cell_named(notebook, "check_entropy")["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "5"}]

    assert change(leak) == [
        "answers.py lies beside the exercise, and learners get it too",
        "a mark of a solution is left",
        "outputs are left",
    ]


def test_a_missing_an_open_and_a_cheap_check_are_told(change):
    def harm(notebook):
        notebook["cells"].remove(cell_named(notebook, "check_entropy"))
        cell_named(notebook, "check_distillation_loss")["metadata"]["nbgrader"]["locked"] = False
        cell_named(notebook, "check_soft_cross_entropy")["metadata"]["nbgrader"]["points"] = 4
        cell_named(notebook, "softmax_with_temperature")["metadata"]["nbgrader"]["solution"] = False

    assert change(harm) == [
        "softmax_with_temperature has no cell for its answer",
        "entropy has no locked check cell",
        "soft_cross_entropy is worth 5 points, its check cell 4",
        "distillation_loss has no locked check cell",
        "the points add up to 34, they should to 40",
    ]


def test_every_fault_is_told_at_once_and_nothing_to_release_too(course, nbgrader):
    path = course.root / "solutions" / PS / f"{PS}.ipynb"
    notebook = json.loads(path.read_text())
    cell_named(notebook, "check_entropy")["metadata"]["nbgrader"]["points"] = 4
    path.write_text(json.dumps(notebook))
    with pytest.raises(CourseError, match=r"(?s)entropy is worth 5.*add up to 39"):
        release(course, nbgrader)
    path.unlink()
    with pytest.raises(CourseError, match="nothing to release"):
        release(course, nbgrader)
