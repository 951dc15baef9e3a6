"""archives: what learning platforms hand out as one zip, brought to ``submitted/`` by nbgrader's ``zip_collect``.

Nothing of an archive is unpacked as it is. Each notebook whose name tells its learner is read within limits and written
under a name of ours; anything else is left where it is, and why is said. So ``../``, absolute names, links and bombs
have nowhere to go. Put the zips into ``downloaded/PS/archive/``, then ``course collect PS``.

One platform is taken for all, the one that most names fit (``owners``), since learners choose a part of each name.
Where two people hand in under one number, neither is taken (``people``). Where somebody handed in several notebooks,
the one that holds most cells of the exercise counts; among equals the archive that was collected last, which the time
of its copy tells, and in it the last by name.
"""

import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin
from traitlets import Enum

from course_lib.files import write_atomically
from course_lib.grading import people
from course_lib.grading.course_folder import Course, why_not_a_name
from course_lib.grading.owners import OWNERS, Owner, platform_of
from course_lib.grading.people import Claim, claim_of
from course_lib.grading.submission import LARGEST, in_a_line
from course_lib.grading.tampering import cells_in, cells_of, name_of
from course_lib.grading.zips import Part, parts_of


@dataclass(frozen=True, order=True)
class Offer:
    """A notebook that may be the one that counts; the greatest is.

    Attributes:
        rank: Cells of the exercise, number of the archive, and the name.
        where: It lies.
    """

    rank: tuple[Any, ...]
    where: str


class CheckedExtractor(ExtractorPlugin):
    """Takes notebooks out of archives, and nothing else; ``extracted/STUDENT/PS.ipynb`` is all that it writes."""

    platform = Enum(
        ("auto", *OWNERS), "auto", help="Whose names of files tell the students: moodle, canvas or plain."
    ).tag(config=True)

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Take the notebook of each learner out of the archives."""
        app: Any = self.parent
        course, assignment = Course(Path(app.coursedir.root)), app.coursedir.assignment_id
        wanted = {name_of(cell) for cell in cells_of(course.released(assignment))} - {""}
        folder = Path(archive_path)
        platform = self.platform if self.platform != "auto" else platform_of([*self._names(folder)])
        best: dict[str, Offer] = {}
        claims: dict[str, list[Claim]] = {}
        for number, archive, part in self._parts(folder):
            owner = self._owner(part.name, platform)
            if owner is None:
                continue
            student, called = owner
            claims.setdefault(student, []).append(claim_of(called, part.content))
            alike = len({name_of(cell) for cell in cells_in(part.content)} & wanted)
            offer = Offer((alike, number, _natural(part.name), part.name), f"{part.name} in {archive}")
            if student in best:
                self._say("%s handed in several notebooks: %s and %s", student, best[student].where, offer.where)
            if student not in best or offer > best[student]:
                best[student] = offer
                write_atomically(Path(extracted_path) / student / f"{assignment}.ipynb", part.content)
        refused = self._refuse_contested(course, assignment, claims, Path(extracted_path))
        for student, offer in best.items():
            if student not in refused and not offer.rank[0]:
                self._say("%s of %s holds no cell of %s; it is graded all the same", offer.where, student, assignment)

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
                    self._say("Took %s as what the learner %r packed", where, path.stem)
                for part in parts_of(path, f"{where}/" if alone else "", self._say):
                    yield number, where, part
            elif path.suffix != ".ipynb":
                self._say("Left out %s: neither a zip nor a notebook", where)
            elif path.stat().st_size > LARGEST:
                self._say("Left out %s: larger than %d MiB", where, LARGEST // 2**20)
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

    def _owner(self, name: str, platform: str) -> Owner | None:
        owner = OWNERS[platform](name)
        if owner is None:
            self._say("Left out %r: the name does not tell whose it is", name)
        elif reason := why_not_a_name(owner[0]):
            self._say("Left out %r: %s", name, reason)
            return None
        return owner

    def _refuse_contested(
        self, course: Course, assignment: str, claims: dict[str, list[Claim]], extracted: Path
    ) -> set[str]:
        """Take back the notebooks of numbers that more than one person claims; those numbers."""
        found = people.contested_in(claims)
        for student, each in found.items():
            shutil.rmtree(extracted / student)
            self._say("%s is %s", student, people.sentence(each, student, assignment))
        people.write(course, assignment, claims)
        return set(found)

    def _say(self, form: str, *values: Any) -> None:
        """Complain; names come from learners, and none of them moves the cursor or ends the line."""
        self.log.warning(form, *(value if isinstance(value, int) else in_a_line(value, 600) for value in values))


class CheckedCollector(FileNameCollectorPlugin):
    """Takes what ``CheckedExtractor`` wrote, by folder and name."""

    def collect(self, submitted_file: str) -> dict[str, str] | None:
        """The student and the notebook."""
        path = Path(submitted_file)
        return {"student_id": path.parent.name, "file_id": path.stem} if path.suffix == ".ipynb" else None


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
