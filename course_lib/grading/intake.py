"""intake: a submission as nbgrader may safely have it.

nbgrader's own reader stops at a file that is no notebook, at a check that was deleted together with its answer, and at
odd metadata; its pages show a learner's Markdown as it is, scripts included. So the notebook that is graded is built
from the one that was released: its cells, with the learner's answers in their places, no outputs, and no markup that a
browser would act on. Everything else that a learner wrote, and so may have been run, stands in between: other cells,
cells that were released and changed, and all but the last of several answers.
"""

from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NO_CONVERT, NotebookNode, from_dict, read
from nbformat.v4 import new_code_cell, new_markdown_cell

from course_lib.errors import CourseError
from course_lib.grading.course_folder import Course, why_not_a_name
from course_lib.grading.shown import Room
from course_lib.grading.submission import in_a_line
from course_lib.grading.tampering import Cell, cells_of, name_of, source_of

OWN_CELLS = 500  # of a learner that are shown
UNREADABLE = "**This submission could not be read as a notebook.** Below is the exercise as it was released."


class SubmissionExporter(NotebookExporter):
    """Reads what was handed in; everything else as nbconvert does."""

    def from_filename(self, filename: str, resources: Any = None, **kw: Any) -> tuple[Any, Any]:
        """Read a notebook and run the preprocessors on it."""
        step: Any = self.parent
        if not getattr(step, "_sanitizing", False):
            return super().from_filename(filename, resources, **kw)
        path, course = Path(filename), Course(Path(step.coursedir.root))
        student, assignment = resources["nbgrader"]["student"], resources["nbgrader"]["assignment"]
        refuse_odd(path, student)
        notebook = rebuilt(path, course.released(assignment))
        return self.from_notebook_node(notebook, resources=resources, **kw)


def refuse_odd(path: Path, student: str) -> None:
    """Refuse what leads out of the folder of submissions, or onto pages.

    Raises:
        CourseError: If the student has no possible name or the notebook is a link.
    """
    if reason := why_not_a_name(student):
        raise CourseError(f"submitted/{student!r} is not graded: {reason}")
    if path.is_symlink() or path.parent.is_symlink():
        raise CourseError(f"{in_a_line(path)} is not graded: it is a link to {in_a_line(path.resolve())}")


def remove_links(*, notebooks: list[str], **_: Any) -> None:
    """Remove links beside submissions, which nbgrader would follow and copy into what a learner gets back.

    Args:
        notebooks: Paths of one student's notebooks; a notebook that is a link stays, to be refused by name.
    """
    for folder in {Path(notebook).parent for notebook in notebooks}:
        for path in folder.rglob("*"):
            if path.is_symlink() and str(path) not in notebooks:
                path.unlink()


def rebuilt(submitted: Path, released: Path) -> NotebookNode:
    """The released notebook with a learner's answers.

    Raises:
        CourseError: If there is no released notebook.
    """
    if not released.exists():
        raise CourseError(f"there is no {released}, which every submission is compared with:  make release")
    notebook: NotebookNode = read(released, as_version=NO_CONVERT)
    theirs = cells_of(submitted)
    given = {name_of(cell): cell for cell in notebook.cells if name_of(cell)}
    answers = {  # the last of each name, as when they are run
        name_of(cell): cell
        for cell in theirs
        if name_of(cell) in given and cell.get("cell_type") == given[name_of(cell)].cell_type
    }
    room = Room()  # for answers first: what else was written gets what they leave
    shown = {
        name: room.take(source_of(answers[name]), cell.cell_type)
        for name, cell in given.items()
        if name in answers and cell.metadata.nbgrader.solution
    }
    following = _following(theirs, given, answers, room)
    cells = list[NotebookNode](following.pop("", []))
    for cell in notebook.cells:
        cell.source = shown.get(name_of(cell), cell.source)
        cells += [cell, *following.get(name_of(cell), [])]
    if not theirs:
        cells.insert(0, new_markdown_cell(UNREADABLE, id="unreadable"))
    notebook.cells = [from_dict(cell) for cell in cells]
    return notebook


def _following(
    theirs: list[Cell], given: dict[str, NotebookNode], answers: dict[str, Cell], room: Room
) -> dict[str, list[NotebookNode]]:
    """What a learner wrote beside the answers, by the name of the released cell that it follows."""
    found: dict[str, list[NotebookNode]] = {}
    last, own = "", 0
    for number, cell in enumerate(theirs):
        if name := name_of(cell) if name_of(cell) in given else "":
            last = name
            answer = given[name].metadata.nbgrader.solution and cell is answers.get(name)
            if answer or source_of(cell) == source_of(given[name]):
                continue
        if not source_of(cell).strip():
            continue
        own += 1
        if own <= OWN_CELLS:
            found.setdefault(last, []).append(_own(cell, number, room))
    if own > OWN_CELLS:
        left_out = new_markdown_cell(f"[... {own - OWN_CELLS:,} more cells left out]", id="left-out")
        found.setdefault(last, []).append(left_out)
    return found


def _own(cell: Cell, number: int, room: Room) -> NotebookNode:
    """A cell that the exercise does not have."""
    make, kind = (new_code_cell, "code") if cell.get("cell_type") == "code" else (new_markdown_cell, "markdown")
    return make(room.take(source_of(cell), kind), id=f"own-{number}")
