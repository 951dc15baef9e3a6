"""limits: how much a submission may use before a question is lost."""

import contextlib
import os
import platform
import sys
from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        question_seconds: Of computing time, for all cases of a question, by all processes together.
        cell_seconds: Of computing time, for one cell, likewise.
        cells_seconds: Of computing time, for all cells, likewise.
        patience: Wall time may be this many times the computing time.
        total_seconds: Of wall time, for everything; questions that are open then are lost.
        memory: Bytes, of one process and of all together.
        file_size: Bytes of one file.
        scratch: Bytes of the folder for files, which exists in memory.
        open_files: Of one process.
        processes: Of all kinds, threads and the grader's own two included; counted in a jail alone.
        answer: Bytes of the arrays that a question may give back.
    """

    question_seconds: int = 5
    cell_seconds: int = 10
    cells_seconds: int = 60
    patience: int = 5
    total_seconds: int = 300
    memory: int = 1400 * MIB
    file_size: int = 32 * MIB
    scratch: int = 64 * MIB
    open_files: int = 64
    processes: int = 16  # torch has one thread here; more would only slow down the neighbours
    answer: int = 32 * MIB


def lower(limits: Limits, *, isolated: bool) -> None:
    """Lower this process's limits for good, and those of all that it will start."""
    if sys.platform == "win32":
        return
    import resource

    wanted = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": limits.file_size, "RLIMIT_NOFILE": limits.open_files}
    if sys.platform == "linux":
        wanted["RLIMIT_DATA"] = limits.memory
    if isolated:
        wanted["RLIMIT_NPROC"] = limits.processes if counts_in_jail(platform.release()) else 4096
    for name, most in wanted.items():
        with contextlib.suppress(OSError, ValueError):  # lower already
            resource.setrlimit(getattr(resource, name), (most, most))


def counts_in_jail(release: str) -> bool:
    """Whether this Linux counts processes in each user namespace; before 5.14 it did on the whole machine.

    Example:
        >>> counts_in_jail("5.10.0-28-amd64"), counts_in_jail("6.1.0")
        (False, True)
    """
    major, minor, *_ = (*release.split("."), "0")
    return (int(major), int("".join(filter(str.isdigit, minor)) or 0)) >= (5, 14)


def limit_computing(seconds: int, *, for_good: bool) -> None:
    """Let this process compute for some seconds more; then it is ended.

    Args:
        seconds: Of computing time.
        for_good: Whether it cannot be given more later; one that does not want to end is killed a second after.
    """
    if sys.platform == "win32":
        return
    import resource

    ends, hard = int(sum(os.times()[:2])) + seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = ends + 1 if for_good else hard
    hard = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    soft = ends if hard == resource.RLIM_INFINITY else min(ends, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
