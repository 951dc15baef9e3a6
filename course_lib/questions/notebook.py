"""notebook: ``check`` and ``hint``, for the cells of an exercise."""

from collections import Counter
from functools import cache
from types import FunctionType

from course_lib.questions import ASSIGNMENTS, PUBLISHED_SEED, find, questions_of
from course_lib.questions.card import Verdict
from course_lib.questions.judging import Judge
from course_lib.questions.question import Function, Question


class Hint(str):
    """A hint, which a notebook shows without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


_asked: Counter[str] = Counter()
for _assignment in ASSIGNMENTS:
    questions_of(_assignment)  # what this imports would make the first check slow; at an import nobody wonders


@cache
def _judge(name: str) -> Judge:
    return Judge(find(name), PUBLISHED_SEED)


def check(name: str, function: Function) -> Verdict:
    """Judge a function of yours.

    Args:
        name: Of the question.
        function: What you wrote.

    Returns:
        A card; as plain text, the points.

    Raises:
        CourseError: If there is no such question.
    """
    judge = _judge(name)
    question = judge.question
    solution = _solution(question) if _asked[name] >= len(question.hints) else ""
    return Verdict(judge.of(function), solution, _note(function))


def hint(name: str) -> Hint:
    """The next hint for a question; after the last one, where the solution is.

    Raises:
        CourseError: If there is no such question.
    """
    question = find(name)
    number = _asked[name]
    _asked[name] += 1
    if number < len(question.hints):
        return Hint(f"Hint {number + 1} of {len(question.hints)}: {question.hints[number]}")
    return Hint(f"There are no more hints. {_solution(question)}")


def _note(function: Function) -> str:
    """That an import has taken the place of an answer, where one has."""
    if not isinstance(function, FunctionType):  # whatever else it is says of itself what it likes
        return ""
    place = f"{function.__module__}.{function.__name__}"
    imported = place.startswith("course_lib.") and not place.startswith("course_lib.questions.")
    return f"This is {place}, the library's own: an import took the place of your answer." if imported else ""


def _solution(question: Question) -> str:
    """Where a solution is, from wherever in the course folder a learner works."""
    place = f"solutions/{question.assignment}/{question.assignment}.ipynb"
    return f"A solution is in the course folder: in JupyterLab, File > Open from Path... opens {place}"
