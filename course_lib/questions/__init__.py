"""questions: what is asked in the exercises, how it is judged, and which mistakes are known.

One package an assignment, about one file a question. A question is asked as cases, which are data; ``calling`` runs a
learner's function on them; ``judging`` compares what was seen with the reference, the invariants and known mistakes.
"""

from functools import cache
from importlib import import_module

from course_lib.errors import unknown
from course_lib.questions.question import Question

ASSIGNMENTS = (
    "ps1_dark_knowledge",
    "ps2_mixup",
    "ps3_calibration",
    "ps4_temperature_scaling",
    "ps5_mixup_distillation",
)
POINTS = 40  # of each assignment
PUBLISHED_SEED = 0  # of self-checks; grading draws other cases


@cache
def questions_of(assignment: str) -> dict[str, Question]:
    """The questions of an assignment, by name, in their order.

    Raises:
        CourseError: If there is no such assignment.
    """
    if assignment not in ASSIGNMENTS:
        raise unknown("assignment", assignment, ASSIGNMENTS)
    found: tuple[Question, ...] = import_module(f"course_lib.questions.{assignment}").QUESTIONS
    return {question.name: question for question in found}


def find(name: str) -> Question:
    """A question by its name.

    Raises:
        CourseError: If there is no such question; the message names the nearest.
    """
    everything = {key: value for assignment in ASSIGNMENTS for key, value in questions_of(assignment).items()}
    if name not in everything:
        raise unknown("question", name, everything)
    return everything[name]
