"""pools: where submissions are judged at the same time: processes of this machine, or a Dask cluster.

Both speak the interface of ``concurrent.futures``. A submission that takes the process of its judge down is tried once
more on its own; it neither stops the others nor is it lost.
"""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.grading.assessing import assess
from course_lib.grading.reports import SubmissionReport
from course_lib.grading.submission import in_a_line
from course_lib.grading.terms import Terms

HOPELESS = 3  # submissions in a row that take their judge down


@dataclass(frozen=True)
class Task:
    """One submission to judge.

    Attributes:
        student: Whose.
        submitted: The notebook that was handed in.
        released: The notebook that learners were given.
        assignment: Which.
        terms: Of the grading.
    """

    student: str
    submitted: Path
    released: Path
    assignment: str
    terms: Terms


@dataclass(frozen=True)
class Judged:
    """What became of it.

    Attributes:
        task: The submission.
        report: None where it could not be judged.
        seconds: That it took.
        trouble: Why it could not.
    """

    task: Task
    report: SubmissionReport | None
    seconds: float
    trouble: str = ""


def judge_task(task: Task) -> Judged:
    """Judge one submission, wherever this runs."""
    started = time.monotonic()
    try:
        report = assess(task.submitted, task.released, task.assignment, task.terms)
    except Exception as error:  # the judge's own mistakes cost one submission and are told
        return Judged(task, None, time.monotonic() - started, in_a_line(f"{type(error).__name__}: {error}", 500))
    return Judged(task, report, time.monotonic() - started)


def judge_all(tasks: Sequence[Task], pool_of: Callable[[int], Executor], jobs: int) -> Iterator[Judged]:
    """Judge submissions, several at a time, and yield each as it is done.

    Args:
        tasks: The submissions.
        pool_of: Makes a pool for that many at a time.
        jobs: How many at a time.

    Raises:
        CourseError: If no process lives long enough to judge anything.
    """
    if not tasks:
        return
    lost: list[Task] = []
    with _under_way(pool_of(min(jobs, len(tasks))), tasks) as futures:
        for future in as_completed(futures):
            try:
                yield future.result()
            except Exception:  # judging itself raises nothing: whoever judged is gone
                lost.append(futures[future])
    died = 0
    for task in lost:  # one of them took the pool down; which one shows when each has a pool of its own
        with _under_way(pool_of(1), [task]) as futures:
            try:
                yield next(iter(futures)).result()
                died = 0
            except Exception as error:
                died += 1
                if died == HOPELESS:
                    raise CourseError("the processes that judge do not live: is there memory left?") from error
                yield Judged(task, None, 0.0, "the judge's process died twice over this submission")


def processes(jobs: int) -> Executor:
    """A pool of processes of this machine, which end with this one, whatever ends it."""
    context = multiprocessing.get_context("spawn")  # a fork after torch has threads may hang
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin)


@contextlib.contextmanager
def _under_way(pool: Executor, tasks: Sequence[Task]) -> Iterator[dict[Future[Judged], Task]]:
    """Tasks in a pool; whatever stops the work, Ctrl-C above all, waits for none that never ends."""
    with pool:
        futures = {pool.submit(judge_task, task): task for task in tasks}
        try:
            yield futures
        except BaseException:
            for future in futures:
                future.cancel()
            _end(pool)
            raise


def _end(pool: Executor) -> None:
    """End the processes of a pool of this machine at once; the jails that they opened end with them."""
    if isinstance(pool, ProcessPoolExecutor):
        for process in multiprocessing.active_children():
            process.terminate()


def cluster(address: str) -> Callable[[int], Executor]:
    """The pools of a Dask cluster, whose machines see the same folders under the same names.

    Raises:
        CourseError: If dask.distributed is missing or nobody answers.
    """
    try:
        from distributed import Client  # type: ignore[import-not-found]
    except ImportError as error:
        raise CourseError('--dask needs dask.distributed:  pip install "course-lib[cluster]"') from error
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise CourseError(f"no Dask scheduler answers at {address}: {error}") from error
    return lambda jobs: client.get_executor(pure=False, retries=1)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin() -> None:
    """In each new process: one thread of torch, and an end when the grader ends."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, which ends its processes
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
