"""release: ``make release``, what learners get, made by nbgrader and then looked at.

``python -m course_lib.grading.release`` runs ``generate_assignment`` for every assignment in ``solutions/``, which also
tells the gradebook what there is to grade. Then it looks whether anything leaks, every question has a check cell, and
the points add up.
"""

import re
import sys
from collections.abc import Iterator

from course_lib.errors import CourseError
from course_lib.grading.course_folder import Course
from course_lib.grading.gradebook import Nbgrader
from course_lib.grading.tampering import Cell, cells_of, name_of, role_of, source_of
from course_lib.questions import POINTS, questions_of

ANSWER = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)
TELLING = 12  # letters of a line that could only come from an answer


def release(course: Course, nbgrader: Nbgrader) -> dict[str, tuple[int, int]]:
    """Release every assignment.

    Returns:
        Assignment to its questions and points.

    Raises:
        CourseError: If nbgrader stops, or something is not as it should be; every fault is listed.
    """
    names = sorted(path.parent.name for path in (course.root / "solutions").glob("*/*.ipynb"))
    if not names:
        raise CourseError(f"there is nothing to release in {course.root / 'solutions'}")
    faults: list[str] = []
    released: dict[str, tuple[int, int]] = {}
    for name in names:
        if complaint := nbgrader.release(name):
            faults.append(f"{name}: nbgrader says: {complaint}")
            continue
        faults += [f"{name}: {fault}" for fault in faults_of(course, name)]
        cells = cells_of(course.released(name))
        released[name] = (len(questions_of(name)), sum(_points(cell) for cell in cells))
    if faults:
        raise CourseError("do not hand these out yet:\n  " + "\n  ".join(faults))
    return released


def faults_of(course: Course, assignment: str) -> Iterator[str]:
    """What is wrong with a released assignment."""
    folder, solution = course.released(assignment).parent, course.root / "solutions" / assignment
    for path in sorted(folder.rglob("*")):
        if path != course.released(assignment):
            yield f"{path.relative_to(folder)} lies beside the exercise, and learners get it too"
    cells = cells_of(course.released(assignment))
    yield from _leaks(cells, cells_of(solution / f"{assignment}.ipynb"))
    found = {name_of(cell): cell for cell in cells}
    for question in questions_of(assignment).values():
        check = found.get(f"check_{question.name}")
        if question.name not in found or not role_of(found[question.name]).get("solution"):
            yield f"{question.name} has no cell for its answer"
        if check is None or not role_of(check).get("grade") or not role_of(check).get("locked"):
            yield f"{question.name} has no locked check cell"
        elif _points(check) != question.points:
            yield f"{question.name} is worth {question.points} points, its check cell {_points(check)}"
    if (total := sum(_points(cell) for cell in cells)) != POINTS:
        yield f"the points add up to {total}, they should to {POINTS}"


def _leaks(released: list[Cell], solution: list[Cell]) -> Iterator[str]:
    text = "\n".join(source_of(cell) for cell in released)
    if "SOLUTION" in text:
        yield "a mark of a solution is left"
    if any(cell.get("outputs") for cell in released):
        yield "outputs are left"
    for cell in solution:
        for answer in ANSWER.findall(source_of(cell)):
            for line in answer.splitlines():
                if len(line.strip()) >= TELLING and line.strip() in text:
                    yield f"a line of the answer to {name_of(cell)} is in the exercise: {line.strip()}"


def _points(cell: Cell) -> int:
    return int(role_of(cell).get("points", 0))


def main() -> int:
    """Release, and say what was released; 1 where something is wrong."""
    try:
        course = Course.here()
        released = release(course, Nbgrader(course))
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, (questions, points) in released.items():
        print(f"{name}: {questions} questions, {points} points")
    print("Nothing leaks. Hand out exercises/, or commit it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
