"""machine: the processor, the GPU, memory, and room for runs."""

import os
import shutil
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

from course_lib.doctor.finding import Finding, first_line, pip_install
from course_lib.grading.jail import why_not

GB = 2**30
DEMO_MEMORY_GB = 1.0  # the demo takes 0.8
DEMO_DISK_GB = 0.1  # the demo writes 4 MB; states for resuming come and go


def processor() -> Finding:
    """Cores, and the threads that torch makes of them."""
    try:
        import torch

        threads = f"{torch.get_num_threads()} threads in torch"
    except Exception:  # a broken torch raises whatever it likes
        threads = "torch does not load"
    return Finding("processor", True, False, f"{os.cpu_count()} cores, {threads}")


def gpu() -> Finding:
    """The GPU, if torch finds one.

    None is needed. But one that torch finds is taken by ``--device auto``, and then it must work.
    """
    try:
        import torch
    except Exception:
        return Finding("GPU", False, False, "not looked for, as torch does not load", "see torch above")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = torch.cuda.is_available()
    if found:
        return _working_gpu()
    if not said and shutil.which("nvidia-smi") is None:
        return Finding("GPU", True, False, "none: the CPU is enough")
    why = first_line(said[0].message) if said else "the system has nvidia-smi, but torch finds no GPU"
    if torch.version.cuda is None:
        remedy = f"this torch is built for the CPU alone; with a GPU: {pip_install('--force-reinstall', 'torch')}"
    else:
        remedy = "update the driver of the GPU; until then the CPU is enough"
    return Finding("GPU", False, False, why, remedy)


def _working_gpu() -> Finding:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an old GPU is warned of here; whether it computes is asked below
            name = torch.cuda.get_device_name()
            memory = torch.cuda.get_device_properties().total_memory / GB
            total = torch.ones(8, 8, device="cuda").square().sum().item()
        assert total == 64
    except Exception as error:
        remedy = "update its driver or torch; until then add --device cpu to course run"
        return Finding("GPU", False, True, f"does not work: {first_line(error)}", remedy)
    return Finding("GPU", True, False, f"{name}, {memory:.0f} GB")


def jail() -> Finding:
    """What a teacher needs to grade strangers' notebooks, tried and not only looked for; learners can do without."""
    reason = why_not()
    if reason is None:
        return Finding("bubblewrap", True, False, "learners' code can be graded in a jail")
    return Finding("bubblewrap", False, False, "learners' code cannot be graded in a jail; only teachers do", reason)


def memory() -> Finding:
    """Whether enough memory is free for the demo."""
    free = free_memory_gb()
    if free is None:
        return Finding("memory", True, True, "not told by this system")
    ok = free >= DEMO_MEMORY_GB
    remedy = "" if ok else f"close other programs: the demo needs {DEMO_MEMORY_GB:.0f} GB"
    return Finding("memory", ok, True, f"{free:.1f} GB free", remedy)


def free_memory_gb() -> float | None:
    """What Linux calls available, and no more than the limit of a container; None where neither is told."""
    known = []
    with suppress(OSError, KeyError, ValueError):
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        known.append(int(lines["MemAvailable"].split()[0]) * 1024 / GB)
    with suppress(OSError, ValueError):  # the limit is the word "max" where there is none
        known.append(int(Path("/sys/fs/cgroup/memory.max").read_text()) / GB)
    return min(known, default=None)


def room_for_runs() -> Finding:
    """Whether runs can be written where they go: into ``runs/`` of the current folder."""
    folder = Path("runs") if Path("runs").is_dir() else Path()
    name = "runs/" if folder.name else "the current folder"
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"a run")
        free = shutil.disk_usage(folder).free / GB
    except OSError as error:
        detail = f"cannot write to {name}: {error.strerror}"
        return Finding("room for runs", False, True, detail, "change to a folder of your own, such as: cd ~")
    ok = free >= DEMO_DISK_GB
    remedy = "" if ok else "free some: old runs in runs/ can be removed"
    return Finding("room for runs", ok, True, f"{free:.1f} GB free for {name}", remedy)
