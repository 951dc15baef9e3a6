"""rehearsal: makes up a class, to try grading before learners do.

Names are numbers. Most answers are the solutions; some are mistakes that people make, and some never end, kill their
process or were never begun. ``python -m course_lib.grading.rehearsal PS STUDENTS`` writes to ``submitted/`` of the
course in this folder, where nobody may have handed in PS yet.
"""

import argparse
import copy
import inspect
import json
import sys
import textwrap
from collections.abc import Callable
from typing import Any

from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.grading.course_folder import Course, assignment_named
from course_lib.grading.tampering import Cell, cells_of, name_of, role_of, source_of
from course_lib.questions import find

Notebook = dict[str, Any]
ENDLESS = "while True:\n        pass"
KILLING = "import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)"
WRONG: dict[str, str] = {
    "a number": "return 0.0",
    "nothing": "return None",
    "an error": "raise ValueError('<b>not</b> finished')",
    "not a number": "return args[0] * float('nan')",
    "another shape": "return args[0][:1]",
    "its argument": "return args[0]",
    "an argument changed": "args[0].zero_()\n    return args[0]",
    "sys.exit": "import sys\n    sys.exit(0)",
    "printed": "print('the answer')",
    "always equal": "return type('Equal', (), {'__eq__': lambda self, other: True})()",
}


def solved(course: Course, assignment: str) -> Notebook:
    """The exercise with right answers, as a learner would hand it in."""
    notebook: Notebook = json.loads(course.released(assignment).read_text())
    solution = course.root / "solutions" / assignment / f"{assignment}.ipynb"
    answers = {name_of(cell): source_of(cell) for cell in cells_of(solution) if role_of(cell).get("solution")}
    for cell in notebook["cells"]:
        if name_of(cell) in answers:
            lines = answers[name_of(cell)].split("\n")
            cell["source"] = "\n".join(line for line in lines if not line.strip().startswith("###"))
    return notebook


def questions_in(notebook: Notebook) -> list[str]:
    """The names of the functions that a notebook asks for."""
    code = (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    return [name_of(cell) for cell in code if role_of(cell).get("solution")]


def with_answer(notebook: Notebook, question: str, body: str) -> Notebook:
    """The notebook with another body of one function, whose arguments are ``args``."""
    return with_source(notebook, question, f"def {question}(*args):\n    {body}\n")


def with_source(notebook: Notebook, name: str, source: str) -> Notebook:
    """The notebook with another text in one cell."""
    changed = copy.deepcopy(notebook)
    cell_named(changed, name)["source"] = source
    return changed


def mistakes_of(question: str) -> list[str]:
    """Mistakes that people make in a question, as they would write them, where that takes one function and torch."""
    found: list[str] = []
    for mistake in find(question).mistakes:
        wrong = inspect.unwrap(mistake.wrong)
        source = textwrap.dedent(inspect.getsource(wrong))
        outside = {name for name in wrong.__code__.co_names if name in wrong.__globals__}
        if source.startswith("def ") and outside <= {"torch"}:
            renamed = source.replace(f"def {wrong.__name__}(", f"def {question}(", 1)
            found.append(f"from torch import Tensor\n\n\n{renamed}")
    return found


def cell_named(notebook: Notebook, name: str) -> Cell:
    """A cell by its ``grade_id``."""
    return next(cell for cell in notebook["cells"] if name_of(cell) == name)


def a_class(right: Notebook, students: int) -> dict[str, Notebook]:
    """A third wrong in different ways, a tenth that never ends, a fifteenth that kills its process, the rest right.

    Args:
        right: A notebook with right answers.
        students: How many, at least 1.

    Returns:
        Student to notebook.
    """
    questions = questions_in(right)
    bodies = [*WRONG.values()]
    mistaken = [with_source(right, name, source) for name in questions for source in mistakes_of(name)]
    spoil: list[Callable[[int], Notebook]] = []
    spoil += [lambda n: mistaken[n * 7 % len(mistaken)]] * (students // 6 if mistaken else 0)
    spoil += [lambda n: with_answer(right, questions[n % len(questions)], bodies[n % len(bodies)])] * (
        students // 3 - len(spoil)
    )
    spoil += [lambda n: with_answer(right, questions[n % len(questions)], ENDLESS)] * (students // 10)
    spoil += [lambda n: with_answer(right, questions[n % len(questions)], KILLING)] * (students // 15)
    return {
        f"student-{number:03}": spoil[number](number) if number < len(spoil) else copy.deepcopy(right)
        for number in range(students)
    }


def hand_in(course: Course, assignment: str, notebooks: dict[str, Notebook]) -> None:
    """Write notebooks to where submissions are."""
    for student, notebook in notebooks.items():
        text = json.dumps(notebook, indent=1) + "\n"
        write_atomically(course.submission(student, assignment), text)


def main(assignment: str, students: int) -> None:
    """Make up a class in the course of this folder."""
    course, name = Course.here(), assignment_named(assignment)
    if course.students(name):
        raise CourseError(f"there are submissions of {name} already: rehearse in a copy of the course")
    if not course.released(name).exists():
        raise CourseError(f"there is no {course.released(name)}: release the assignments with  make release")
    notebooks = a_class(solved(course, name), students)
    hand_in(course, name, notebooks)
    print(f"{len(notebooks)} submissions of {name} made up in submitted/. Next:  course grade {assignment}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m course_lib.grading.rehearsal")
    parser.add_argument("assignment", help="such as ps1")
    parser.add_argument("students", type=int, help="how many")
    try:
        main(**vars(parser.parse_args()))
    except CourseError as error:
        sys.exit(f"error: {error}")
