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
STATE, PARENT, TICKS = 0, 1, slice(11, 15)  # in what the system says of a process, behind its name
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
Family = dict[int, list[str]]


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


def family() -> Family:
    """What comes from this process, by number, with what the system says of each; the dead until they are buried."""
    found: Family = {}
    for number in _numbers():
        with contextlib.suppress(OSError):
            said = (PROC / str(number) / "stat").read_text(errors="replace").rpartition(")")[2].split()
            if said:
                found[number] = said
    if os.getpid() == 1:  # in a jail everybody does, however quickly parents change
        return {number: said for number, said in found.items() if number != 1}
    known, grown = {os.getpid()}, True
    while grown:
        more = {number for number, said in found.items() if int(said[PARENT]) in known} - known
        known |= more
        grown = bool(more)
    return {number: found[number] for number in sorted(known - {os.getpid()})}


def living(all_of_them: Family) -> list[int]:
    """Those that are not dead."""
    return [number for number, said in all_of_them.items() if said[STATE] not in "ZX"]


def computed(all_of_them: Family) -> float:
    """Seconds that they have computed, and the children that they buried; it grows until some are buried here."""
    return sum(int(ticks) for said in all_of_them.values() for ticks in said[TICKS]) / TICKS_A_SECOND


def _numbers() -> Iterator[int]:
    with contextlib.suppress(OSError):
        yield from (int(name) for name in os.listdir(PROC) if name.isdigit())  # noqa: PTH208


def kill_all_but(spared: int | None) -> None:
    """Kill every descendant but one: first stop them all, since what is stopped starts nothing new."""
    stopped: set[int] = set()
    for _ in range(1000):
        new = set(living(family())) - stopped - {spared}
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
