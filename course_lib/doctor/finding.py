"""finding: one thing that was looked at, and the words for what to do about it."""

import shlex
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What it is, such as ``"torch"``.
        ok: Whether it is as it should be.
        needed: Whether the demo cannot run when it is not.
        detail: What was found.
        remedy: What to do about it; empty if there is nothing to do.
    """

    name: str
    ok: bool
    needed: bool
    detail: str
    remedy: str = ""


def pip_install(*arguments: str) -> str:
    """The command that installs into the Python that runs now, whatever ``pip`` means in the user's shell.

    Example:
        >>> pip_install("torch>=2.11").endswith(" -m pip install 'torch>=2.11'")
        True
    """
    return shlex.join([sys.executable, "-m", "pip", "install", *arguments])


def first_line(error: object) -> str:
    r"""What an error or a warning says first, with its kind if it says nothing.

    Example:
        >>> first_line(ImportError("no libcudart.so\nlong explanation"))
        'no libcudart.so'
    """
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
