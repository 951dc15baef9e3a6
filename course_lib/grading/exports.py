"""exports: tables of grades that learning platforms read.

    nbgrader export --exporter=course_lib.grading.exports.Canvas
    nbgrader export --exporter=course_lib.grading.exports.Moodle --assignment '["ps1_dark_knowledge"]'

Learners are known by the numbers that the platforms give them, which are in the names of the files that they hand in
(see ``archives``). Points are those of the gradebook, added by hand or not, late penalties taken off. A cell that a
spreadsheet would run as a formula is led by an apostrophe.

Sources: Instructure, "How do I import grades in the Gradebook?"; Moodle, "Offline grading worksheet".
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import ExportPlugin
from traitlets import Dict, Unicode

from course_lib.errors import CourseError, unknown
from course_lib.files import csv_text, write_atomically

FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Canvas(ExportPlugin):
    """A row for each student, a column for each assignment, as Canvas imports them into its Gradebook."""

    section = Unicode("", help="The section of the students, as Canvas calls it.").tag(config=True)
    titles = Dict(
        help="Assignment to what Canvas calls it, with its number: 'Problem set 1 (12345)'. By default, its name."
    ).tag(config=True)

    def export(self, gradebook: Gradebook) -> None:
        """Write the table."""
        assignments = list(_chosen(self, gradebook))
        titles = {each.name: str(self.titles.get(each.name, each.name)) for each in assignments}
        columns = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *titles.values()]
        rows: list[dict[str, Any]] = [
            {"Student": "Points Possible"} | {titles[each.name]: _plain(each.max_score) for each in assignments}
        ]
        for student in _students(self, gradebook):
            number = student.id.isdecimal()
            row = {"Student": _name(student), "ID" if number else "SIS Login ID": student.id, "Section": self.section}
            for each in assignments:
                points = _points(gradebook, each.name, student.id)
                row[titles[each.name]] = "" if points is None else _plain(points)
            rows.append(row)
        _write(self, self.to or "canvas.csv", columns, rows)


class Moodle(ExportPlugin):
    """The offline grading worksheet of one assignment."""

    def export(self, gradebook: Gradebook) -> None:
        """Write the table.

        Raises:
            CourseError: If several assignments would share it.
        """
        assignments = list(_chosen(self, gradebook))
        if len(assignments) != 1:
            names = ", ".join(each.name for each in assignments) or "none, before  make release"
            raise CourseError(
                f"a Moodle worksheet holds one assignment: name it with --assignment '[\"NAME\"]'. Known: {names}"
            )
        assignment = assignments[0]
        columns = ["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade"]
        rows: list[dict[str, Any]] = []
        for student in _students(self, gradebook):
            points = _points(gradebook, assignment.name, student.id)
            rows.append(
                {
                    "Identifier": f"Participant {student.id}" if student.id.isdecimal() else student.id,
                    "Full name": _name(student),
                    "Email address": student.email or "",
                    "Status": "No submission" if points is None else "Submitted for grading",
                    "Grade": "" if points is None else _plain(points),
                    "Maximum Grade": _plain(assignment.max_score),
                }
            )
        _write(self, self.to or f"moodle-{assignment.name}.csv", columns, rows)


def _chosen(plugin: ExportPlugin, gradebook: Gradebook) -> Iterator[Any]:
    wanted = {str(each) for each in plugin.assignment}
    known = [str(each.name) for each in gradebook.assignments]
    for name in sorted(wanted - set(known)):
        raise unknown("assignment", name, known)
    yield from (each for each in gradebook.assignments if not wanted or each.name in wanted)


def _students(plugin: ExportPlugin, gradebook: Gradebook) -> list[Any]:
    wanted = {str(each) for each in plugin.student}
    return sorted(
        (each for each in gradebook.students if not wanted or each.id in wanted), key=lambda student: str(student.id)
    )


def _points(gradebook: Gradebook, assignment: str, student: str) -> float | None:
    """What a student has, None where nothing was handed in."""
    try:
        submission = gradebook.find_submission(assignment, student)
    except MissingEntry:
        return None
    found: Any = submission
    return max(0.0, float(found.score) - float(found.late_submission_penalty or 0.0))


def _name(student: Any) -> str:
    return ", ".join(part for part in (student.last_name, student.first_name) if part) or str(student.id)


def _plain(points: float) -> str:
    return f"{points:g}"


def _write(plugin: ExportPlugin, destination: str, columns: list[str], rows: list[dict[str, Any]]) -> None:
    safe = [{key: _safe(str(value)) for key, value in row.items()} for row in rows]
    text = csv_text(columns, [dict.fromkeys(columns, "") | row for row in safe])
    write_atomically(Path(destination), text)
    plugin.log.info("Exporting grades to %s", destination)


def _safe(text: str) -> str:
    """Text that no spreadsheet runs."""
    return f"'{text}" if text.startswith(FORMULA) else text
