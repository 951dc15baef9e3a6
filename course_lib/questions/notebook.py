"""notebook: ``check`` and ``hint``, for the cells of an exercise."""

from collections import Counter
from functools import cache

from course_lib.questions import PUBLISHED_SEED, find
from course_lib.questions.calling import call
from course_lib.questions.card import Verdict
from course_lib.questions.judging import Judge
from course_lib.questions.question import Function

_asked: Counter[str] = Counter()


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
    differentiable = judge.question.differentiable
    return Verdict(judge.judge([call(function, case, differentiable) for case in judge.cases]))


def hint(name: str) -> str:
    """The next hint for a question; after the last one, where the solution is.

    Raises:
        CourseError: If there is no such question.
    """
    question = find(name)
    number = _asked[name]
    _asked[name] += 1
    if number < len(question.hints):
        return f"Hint {number + 1} of {len(question.hints)}: {question.hints[number]}"
    return f"There are no more hints. The solution is in solutions/{question.assignment}/{question.assignment}.ipynb"
