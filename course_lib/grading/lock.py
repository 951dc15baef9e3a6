"""lock: one grader at a time in a course, and what a killed one left behind is removed before the next begins.

The lock ends with the process that holds it, whatever ends that; so there is nothing to clear away by hand.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from course_lib.errors import CourseError
from course_lib.files import remove_unfinished
from course_lib.grading.course_folder import Course


@contextmanager
def alone(course: Course) -> Iterator[None]:
    """As long as this lasts no other ``course grade`` writes to the course.

    Raises:
        CourseError: If one does already.
    """
    course.make_graded()
    with open(course.root / "graded" / ".lock", "a+", encoding="utf-8") as file:
        if not _take(file.fileno()):
            file.seek(0)
            who = file.read().strip()
            raise CourseError(
                f"{course.root} is being graded already{f', by process {who}' if who else ''}: "
                "wait until that is done, or end it; then give this command again"
            )
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        remove_unfinished(course.root / "graded", below=True)
        remove_unfinished(course.root)
        yield


def _take(descriptor: int) -> bool:
    """Whether nobody else has it; also where a system or a disk knows no locks, so that grading goes on there."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
