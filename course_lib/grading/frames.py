"""frames: bytes that say how many they are, through pipes and sockets: one letter, a length and so many bytes.

Whoever reads them believes no length before it was compared with what may come.
"""

import os
import struct
from collections.abc import Callable

HEAD = struct.Struct(">cQ")


class TooMuch(Exception):
    """More arrives than may."""


class Malformed(Exception):
    """What arrived is not what this end understands."""


BROKEN = (  # all that reading somebody's words can raise: lines that end, words that are none, depths and numbers
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, Malformed),
    *(RecursionError, OverflowError, MemoryError),
)


def framed(kind: bytes, payload: bytes = b"") -> bytes:
    """A frame, ready to be written."""
    return HEAD.pack(kind, len(payload)) + payload


def read_frame(read: Callable[[int], bytes], limit: int) -> tuple[bytes, bytes]:
    """Read a frame.

    Args:
        read: Gives at most so many bytes, and none at the end.
        limit: Bytes of the payload.

    Returns:
        Its letter and its payload.

    Raises:
        EOFError: If there is none, or not all of it.
        Malformed: If it is longer than the limit.
    """
    kind, length = HEAD.unpack(_exactly(read, HEAD.size))
    if length > limit:
        raise Malformed(f"{length} bytes arrive, {limit} are allowed")
    return kind, _exactly(read, length)


def _exactly(read: Callable[[int], bytes], length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        part = read(min(length - len(found), 2**20))
        if not part:
            raise EOFError
        found += part
    return bytes(found)


def complete(found: bytearray, most: int) -> bool:
    """Whether a frame is there.

    Raises:
        TooMuch: If it is longer than it may be.
    """
    if len(found) < HEAD.size:
        return False
    length: int = HEAD.unpack(found[: HEAD.size])[1]
    if length > most:
        raise TooMuch
    return len(found) >= HEAD.size + length


def frame_of(found: bytearray) -> bytes:
    """The frame that is there; what somebody wrote behind it must not reach a reader of frames."""
    return bytes(found[: HEAD.size + HEAD.unpack(found[: HEAD.size])[1]])


def write(end: int, content: bytes) -> None:
    """Write everything, however long it takes."""
    left = memoryview(content)
    while left:
        left = left[os.write(end, left) :]


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
