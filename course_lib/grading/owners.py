"""owners: whose a file is, from the name that a learning platform gives it.

    moodle    Ada Lovelace_123456_assignsubmission_file/ps1.ipynb       student 123456, the participant
    canvas    lovelaceada_LATE_4711_990017_ps1-2.ipynb                  student 4711, the user
    plain     ada.ipynb, ada/anything.ipynb, ada.zip with one notebook  student ada

Learners choose a part of each name: their own before the number, that of their file after it.
"""

import re
from collections.abc import Sequence

MOODLE = re.compile(r"_(\d+)_assignsubmission_([a-z]+)(?=_|$)")
CANVAS = re.compile(r"(?:[^/]+/)*?([^/_]+)_(?:LATE_)?(\d+)_\d+_[^/]+(?:/.*)?", re.DOTALL)  # lazy: the first number
PLAIN = re.compile(r"([^/]+?)(?:\.zip)?(?:/.*|\.ipynb)", re.DOTALL)
Owner = tuple[str, str]  # the student, and what the platform calls them where it does


def owner_on_moodle(name: str) -> Owner | None:
    """The participant, whose number ends the name of the folder; without folders none but one number may be there.

    A learner may be called like a number of somebody else's, and name a file so.
    """
    first, *inside = name.split("/")
    while inside and not MOODLE.search(first):
        first, *inside = inside
    signs = list(MOODLE.finditer(first))
    if not signs or signs[-1][2] != "file":
        return None
    is_folder = bool(inside) and not first.endswith(".zip")
    certain = first.rstrip("_").endswith(signs[-1][0]) if is_folder else len(signs) == 1
    return (signs[-1][1], first[: signs[-1].start()]) if certain else None


def owner_on_canvas(name: str) -> Owner | None:
    """The user."""
    found = CANVAS.fullmatch(name)
    return (found[2], found[1]) if found else None


def owner_alone(name: str) -> Owner | None:
    """The file or folder at the top."""
    found = PLAIN.fullmatch(name)
    return (found[1], "") if found else None


OWNERS = {"moodle": owner_on_moodle, "canvas": owner_on_canvas, "plain": owner_alone}


def platform_of(names: Sequence[str]) -> str:
    """The platform that most names fit; ``plain`` where none fits half of them."""
    fitting = {platform: sum(OWNERS[platform](name[:500]) is not None for name in names) for platform in OWNERS}
    best = max(("moodle", "canvas"), key=lambda platform: fitting[platform])
    return best if 2 * fitting[best] > len(names) else "plain"
