"""watch: what the keeper looks at while it waits: the clock, and what a learner's processes use together.

Limits of the system count for one process. Here all are added up, those that hide included.
"""

import os
import select
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from course_lib.grading import processes
from course_lib.grading.limits import Limits

TICK = 0.1  # seconds between looks
FILES = 20_000  # in the folders of a jail; their names take memory of the system's
FOLDERS = ("/scratch", "/dev/shm")
SOCKET = 2**19  # bytes that may lie in the buffers of one, beside all processes
HELD = ("RssAnon", "RssShmem", "VmSwap", "VmPTE", "HugetlbPages")  # page tables too: those of nothing can be huge


class Abandoned(Exception):
    """There is nobody to go on for, or nothing to go on with."""


class Lost(Exception):
    """A process came to an end that nobody asked for; how, in a word: timeout, memory, much or killed."""


@dataclass(frozen=True)
class Until:
    """When waiting has an end.

    Attributes:
        moment: Of the clock that never goes back.
        computed: Seconds that the learner's processes will have computed, as ``processes`` counts them.
    """

    moment: float
    computed: float = float("inf")


def allowed(seconds: float, patience: float, most: float = float("inf")) -> Until:
    """From now on, so much computing, and so many times as much by the clock.

    Args:
        seconds: Of computing.
        patience: How often as much by the clock.
        most: Seconds of computing, counted from the first process on, that cannot be passed.
    """
    computed = processes.computed(processes.family()) + seconds
    return Until(time.monotonic() + seconds * patience, min(most, computed))


class Watch:
    """Waits for a keeper."""

    def __init__(self, limits: Limits, judge: int):
        """Nobody waits yet.

        Args:
            limits: What may be used.
            judge: The descriptor on which the judge speaks; one that waits says nothing.
        """
        self.limits, self.judge = limits, judge

    def wait(self, incoming: list[int], outgoing: list[int], until: Until) -> tuple[list[int], list[int]]:
        """Wait until something can be read or written.

        Raises:
            Lost: If more is used than may be, or time is over.
            Abandoned: If the judge is gone, or there are more files than anybody would clear away.
        """
        while True:
            readable, writable, _ = select.select([*incoming, self.judge], outgoing, [], TICK)
            if self.judge in readable or _files() > FILES:
                raise Abandoned
            family, left = processes.family(), self.limits.memory - SOCKET * _sockets()
            if memory_of(processes.living(family), left) > left:
                raise Lost("memory")
            if processes.computed(family) > until.computed:
                raise Lost("timeout")
            if readable or writable:
                return readable, writable
            if time.monotonic() > until.moment:
                raise Lost("timeout")


def memory_of(numbers: Iterable[int], limit: int) -> int:
    """Bytes that processes use together; counted exactly only where a rough count is above the limit.

    A fork shares the pages of its parent, so that a plain sum counts them many times. Who lets nobody look is counted
    in full.
    """
    rough = {number: sum(_sizes(number, "status", *HELD)) for number in numbers}
    if sum(rough.values()) <= limit:
        return sum(rough.values())
    exact = {number: sum(_sizes(number, "smaps_rollup", "Pss")) for number in rough}
    beside = {number: sum(_sizes(number, "status", *HELD[2:])) for number in rough}
    return sum(exact[number] + beside[number] if exact[number] else rough[number] for number in rough)


def _sizes(number: int, file: str, *names: str) -> list[int]:
    """Bytes that the system tells in a file about a process, whose own name may be any bytes but line ends."""
    try:
        text = (processes.PROC / str(number) / file).read_text(errors="replace")
    except OSError:
        return []
    lines = (line.partition(":") for line in text.split("\n"))
    return [1024 * int(value.split()[0]) for name, _, value in lines if name in names]


def _sockets() -> int:
    """How many there are in a jail, those included that are on their way from one process to another."""
    try:
        return (processes.PROC / "net/unix").read_bytes().count(b"\n") - 1 if os.getpid() == 1 else 0
    except OSError:
        return 0


def _files() -> int:
    """How many there are in a jail's folders."""
    if os.getpid() != 1:
        return 0
    spaces = (os.statvfs(folder) for folder in FOLDERS if Path(folder).exists())
    return sum(space.f_files - space.f_ffree for space in spaces)
