"""bench: how long grading a class takes, one at a time, two at a time, and beside plain nbgrader.

``make bench-grading`` makes up a class of 30 (10 wrong in different ways, 3 that never end, 2 that kill their process),
grades it with one job and with two, and lets plain nbgrader, which is no jail, run the 15 harmless ones. Everything
happens in a temporary folder.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from course_lib.grading.classroom import Pace, grade
from course_lib.grading.course_folder import CONFIG, Course
from course_lib.grading.gradebook import Nbgrader
from course_lib.grading.pools import processes
from course_lib.grading.rehearsal import a_class, hand_in, solved
from course_lib.grading.terms import Terms

STUDENTS = 30
ROOT = Path(__file__).parent.parent.parent
PLAIN = """
from pathlib import Path
c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.solution_directory = "solved"
c.ExecutePreprocessor.timeout = 120
"""


def lay_out(folder: Path, assignment: str, config: str) -> Course:
    """A course of one assignment, released."""
    shutil.copytree(ROOT / "solutions" / assignment, folder / "solutions" / assignment)
    (folder / CONFIG).write_text(config)
    course = Course(folder)
    if complaint := Nbgrader(course).release(assignment):
        raise RuntimeError(complaint)
    return course


def import_of_torch() -> float:
    """Seconds that every submission spends before anything of it runs: Python and torch, once more, warm."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - started


def graded_in(course: Course, assignment: str, jobs: int) -> float:
    """Seconds to grade everybody anew."""
    shutil.rmtree(course.root / "graded", ignore_errors=True)
    started = time.perf_counter()
    graded = grade(course, assignment, Terms(seed=1), Pace(jobs, processes, everything=True), Nbgrader(course))
    if graded.trouble:
        raise RuntimeError(str(graded.trouble))
    return time.perf_counter() - started


def autograded_in(course: Course, assignment: str) -> float:
    """Seconds that plain nbgrader takes."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "nbgrader", "autograde", assignment]
    subprocess.run(command, cwd=course.root, check=True, capture_output=True)
    return time.perf_counter() - started


@contextmanager
def peak_of_workers() -> Iterator[dict[str, int]]:
    """The largest resident set of any process that runs learners' code, in bytes; on Linux alone."""
    found, over = {"bytes": 0}, threading.Event()

    def watch() -> None:
        while not over.wait(0.3):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    if b"course_lib.grading.worker" not in path.read_bytes():
                        continue
                    status = (path.parent / "status").read_text()
                except OSError:
                    continue
                peak = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
                found["bytes"] = max(found["bytes"], *(1024 * each for each in peak), 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()


def main(assignment: str = "ps3_calibration") -> None:
    """Measure, and print a line for each."""
    with tempfile.TemporaryDirectory() as folder:
        ours = lay_out(Path(folder) / "ours", assignment, (ROOT / CONFIG).read_text())
        notebooks = a_class(solved(ours, assignment), STUDENTS)
        hand_in(ours, assignment, notebooks)
        with peak_of_workers() as peak:
            one = graded_in(ours, assignment, 1)
        two = graded_in(ours, assignment, 2)
        imports = statistics.median(import_of_torch() for _ in range(5))
        each = one / STUDENTS
        print(f"{STUDENTS} submissions of {assignment}, one at a time: {one:.0f} s, {each:.1f} s each", flush=True)
        print(f"beside one import of torch, which takes {imports:.1f} s: {each - imports:.1f} s each")
        print(f"two at a time: {two:.0f} s, {one / two:.2f} times the throughput", flush=True)
        print(f"a worker's memory at its peak: {peak['bytes'] / 1e9:.2f} GB")
        right = solved(ours, assignment)
        harmless = {student: each for student, each in notebooks.items() if each == right}
        shutil.rmtree(ours.root / "submitted")
        hand_in(ours, assignment, harmless)
        plain = lay_out(Path(folder) / "plain", assignment, PLAIN)
        hand_in(plain, assignment, harmless)
        theirs = autograded_in(plain, assignment)
        for jobs in (1, 2):
            seconds = graded_in(ours, assignment, jobs)
            print(f"{len(harmless)} harmless ones, {jobs} at a time: {seconds:.0f} s; plain nbgrader: {theirs:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
