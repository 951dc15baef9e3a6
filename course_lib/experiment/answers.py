"""answers: where a run keeps its teacher's answers."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from course_lib.experiment.habits import Habits
from course_lib.experiment.jobs import Job
from course_lib.experiment.record import hash_of
from course_lib.models import Network
from course_lib.ranks import is_first
from course_lib.teacher_cache import TeacherCache
from course_lib.training import Lesson

MOST_BYTES = 4 * 2**30  # that a run keeps for itself without being asked
OWN = "teacher_cache"  # the folder in a run folder


def kept_bytes(lessons: Iterable[tuple[Job, Lesson]]) -> int:
    """Bytes of all answers that a run would keep; 0 if no two students would hear the same ones."""
    asked: list[object] = []
    sizes: dict[object, int] = {}
    for job, lesson in lessons:
        if not job.way.distils:
            continue
        numbers = lesson.total_steps * lesson.plan.batch_size * lesson.num_classes
        views: list[tuple[object, ...]] = [("clean",)] if lesson.supervision.hears_clean else []
        if lesson.supervision.hears_mixed:
            views.append(("mixed", lesson.plan, lesson.mixing) if lesson.mixes else ("clean",))
        for view in views:
            asked.append((job.seed, *view))
            sizes[asked[-1]] = numbers * lesson.teacher_dtype.itemsize
    return sum(sizes.values()) if len(asked) > len(sizes) else 0


def describe(teacher: Network, device: torch.device, *, compiles: bool) -> str:
    """16 hexadecimal digits of all that decides about a teacher's answers, apart from the images."""
    arithmetic = {
        "weights": hash_of(teacher),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads() if device.type == "cpu" else None,
        "compiled": compiles,
    }
    return hashlib.sha256(json.dumps(arithmetic, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def kept(habits: Habits, run: Path, lessons: Callable[[], Iterable[tuple[Job, Lesson]]]) -> Iterator[Path | None]:
    """The folder in which the teacher's answers are kept while a run works; None where they are not.

    Args:
        habits: What the user wishes.
        run: The run folder; its own answers are removed from it when the run has ended well.
        lessons: All that is taught.
    """
    if habits.teacher_cache not in ("auto", "off"):
        yield Path(habits.teacher_cache)
        return
    wanted = habits.teacher_cache == "auto" and 0 < kept_bytes(lessons()) <= MOST_BYTES
    yield run / OWN if wanted else None
    if is_first():
        shutil.rmtree(run / OWN, ignore_errors=True)


def cache_of(folder: Path | None, teacher: str, habits: Habits) -> TeacherCache | None:
    """The cache in a folder."""
    return None if folder is None else TeacherCache(folder, teacher, habits.warn)
