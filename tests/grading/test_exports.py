"""Tables for learning platforms."""

import csv

import pytest
from nbgrader.api import Gradebook
from released_course import PS

from course_lib.errors import CourseError
from course_lib.grading.exports import Canvas, Moodle

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own


@pytest.fixture
def gradebook(course):
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as found:
        found.remove_assignment(PS)
        for name in ("ps1", "ps2"):
            found.add_assignment(name)
            found.add_notebook("notebook", name)
            found.add_grade_cell("check", "notebook", name, max_score=40, cell_type="code")
        found.add_student("4711", first_name="Ada", last_name="Lovelace", email="ada@example.org")
        found.add_student("eve", first_name="=HYPERLINK(1)", last_name="@Eve")
        for student, points in (("4711", 37.5), ("eve", 40.0)):
            found.add_submission("ps1", student)
            found.find_grade("check", "notebook", "ps1", student).auto_score = points
        found.find_submission_notebook("notebook", "ps1", "eve").late_submission_penalty = 10.0
        found.db.commit()
        yield found


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_canvas_gets_a_row_of_points_possible_and_one_for_each_student(gradebook, course):
    exporter = Canvas(to="out.csv", section="A", titles={"ps1": "Problem set 1 (99)"})
    exporter.export(gradebook)
    possible, ada, eve = table("out.csv")
    assert (possible["Student"], possible["Problem set 1 (99)"], possible["ps2"]) == ("Points Possible", "40", "40")
    assert (ada["Student"], ada["ID"], ada["SIS Login ID"], ada["Section"]) == ("Lovelace, Ada", "4711", "", "A")
    assert (ada["Problem set 1 (99)"], ada["ps2"]) == ("37.5", "")
    assert (eve["ID"], eve["SIS Login ID"], eve["Problem set 1 (99)"]) == ("", "eve", "30")


def test_moodle_gets_the_worksheet_of_one_assignment(gradebook, course):
    with pytest.raises(CourseError, match="ps1, ps2"):
        Moodle().export(gradebook)
    Moodle(assignment=["ps1"]).export(gradebook)
    ada, eve = table("moodle-ps1.csv")
    assert ada == {
        "Identifier": "Participant 4711",
        "Full name": "Lovelace, Ada",
        "Email address": "ada@example.org",
        "Status": "Submitted for grading",
        "Grade": "37.5",
        "Maximum Grade": "40",
    }
    assert eve["Grade"] == "30"
    Moodle(assignment=["ps2"], student=["eve"], to="two.csv").export(gradebook)
    (eve,) = table("two.csv")
    assert (eve["Grade"], eve["Status"]) == ("", "No submission")


def test_no_cell_is_a_formula(gradebook, course):
    Canvas(to="out.csv").export(gradebook)
    assert table("out.csv")[2]["Student"] == "'@Eve, =HYPERLINK(1)"
