"""pipes: a frame, piece by piece, through pipes that do not block."""

import os

from course_lib.grading import wire


class TooMuch(Exception):
    """More arrives than may."""


def complete(found: bytearray, most: int) -> bool:
    """Whether a frame is there.

    Raises:
        TooMuch: If it is longer than it may be.
    """
    if len(found) < wire.HEAD.size:
        return False
    length: int = wire.HEAD.unpack(found[: wire.HEAD.size])[1]
    if length > most:
        raise TooMuch
    return len(found) >= wire.HEAD.size + length


def frame_of(found: bytearray) -> bytes:
    """The frame that is there; what somebody wrote behind it must not reach a reader of frames."""
    return bytes(found[: wire.HEAD.size + wire.HEAD.unpack(found[: wire.HEAD.size])[1]])


def written(end: int, left: memoryview) -> memoryview:
    """What is left after writing what goes in; nothing where nobody reads."""
    try:
        return left[os.write(end, left[: 2**16]) :]
    except BlockingIOError:
        return left
    except BrokenPipeError:
        return left[:0]


def drain(end: int, found: bytearray, most: int) -> bool:
    """Read what is there, some of it at most; gives whether more may come."""
    taken = 0
    while taken < most:
        try:
            part = os.read(end, 2**16)
        except BlockingIOError:
            return True
        if not part:
            return False
        found += part
        taken += len(part)
    return True
