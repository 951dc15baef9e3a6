"""jail: bubblewrap, in which a learner's notebook sees Python, the library without its judges, and an empty folder.

New user, mount, process, network and ipc namespaces. The worker is the first process of its own, so that nobody inside
can end it, and all that is inside ends with it. Root is exempt from the limit on processes, so that root becomes nobody
first; a nobody cannot read what lies in root's folders, so that root lays out what may be seen before.

Source: Bubblewrap, https://github.com/containers/bubblewrap, README, "Sandboxing".
"""

import os
import re
import shutil
import site
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from course_lib.grading.limits import Limits

LIBRARY = Path(__file__).parent.parent
SHOWN = {  # of the folders that know answers, what a worker needs
    "questions": ("__init__", "building", "calling", "case", "question", "quiet", "raised", "seeing"),
    "grading": (
        "__init__",
        "draws",
        "frames",
        "keeper",
        "learner",
        "library_calls",
        "limits",
        "processes",
        "running",
        "syscalls",
        "watch",
        "wire",
        "worker",
    ),
}
SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/etc/alternatives")
SCRATCH = "/scratch"
ENVIRONMENT = {"HOME": SCRATCH, "TMPDIR": SCRATCH, "PATH": "/nowhere"}
NOBODY = 65534
OLDEST = (0, 8)  # the first whose scratch folders have a size and that can forbid namespaces inside
INSTALL = "install bubblewrap 0.8 or newer (Debian and Ubuntu: apt install bubblewrap)"
UNSAFE = "Without a jail, --unsafe-no-jail runs learners' code as you"
BECOME_NOBODY = f"""
import os, sys
os.setgroups([]); os.setresgid(*[{NOBODY}] * 3); os.setresuid(*[{NOBODY}] * 3)
os.execv(sys.argv[1], sys.argv[1:])
"""


def why_not() -> str | None:
    """Why there is no jail here, with the way out; None where there is one."""
    return _why_not(shutil.which("bwrap"))


@cache
def _why_not(bubblewrap: str | None) -> str | None:
    if sys.platform != "linux":
        return f"there is no jail on {sys.platform}: grade on Linux. {UNSAFE}"
    if bubblewrap is None:
        return f"there is no bubblewrap, which keeps learners' code apart: {INSTALL}. {UNSAFE}"
    said = _run([bubblewrap, "--version"]).stdout
    version = tuple(map(int, re.findall(r"\d+", said)[:2]))
    if version < OLDEST:
        return f"{said.strip() or bubblewrap} is too old: {INSTALL}. {UNSAFE}"
    tried = _run(command([sys.executable, "-I", "-S", "-c", "print('inside')"], Limits()))
    if tried.returncode or tried.stdout != "inside\n":
        lines = tried.stderr.strip().splitlines() or ["it says nothing"]
        return (
            f"bubblewrap does not start here: {lines[-1]}. In a container, allow user namespaces; on Ubuntu 24.04, "
            f"set kernel.apparmor_restrict_unprivileged_userns to 0 or give bwrap a profile. {UNSAFE}"
        )
    return None


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=ENVIRONMENT, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def command(inside: Sequence[str], limits: Limits) -> list[str]:
    """The command that runs another one in a jail.

    Args:
        inside: What is run: Python and its arguments.
        limits: The size of the scratch folder.
    """
    bubblewrap = shutil.which("bwrap") or "bwrap"
    visible = list(_visible())
    jailed = [
        bubblewrap,
        *("--unshare-all", "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"),
        *("--hostname", "jail", "--new-session", "--die-with-parent", "--as-pid-1"),
        *_laid_out(visible),
        *_hidden(),
        *("--proc", "/proc", "--dev", "/dev", "--dev-bind", "/dev/null", "/dev/zero"),  # whose copies no limit counts
        *("--size", str(limits.scratch), "--perms", "0700", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),
        *("--size", str(limits.scratch), "--perms", "0700", "--tmpfs", SCRATCH, "--chdir", SCRATCH),
        *("--remount-ro", "/", "--", *inside),
    ]
    if os.getuid():
        return jailed
    laid_out = _laid_out([*visible, bubblewrap])
    first = ["--dev-bind", "/dev", "/dev", "--bind", "/proc", "/proc", "--perms", "0755", "--tmpfs", "/tmp"]
    become = [sys.executable, "-I", "-S", "-c", BECOME_NOBODY]
    return [bubblewrap, "--die-with-parent", *first, *laid_out, "--", *become, *jailed]


def _visible() -> Iterator[str]:
    """Files and folders that Python, torch and the library need."""
    yield from SYSTEM
    for prefix in {sys.prefix: 0, sys.base_prefix: 0, sys.exec_prefix: 0, sys.base_exec_prefix: 0}:
        yield from (f"{prefix}/{part}" for part in ("lib", "lib64", "pyvenv.cfg"))
    executable = Path(sys.executable)
    yield str(executable)
    while executable.is_symlink():  # every link on the way to the interpreter
        executable = Path(os.path.normpath(executable.parent / executable.readlink()))
        yield str(executable)
    if site.ENABLE_USER_SITE and (own := site.getusersitepackages()) in sys.path:
        yield own
    yield str(LIBRARY)


def _laid_out(paths: Sequence[str]) -> list[str]:
    """Options that show these paths, and the folders on the way to them empty."""
    there = sorted({path for path in paths if Path(path).exists()}, key=lambda path: (path.count("/"), path))
    top = [path for path in there if not any(path.startswith(f"{other}/") for other in there)]
    ways = sorted({str(parent) for path in top for parent in Path(path).parents} - {"/"}, key=len)
    return [
        *(word for way in ways for word in ("--perms", "0755", "--dir", way)),
        *(word for path in top for word in ("--ro-bind", path, path)),
    ]


def _hidden() -> list[str]:
    """Options that show of some folders of the library only some modules."""
    options: list[str] = []
    for folder, modules in SHOWN.items():
        place = str(LIBRARY / folder)
        options += ["--size", "1048576", "--perms", "0755", "--tmpfs", place]
        options += [word for name in modules for word in ("--ro-bind", f"{place}/{name}.py", f"{place}/{name}.py")]
        options += ["--remount-ro", place]
    return options
