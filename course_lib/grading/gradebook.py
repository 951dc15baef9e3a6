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
from course_lib.grading.terms import Terms

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
        """Who has a row in the gradebook; None where it does not know the assignment."""
        from nbgrader.api import Gradebook, MissingEntry

        with Gradebook(self.app.coursedir.db_url, self.app.coursedir.course_id) as gradebook:
            try:
                return {each.student.id for each in gradebook.find_assignment(assignment).submissions}
            except MissingEntry:
                return None

    def release(self, assignment: str) -> str:
        """Run ``nbgrader generate_assignment``; what it complains of, empty where it is content."""
        from nbgrader.converters import GenerateAssignment

        return self._run(GenerateAssignment, assignment, ".", force=True)

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
        """Run ``nbgrader autograde`` for one student; what it complains of, empty where it is content."""
        from nbgrader.converters import Autograde

        ours = self.app.config.JudgedExecution
        ours.unsafe_no_jail, ours.library_answers = not terms.isolated, terms.library_answers
        return self._run(Autograde, assignment, escape(student), force=True)

    def _run(self, converter: type[Any], assignment: str, student: str, *, force: bool) -> str:
        from nbgrader.converters import NbGraderException

        directory = self.app.coursedir
        directory.assignment_id, directory.student_id = assignment, student
        with _said(self.app.log) as said, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbgrader's own, about its database
            try:
                step = converter(coursedir=directory, parent=self.app)
                step.force = force
                step.start()
            except (NbGraderException, SystemExit):
                return said.getvalue().strip() or "nbgrader stopped without a word"
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
