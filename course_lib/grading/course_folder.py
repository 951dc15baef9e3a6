"""course_folder: where a teacher's course keeps what, and the secret that its grades rest on.

submitted/STUDENT/PS/PS.ipynb    what learners handed in
graded/STUDENT/PS.json, .html    what is known of it: for the teacher, and for the learner
graded/PS.html                   the class
graded/log.jsonl                 when each was judged, and on what terms
.grading-seed                    of the cases that learners never see
"""

import contextlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from course_lib.errors import CourseError, unknown
from course_lib.files import write_atomically
from course_lib.questions import ASSIGNMENTS, PUBLISHED_SEED

CONFIG = "nbgrader_config.py"
STUDENT = re.compile(r"\w[\w.@+ -]{0,99}")  # a folder, a row of the gradebook, and text on nbgrader's pages
SEED_BITS = 62


@dataclass(frozen=True)
class Course:
    """The folder of a course.

    Attributes:
        root: Where ``nbgrader_config.py`` lies.
    """

    root: Path

    @classmethod
    def here(cls) -> "Course":
        """The course in the current folder.

        Raises:
            CourseError: If there is none.
        """
        root = Path.cwd()
        if not (root / CONFIG).is_file():
            raise CourseError(f"{root} is no course: there is no {CONFIG}. Go to the folder that has one")
        return cls(root)

    def submission(self, student: str, assignment: str) -> Path:
        """What a learner handed in."""
        return self.root / "submitted" / student / assignment / f"{assignment}.ipynb"

    def released(self, assignment: str) -> Path:
        """What learners were given."""
        return self.root / "exercises" / assignment / f"{assignment}.ipynb"

    def autograded(self, student: str, assignment: str) -> Path:
        """What nbgrader made of a submission."""
        return self.root / "autograded" / student / assignment / f"{assignment}.ipynb"

    def report(self, student: str, assignment: str) -> Path:
        """What is known of a submission."""
        return self.root / "graded" / student / f"{assignment}.json"

    def page(self, student: str, assignment: str) -> Path:
        """What its learner reads."""
        return self.root / "graded" / student / f"{assignment}.html"

    def class_page(self, assignment: str) -> Path:
        """What the teacher reads."""
        return self.root / "graded" / f"{assignment}.html"

    def people(self, assignment: str) -> Path:
        """What a learning platform calls those who handed in."""
        return self.root / "downloaded" / assignment / "people.json"

    @property
    def log(self) -> Path:
        """One line for each time that something was judged."""
        return self.root / "graded" / "log.jsonl"

    def students(self, assignment: str) -> list[str]:
        """Everybody who handed something in, in alphabetical order."""
        return sorted(path.parent.name for path in (self.root / "submitted").glob(f"*/{assignment}") if path.is_dir())

    def seed(self) -> int:
        """The seed of the cases; it is drawn when it is asked for the first time, and kept.

        Raises:
            CourseError: If the file holds no seed.
        """
        path = self.root / ".grading-seed"
        if not path.exists():
            _write_secret(path, str(secrets.randbits(SEED_BITS)))
        text = path.read_text().strip()
        if not text.isdecimal():
            raise CourseError(f"{path} holds no seed, which is a whole number. Name one with --seed")
        return _secret(int(text))

    def set_seed(self, seed: int) -> None:
        """Grade with this seed from now on.

        Raises:
            CourseError: If it is the one of the self-checks, which everybody knows.
        """
        _write_secret(self.root / ".grading-seed", str(_secret(seed)), replace=True)

    def make_graded(self) -> None:
        """Make the folder of reports, which hold the seed: nobody else on this machine looks into it."""
        folder = self.root / "graded"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)


def why_not_a_name(student: str) -> str | None:
    """Why the name of a folder cannot be that of a learner; None where it can."""
    if student.lower().endswith((".html", ".jsonl")):
        return "grading writes files of such names beside the folders of students"
    if STUDENT.fullmatch(student):
        return None
    return "the folder has a name that is longer than 100 letters or holds other signs than letters, digits and . @ + -"


def assignment_named(text: str) -> str:
    """An assignment by its name or by the start of it, such as ``ps1``.

    Raises:
        CourseError: If there is none.
    """
    for name in ASSIGNMENTS:
        if text in (name, name.split("_")[0]):
            return name
    raise unknown("assignment", text, ASSIGNMENTS)


def write_if_changed(path: Path, content: str) -> bool:
    """Write a file unless it holds this already; whether it was written."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8") == content:
            return False
    write_atomically(path, content)
    return True


def _secret(seed: int) -> int:
    if seed == PUBLISHED_SEED:
        raise CourseError(f"seed {seed} is that of the self-checks, which learners know. Name another with --seed")
    return seed


def _write_secret(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a file that only its owner reads; whoever comes second leaves it as it is, unless it shall be replaced."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    if replace:
        os.replace(temporary, path)
        return
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    except OSError:  # a disk that knows no links
        os.replace(temporary, path)
    temporary.unlink(missing_ok=True)
