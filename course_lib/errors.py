"""errors: a mistake that the user can mend, said in words.

Whatever a person can put right themselves (a name, a path, a damaged file) raises ``CourseError``. The command line
prints its message in one or two lines and ends with code 2; a notebook shows it as the last line of the traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class CourseError(Exception):
    """What is wrong, where, and the way out, in one or two lines."""


def unknown(kind: str, name: str, known: Iterable[str]) -> CourseError:
    """The error for a name that nobody knows, with the nearest names that exist.

    Args:
        kind: What was named, such as ``"model"``.
        name: What the user wrote.
        known: The names that exist.

    Returns:
        An error to raise.

    Example:
        >>> str(unknown("arm", "mixup-kd", ["ce", "mixup", "kd", "mixup_kd"]))
        "unknown arm 'mixup-kd': did you mean mixup_kd, mixup? Known: ce, mixup, kd, mixup_kd"
    """
    names = list(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    guess = f"did you mean {', '.join(near)}? " if near else ""
    return CourseError(f"unknown {kind} {name!r}: {guess}Known: {', '.join(names)}")
