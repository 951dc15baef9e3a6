"""habits: how a run behaves, and on what it runs."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from course_lib.errors import CourseError

MOST_WORKERS = 16  # of the processes that read images; beyond, they wait for the disk and for each other


class Interrupted(Exception):
    """The run was asked to stop; its state is saved."""


@dataclass(frozen=True)
class Habits:
    """How a run behaves towards the person who waits for it; nothing here changes a result.

    Attributes:
        console: Where progress is shown.
        save_every_seconds: How much work a kill may cost.
        stop: Asked after each step; once true, the state is saved and ``Interrupted`` is raised.
        workers: Processes that read images which stay on the disk; None takes one per core, less one for training.
        teacher_cache: A folder for the teacher's answers, to be found again by other runs; ``off`` keeps none;
            ``auto`` keeps them in the run folder until the run ends, where several students hear the same ones and
            they are not too many.
    """

    console: Console
    save_every_seconds: float = 20.0
    stop: Callable[[], bool] = lambda: False
    workers: int | None = None
    teacher_cache: Path | str = "auto"

    def warn(self, line: str) -> None:
        """Tell the user something in one line."""
        self.console.print(f"warning: {line}", style="yellow", markup=False, highlight=False)

    def reading_workers(self) -> int:
        """How many processes read images from the disk."""
        return max(0, min(MOST_WORKERS, (os.cpu_count() or 1) - 1)) if self.workers is None else self.workers


def pick_device(name: str) -> torch.device:
    """The device called ``auto``, ``cpu`` or ``cuda``; of several GPUs, the one that torchrun gave to this process.

    Raises:
        CourseError: If there is no such device on this machine.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise CourseError(f"unknown device {name!r}: choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise CourseError("no GPU that torch can use on this machine: see `course doctor`, or choose --device cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    number = int(os.environ.get("LOCAL_RANK", "0"))
    if number >= torch.cuda.device_count():
        raise CourseError(f"{torch.cuda.device_count()} GPUs are here: choose a smaller --nproc_per_node")
    return torch.device("cuda", number)


def can_compile(device: torch.device, warn: Callable[[str], None]) -> bool:
    """Whether torch.compile works here; if it does not, the user is told in one line."""

    def one_more(values: Any) -> Any:
        return values + 1

    try:
        torch.compile(one_more)(torch.zeros(2, device=device))
    except Exception as error:  # whatever a missing compiler makes torch raise
        reason = str(error).strip().splitlines()[0]
        warn(f"nothing is compiled, because torch.compile does not work here ({type(error).__name__}: {reason})")
        return False
    return True
