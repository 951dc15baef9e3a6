"""syscalls: what Linux is told to refuse to a learner's processes from the start.

Namespaces hide files and neighbours; these calls would reach the kernel's own stores (keys, memory that no limit
counts), look into other processes, build namespaces of their own, or hide what was computed. None is needed to answer
a question.
"""

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Iterator

NONE = -1  # where a machine has no such call
WHOLE = 0xFFFFFFFF

# name: number on x86_64, number on aarch64
REFUSED = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "timer_create": (222, 107),
    "inotify_init": (253, NONE),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "setsid": (112, 157),  # sessions share a machine evenly, so that nobody gets more than one
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "kexec_load": (246, 104),
    "setxattr": (188, 5),  # lists of who may read a file take memory that no limit counts
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "setpriority": (141, 140),  # one can be nicer for the keeper
}
# name: numbers; which argument; through this mask; it is this; whether this, or anything else, is refused
PARTLY = {
    "mmap": ((9, 222), 3, 0x21, 0x21, True),  # shared and anonymous: pages that no process has once it looks away
    "rt_sigaction": ((13, 134), 0, WHOLE, 17, True),  # SIGCHLD: ignored children leave no record of their computing
    "socket": ((41, 198), 0, WHOLE, 1, False),  # AF_UNIX is for neighbours, and counted in ``watch``
    "prlimit64": ((302, 261), 0, WHOLE, 0, False),  # of anybody but oneself: a keeper without files sees nobody
    "sched_setscheduler": ((144, 119), 0, WHOLE, 0, False),  # a keeper that runs when nobody else wants to is late
    "sched_setparam": ((142, 118), 0, WHOLE, 0, False),
    "sched_setattr": ((314, 274), 0, WHOLE, 0, False),
    "sched_setaffinity": ((203, 122), 0, WHOLE, 0, False),
    "setsockopt": ((54, 208), 2, WHOLE, 7, True),  # SO_SNDBUF: more in the buffers of a socket
}
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, the kernel's name for it
LOAD, AND, EQUAL, ABOVE, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06  # instructions of the filter
NUMBER, MACHINE, ARGUMENTS = 0, 4, 16  # where the filter finds them
ALLOW, REFUSE = (RETURN, 0, 0, 0x7FFF0000), (RETURN, 0, 0, 0x00050000 | errno.EPERM)
OTHER_ABI = 0x40000000  # numbers from here on belong to x32
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2
Line = tuple[int, int, int, int]  # instruction, lines to skip if so, lines to skip if not, value


def refuse() -> bool:
    """Refuse these calls to this process and all that it starts, for good; gives whether this system can."""
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        return False
    filter_ = b"".join(struct.pack("HBBI", *line) for line in _filter(*MACHINES[platform.machine()]))
    code = ctypes.create_string_buffer(filter_, len(filter_))
    program = struct.pack("HxxxxxxP", len(filter_) // 8, ctypes.addressof(code))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    return library.prctl(PR_SET_SECCOMP, FILTER, ctypes.c_char_p(program), 0, 0) == 0


def _filter(column: int, machine: int) -> Iterator[Line]:
    """A program for the kernel's filter, which also refuses another machine and another ABI."""
    yield from ((LOAD, 0, 0, MACHINE), (EQUAL, 1, 0, machine), REFUSE)
    yield from ((LOAD, 0, 0, NUMBER), (ABOVE, 0, 1, OTHER_ABI), REFUSE)
    for numbers in REFUSED.values():
        if numbers[column] != NONE:
            yield from ((EQUAL, 0, 1, numbers[column]), REFUSE)
    for numbers, argument, mask, value, equal in PARTLY.values():
        yield from ((EQUAL, 0, 5, numbers[column]), (LOAD, 0, 0, ARGUMENTS + 8 * argument), (AND, 0, 0, mask))
        yield from ((EQUAL, int(not equal), int(equal), value), REFUSE, ALLOW)
    yield ALLOW
