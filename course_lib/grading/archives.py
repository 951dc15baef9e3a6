"""archives: what learning platforms hand out as one zip, brought to ``submitted/`` by nbgrader's ``zip_collect``.

Nothing of an archive is unpacked as it is. Each notebook whose name tells its learner is read within limits and written
under a name of ours; anything else is left where it is, and why is said. So ``../``, absolute names, links and bombs
have nowhere to go. Put the zips into ``downloaded/PS/archive/``, then ``course collect PS``.

    moodle    Ada Lovelace_123456_assignsubmission_file/ps1.ipynb       student 123456, the participant
    canvas    lovelaceada_LATE_4711_990017_ps1-2.ipynb                  student 4711, the user
    plain     ada.ipynb, ada/anything.ipynb, ada.zip with one notebook  student ada

One platform is taken for all, the one that most names fit, since learners choose a part of each name. Where somebody
handed in several notebooks, the one that holds most cells of the exercise counts; among equals the archive that was
collected last, which the time of its copy tells, and in it the last by name.
"""

import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin
from traitlets import Enum

from course_lib.files import write_atomically
from course_lib.grading.course_folder import Course, why_not_a_name
from course_lib.grading.submission import LARGEST
from course_lib.grading.tampering import cells_in, cells_of, name_of
from course_lib.grading.zips import Part, parts_of

PATTERNS = {  # lazy, so that the first number counts, which is the platform's
    "moodle": re.compile(r"(?:[^/]+/)*?(?P<name>[^/]*?)_(?P<student_id>\d+)_assignsubmission_file_?.*", re.DOTALL),
    "canvas": re.compile(r"(?:[^/]+/)*?(?P<name>[^/_]+)_(?:LATE_)?(?P<student_id>\d+)_\d+_[^/]+(?:/.*)?", re.DOTALL),
    "plain": re.compile(r"(?P<student_id>[^/]+?)(?:\.zip)?(?:/.*|\.ipynb)", re.DOTALL),
}


class CheckedExtractor(ExtractorPlugin):
    """Takes notebooks out of archives, and nothing else; ``extracted/STUDENT/PS.ipynb`` is all that it writes."""

    platform = Enum(
        ("auto", *PATTERNS), "auto", help="Whose names of files tell the students: moodle, canvas or plain."
    ).tag(config=True)

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Take the notebook of each learner out of the archives."""
        app: Any = self.parent
        assignment = str(app.coursedir.assignment_id)
        released = Course(Path(app.coursedir.root)).released(assignment)
        wanted = {name_of(cell) for cell in cells_of(released)} - {""}
        folder = Path(archive_path)
        pattern = PATTERNS[self.platform if self.platform != "auto" else platform_of([*self._names(folder)])]
        best: dict[str, tuple[tuple[Any, ...], str]] = {}
        for number, archive, part in self._parts(folder):
            student = self._student(part.name, pattern)
            if student is None:
                continue
            alike = len({name_of(cell) for cell in cells_in(part.content)} & wanted)
            offer, where = (alike, number, _natural(part.name), part.name), f"{part.name} in {archive}"
            if student in best:
                self.log.warning("%s handed in several notebooks: %s and %s", student, best[student][1], where)
            if student not in best or offer > best[student][0]:
                best[student] = offer, where
                write_atomically(Path(extracted_path) / student / f"{assignment}.ipynb", part.content)
        for student, (offer, where) in best.items():
            if not offer[0]:
                self.log.warning("%s of %s holds no cell of %s; it is graded all the same", where, student, assignment)

    def _parts(self, folder: Path) -> Iterator[tuple[int, str, Part]]:
        """Every notebook with number and name of its archive, and what is left out said."""
        collected = sorted(folder.rglob("*"), key=lambda path: (path.lstat().st_mtime_ns, path))
        for number, path in enumerate(collected):
            if path.is_symlink() or not path.is_file() or path.name.startswith("."):
                continue
            where = path.relative_to(folder).as_posix()
            if path.suffix.lower() == ".zip":
                alone = _of_one(path)
                if alone:
                    self.log.warning("Took %s as what the learner %r packed", where, path.stem)
                for part in parts_of(path, f"{where}/" if alone else "", self.log.warning):
                    yield number, where, part
            elif path.suffix != ".ipynb":
                self.log.warning("Left out %s: neither a zip nor a notebook", where)
            elif path.stat().st_size > LARGEST:
                self.log.warning("Left out %s: larger than %d MiB", where, LARGEST // 2**20)
            else:
                yield number, where, Part(where, path.read_bytes())

    def _names(self, folder: Path) -> Iterator[str]:
        """What everything is called, for a guess at the platform."""
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() == ".zip":
                try:
                    with zipfile.ZipFile(path) as archive:
                        yield from archive.namelist()
                except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
                    continue
            else:
                yield path.relative_to(folder).as_posix()

    def _student(self, name: str, pattern: re.Pattern[str]) -> str | None:
        match = pattern.fullmatch(name)
        if match is None:
            self.log.warning("Left out %r: the name does not tell whose it is", name)
            return None
        if reason := why_not_a_name(match["student_id"]):
            self.log.warning("Left out %r: %s", name, reason)
            return None
        return match["student_id"]


class CheckedCollector(FileNameCollectorPlugin):
    """Takes what ``CheckedExtractor`` wrote, by folder and name."""

    def collect(self, submitted_file: str) -> dict[str, str] | None:
        """The student and the notebook."""
        path = Path(submitted_file)
        return {"student_id": path.parent.name, "file_id": path.stem} if path.suffix == ".ipynb" else None


def platform_of(names: Sequence[str]) -> str:
    """The platform that most names fit; ``plain`` where none fits half of them."""
    fitting = {platform: sum(bool(PATTERNS[platform].fullmatch(name[:500])) for name in names) for platform in PATTERNS}
    best = max(("moodle", "canvas"), key=lambda platform: fitting[platform])
    return best if 2 * fitting[best] > len(names) else "plain"


def _of_one(path: Path) -> bool:
    """Whether a zip is what one learner packed: it holds one notebook, under no name that a platform gives."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [
                name for name in archive.namelist() if name.endswith((".ipynb", ".zip")) and "__MACOSX" not in name
            ]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    return len(names) == 1 and platform_of(names) == "plain"


def _natural(name: str) -> list[Any]:
    """A key in which 10 comes after 2."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
