"""processes: what the keeper of a learner's processes asks of Linux; elsewhere it does without."""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36


def protect() -> None:
    """Let no other process look into this one, inherit all orphans, end with the judge, ignore what can be ignored."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    library.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getpid() != 1:
        library.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM):
        signal.signal(each, signal.SIG_IGN)


def unprotect() -> None:
    """Undo for a learner's process what a fork has inherited."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(each, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        with contextlib.suppress(OSError):  # the first to go where memory is short
            (PROC / "self/oom_score_adj").write_text("1000")


def descendants() -> list[int]:
    """Processes that come from this one, dead ones left out."""
    if os.getpid() == 1:  # in a jail everybody does, however quickly parents change
        return [number for number in _numbers() if number != 1 and _alive(number)]
    parents: dict[int, int] = {}
    for number in _numbers():
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, parent, *_ = (PROC / str(number) / "stat").read_text(errors="replace").rpartition(")")[2].split()
            if state not in "ZX":
                parents[number] = int(parent)
    found, grown = {os.getpid()}, True
    while grown:
        more = {number for number, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return sorted(found - {os.getpid()})


def _alive(number: int) -> bool:
    with contextlib.suppress(OSError, IndexError):
        return (PROC / str(number) / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] not in "ZX"
    return False


def _numbers() -> Iterator[int]:
    with contextlib.suppress(OSError):
        yield from (int(name) for name in os.listdir(PROC) if name.isdigit())  # noqa: PTH208


def kill_all_but(spared: int | None) -> None:
    """Kill every descendant but one: first stop them all, since what is stopped starts nothing new."""
    stopped: set[int] = set()
    for _ in range(1000):
        new = set(descendants()) - stopped - {spared}
        if not new:
            break
        for number in new:
            _signal(number, signal.SIGSTOP)
        stopped |= new
    for number in stopped:
        _signal(number, signal.SIGKILL)
    bury(spared)


def bury(spared: int | None) -> None:
    """Collect children that are dead, so that they take no place, but for one that somebody waits for."""
    for number in _numbers():
        if number != spared:
            with contextlib.suppress(OSError):
                os.waitpid(number, os.WNOHANG)


def _signal(number: int, which: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(number, which)


def memory_of_descendants(limit: int) -> int:
    """Bytes that they use together; counted exactly only where a rough count is above the limit.

    A fork shares the pages of its parent, so that a plain sum counts them many times.
    """
    numbers = descendants()
    rough = sum(_line(number, "status", "RssAnon") + _line(number, "status", "RssShmem") for number in numbers)
    return rough if rough <= limit else sum(_line(number, "smaps_rollup", "Pss") for number in numbers)


def _line(number: int, file: str, name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in (PROC / str(number) / file).read_text().splitlines():
            if line.startswith(f"{name}:"):
                return 1024 * int(line.split()[1])
    return 0
