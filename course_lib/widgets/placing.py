"""placing: where words stand beside points, so that they cover neither one another nor a point."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from course_lib.widgets.svg import words

LETTER, HEIGHT = 9.0, 18.0  # of letters of the usual size, in pixels
REACH = (12.0, 26.0, 44.0)  # from the point to the nearest edge of its words
SIDES = ((0, -1), (0, 1), (1, 0), (-1, 0), (0.8, -0.8), (-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8))
Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Note:
    """Words for a point.

    Attributes:
        x: Of the point, in pixels of the picture.
        y: Likewise.
        text: A few letters.
        colour: Of the words.
        bold: Whether they stand out; such words choose their place first.
    """

    x: float
    y: float
    text: str
    colour: str
    bold: bool = False


def placed(notes: Sequence[Note], points: Iterable[tuple[float, float]], inside: Box) -> list[str]:
    """Words beside their points, each at the nearest free place.

    Args:
        notes: What is to be said, and where.
        points: Centres of marks that stay visible, in pixels of the picture.
        inside: The space for words.

    Returns:
        SVG elements.
    """
    taken: list[Box] = [(x - 7, y - 7, x + 7, y + 7) for x, y in points]
    marks = []
    for note in sorted(notes, key=lambda each: not each.bold):
        box = min(_places(note), key=lambda place: _cost(place, note, taken, inside))
        taken.append(box)
        x, y = (box[0] + box[2]) / 2, box[3] - 4
        marks.append(words(x, y, note.text, colour=note.colour, anchor="middle", bold=note.bold, edge=True))
    return marks


def _places(note: Note) -> list[Box]:
    wide, high = LETTER * len(note.text) * (1.1 if note.bold else 1) / 2, HEIGHT / 2
    found = []
    for reach in REACH:
        for across, down in SIDES:
            x, y = note.x + across * (reach + wide), note.y + down * (reach + high)
            found.append((x - wide, y - high, x + wide, y + high))
    return found


def _cost(box: Box, note: Note, taken: Sequence[Box], inside: Box) -> float:
    """Covered pixels weigh most, then what leaves the space, then the way from the point."""
    left, top, right, bottom = inside
    outside = max(0, left - box[0]) + max(0, top - box[1]) + max(0, box[2] - right) + max(0, box[3] - bottom)
    way = abs((box[0] + box[2]) / 2 - note.x) + abs((box[1] + box[3]) / 2 - note.y)
    return sum(_shared(box, other) for other in taken) + 20 * outside + 0.2 * way


def _shared(one: Box, other: Box) -> float:
    """Pixels that two boxes share."""
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return wide * high if wide > 0 and high > 0 else 0.0
