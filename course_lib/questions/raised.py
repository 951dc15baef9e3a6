"""raised: what a learner's code raised, in words, and what torch means where it speaks of its own types."""

import contextlib
import inspect
import re
import traceback
from collections.abc import Callable
from typing import Any

SHORT = 500  # characters of an error
UNTOUCHED = "NotImplementedError"  # of a stub: torch has the same exception for integers, always with a text
MEANT = {  # what torch says, and what is the matter
    r"not implemented for '(Long|Int|Short|Char|Byte|Bool)'|Got:? (Long|Int|Bool)\b|output type (Long|Int|Bool)\b"
    r"|Integral inputs|floating[- ]point (and complex )?dtype|Tensors of floating point": (
        "An integer dtype is where a float is needed: class numbers, counts and one-hot rows are int64. "
        "Turn them into floats of the dtype of your input first."
    ),
    r"not implemented for '(Half|BFloat16|Float|Double)'|tensors used as indices|Expected dtype int"
    r"|index tensor of type|target dtype to be Long": (
        "A float is where an integer dtype is needed: classes, places and whatever is counted are int64."
    ),
    r"same (scalar )?d?type|dtype to be equal|expected scalar type": (
        "Two dtypes meet in one operation, such as float32 and float64: bring them to one first."
    ),
}


def told(error: BaseException) -> str:
    """An exception as a learner reads it, whatever its own text does.

    Example:
        >>> told(ValueError("lam is 2")), told(NotImplementedError())
        ('ValueError: lam is 2', 'NotImplementedError')
    """
    try:
        text = str(error)
        return f"{type(error).__name__}: {text}"[:SHORT] if text else type(error).__name__
    except BaseException:
        return "an exception whose text cannot be read"


def told_of_call(error: BaseException, function: Callable[..., Any]) -> str:
    """The same for a call of a function; says which other function was not begun, if that is what is wrong."""
    text, own = told(error), None
    if text != UNTOUCHED:
        return text
    with contextlib.suppress(Exception):  # whatever is called here need not be a function
        own = inspect.unwrap(function).__code__
    *_, (last, _) = traceback.walk_tb(error.__traceback__)
    return text if last.f_code is own else f"{text}: {last.f_code.co_name} is not written yet"


def meant(text: str) -> str:
    """What is the matter where an exception speaks of dtypes; empty otherwise.

    Example:
        >>> meant("RuntimeError: result type Float can't be cast to the desired output type Long")[:20]
        'An integer dtype is '
    """
    return next((advice for said, advice in MEANT.items() if re.search(said, text)), "")
