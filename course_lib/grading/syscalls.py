"""syscalls: what Linux is told to refuse to a learner's processes from the start.

Namespaces hide files and neighbours; these calls would reach the kernel's own stores (keys, memory that no limit
counts), look into other processes, or build namespaces of their own. None is needed to answer a question.
"""

import ctypes
import errno
import platform
import struct
import sys

# name: number on x86_64, number on aarch64
REFUSED = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "userfaultfd": (323, 282),
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
}
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, the kernel's name for it
LOAD, EQUAL, ABOVE, RETURN = 0x20, 0x15, 0x35, 0x06  # instructions of the filter
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
OTHER_ABI = 0x40000000  # numbers from here on belong to x32
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2


def refuse() -> bool:
    """Refuse these calls to this process and all that it starts, for good; gives whether this system can."""
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        return False
    filter_ = _filter(*MACHINES[platform.machine()])
    code = ctypes.create_string_buffer(filter_, len(filter_))
    program = struct.pack("HxxxxxxP", len(filter_) // 8, ctypes.addressof(code))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    return library.prctl(PR_SET_SECCOMP, FILTER, ctypes.c_char_p(program), 0, 0) == 0


def _filter(column: int, machine: int) -> bytes:
    """A program for the kernel's filter: another machine, another ABI or a refused number ends at the last line."""
    numbers = [both[column] for both in REFUSED.values()]
    lines = [(LOAD, 0, 0, 4), (EQUAL, 0, len(numbers) + 3, machine), (LOAD, 0, 0, 0)]
    lines.append((ABOVE, len(numbers) + 1, 0, OTHER_ABI))
    lines += [(EQUAL, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    lines += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
