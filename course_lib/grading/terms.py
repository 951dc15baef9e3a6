"""terms: what a report rests on besides the submission. The same submission on the same terms gives the same report."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.grading.library_answers import ASKING, LIBRARY

POLICIES = ("warn", "zero")
JUDGED_WITH = ("torch", "numpy")
QUESTIONS = LIBRARY / "questions"

NO_JUDGES = {  # of this folder, what changes no verdict
    *("archives.py", "attention.py", "bench.py", "classroom.py", "course_folder.py", "executor.py", "exports.py"),
    *("gradebook.py", "intake.py", "lock.py", "log.py", "owners.py", "pages.py", "people.py", "pools.py", "regrade.py"),
    *("rehearsal.py", "release.py", "shown.py", "summary.py", "zips.py"),
}


@dataclass(frozen=True)
class Terms:
    """How a class is graded.

    Attributes:
        seed: Of the cases.
        isolated: Whether learners' code runs in a jail.
        library_answers: What becomes of an answer that calls the library's own: with ``zero`` the call raises and
            the points are lost, with ``warn`` the teacher alone is told.
    """

    seed: int
    isolated: bool = True
    library_answers: str = "zero"

    def __post_init__(self) -> None:
        """Refuse a policy that nobody knows."""
        if self.library_answers not in POLICIES:
            raise CourseError(f"library answers are met with {' or '.join(POLICIES)}, not {self.library_answers!r}")


@cache
def questions_version(assignment: str) -> str:
    """A fingerprint of everything in this installation that decides a verdict: 16 hexadecimal digits."""
    files = {*QUESTIONS.glob("*.py"), *(QUESTIONS / assignment).glob("*.py")}
    files |= {path for path in Path(__file__).parent.glob("*.py") if path.name not in NO_JUDGES}
    files |= {path for path in LIBRARY.rglob("*.py") if path.relative_to(LIBRARY).parts[0] not in ASKING}
    found = hashlib.sha256("".join(f"{name} {version(name)}\n" for name in JUDGED_WITH).encode())
    for path in sorted(files):
        found.update(path.relative_to(LIBRARY).as_posix().encode() + b"\n" + path.read_bytes())
    return found.hexdigest()[:16]
