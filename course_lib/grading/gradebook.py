"""gradebook: nbgrader, run in this process: one writer of the database, one path to a score."""

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from glob import escape
from io import StringIO
from pathlib import Path
from typing import Any

from course_lib.errors import CourseError
from course_lib.grading.course_folder import Course
from course_lib.grading.log import digest_of
from course_lib.grading.submission import in_a_line
from course_lib.grading.terms import Terms

NODS = ("Please see the the above traceback", "There was an error processing", "Removing failed")
EXPECTED = ("Directory not found. Creating", "Clearing existing files")  # of what is replaced on purpose


class Nbgrader:
    """nbgrader's view of a course, as its configuration says."""

    def __init__(self, course: Course):
        """Read the configuration of a course."""
        self.course = course
        _find_alembic()
        self.app = _app(str(course.root))

    @property
    def library_answers(self) -> str:
        """The policy that the configuration names."""
        return str(self.app.config.JudgedExecution.get("library_answers", "zero"))

    def submissions(self, assignment: str) -> set[str] | None:
        """Who has a row in the gradebook; None where it does not know the assignment.

        Raises:
            CourseError: If the gradebook cannot be read.
        """
        from nbgrader.api import Gradebook, MissingEntry
        from sqlalchemy.exc import DBAPIError

        place = self.app.coursedir.db_url
        try:
            with Gradebook(place, self.app.coursedir.course_id) as gradebook:
                return {each.student.id for each in gradebook.find_assignment(assignment).submissions}
        except MissingEntry:
            return None
        except DBAPIError as error:
            raise _unusable(place, error) from error

    def release(self, assignment: str) -> str:
        """Run ``nbgrader generate_assignment``; what it complains of, empty where it is content."""
        from nbgrader.converters import GenerateAssignment

        return self._run(GenerateAssignment, assignment, ".")

    def collect(self, assignment: str, platform: str) -> list[str]:
        """Run ``nbgrader zip_collect``; what it complains of, each in a line.

        Raises:
            CourseError: If it stops.
        """
        from nbgrader.apps.zipcollectapp import ZipCollectApp

        where = Path.cwd()
        os.chdir(self.course.root)
        collecting = ZipCollectApp()
        with _said(collecting.log) as said:
            try:
                collecting.initialize([assignment, "--force", f"--CheckedExtractor.platform={platform}"])
                collecting.log.setLevel(logging.WARNING)
                collecting.start()
            except SystemExit as error:
                raise CourseError(f"nbgrader cannot collect {assignment}: {said.getvalue().strip()}") from error
            finally:
                os.chdir(where)
        return [line for line in said.getvalue().splitlines() if not line.startswith(EXPECTED)]

    def autograde(self, student: str, assignment: str, terms: Terms) -> str:
        """Run ``nbgrader autograde`` for one student; what it complains of, empty where it is content.

        Raises:
            CourseError: If the gradebook cannot be written.
        """
        from nbgrader.converters import Autograde

        ours = self.app.config.JudgedExecution
        ours.unsafe_no_jail, ours.library_answers = not terms.isolated, terms.library_answers
        return self._run(Autograde, assignment, escape(student))

    def _run(self, converter: type[Any], assignment: str, student: str) -> str:
        from nbgrader.converters import NbGraderException
        from sqlalchemy.exc import DBAPIError

        directory = self.app.coursedir
        directory.assignment_id, directory.student_id = assignment, student
        with _said(self.app.log) as said, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbgrader's own, about its database
            try:
                step = converter(coursedir=directory, parent=self.app)
                step.force = True  # what is there already is replaced
                step.start()
            except (NbGraderException, SystemExit, DBAPIError) as error:
                for cause in (error, error.__context__):  # everybody else's score would fail of it, too
                    if isinstance(cause, DBAPIError):
                        raise _unusable(directory.db_url, cause) from error
                return _telling(said.getvalue())
        return ""


def needs_autograding(course: Course, student: str, assignment: str, known: set[str]) -> bool:
    """Whether the gradebook lacks the report of a student as it is now.

    nbgrader writes a score before the autograded notebook, so a notebook that names the report vouches for the score.
    """
    try:
        report = course.report(student, assignment).read_text(encoding="utf-8")
        autograded = json.loads(course.autograded(student, assignment).read_text(encoding="utf-8"))
        named = autograded["metadata"]["course"]["report"]
    except (OSError, ValueError, KeyError, TypeError):
        return True
    return student not in known or named != digest_of(report)


def _unusable(place: str, error: Any) -> CourseError:
    """What to do about a database that cannot be used."""
    reason = in_a_line(error.orig)
    if "locked" in reason:
        way_out = "Another program writes to it: close Formgrader and whatever else is open on it"
    else:
        way_out = "Is it yours to write, is there room on the disk, is it nbgrader's?"
    return CourseError(f"the gradebook {place} cannot be used: {reason}. {way_out}; then go on with the same command")


def _telling(complaint: str) -> str:
    """The line of a complaint that says most: the last, which in a traceback is the error, but for nbgrader's nods."""
    lines = [line for line in complaint.splitlines() if line.strip() and not line.startswith(NODS)]
    line = lines[-1] if lines else "it stopped without a word"
    return in_a_line(line.removeprefix("course_lib.errors.CourseError: "), 500)


@cache
def _app(root: str) -> Any:
    from nbgrader.apps.baseapp import NbGrader

    app = NbGrader()
    where = Path.cwd()
    os.chdir(root)
    try:
        app.initialize([], root=root)
    except SystemExit as error:
        raise CourseError(f"nbgrader cannot read the configuration of {root}") from error
    finally:
        os.chdir(where)
    app.log.setLevel(logging.ERROR)
    return app


@contextmanager
def _said(log: logging.Logger) -> Iterator[StringIO]:
    """What nbgrader complains of, kept from the screen."""
    said, others, propagate = StringIO(), log.handlers, log.propagate
    handlers: list[logging.Handler] = [logging.StreamHandler(said)]
    handlers[0].setLevel(logging.WARNING)
    log.handlers, log.propagate = handlers, False
    try:
        yield said
    finally:
        log.handlers, log.propagate = others, propagate


def _find_alembic() -> None:
    """Let nbgrader find the command that it calls by name when it makes a gradebook."""
    here = str(Path(sys.executable).parent)
    folders = os.environ.get("PATH", "").split(os.pathsep)
    if here not in folders:
        os.environ["PATH"] = os.pathsep.join([here, *folders])
