"""answers: where a run keeps its teacher's answers."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch

from course_lib.decode import EncodedImages
from course_lib.errors import CourseError
from course_lib.experiment.habits import Habits
from course_lib.experiment.jobs import Job
from course_lib.experiment.record import hash_of, processor_name
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


def describe(teacher: Network, images: object, device: torch.device, *, compiles: bool) -> str:
    """16 hexadecimal digits of all that decides about a teacher's answers, apart from which images are shown."""
    files = images.paths if isinstance(images, EncodedImages) else ()
    arithmetic = {
        "network": repr(teacher),
        "weights": hash_of(teacher),
        "files": [path.stat().st_mtime_ns for path in files],  # their pixels may change where their sizes do not
        "course_lib": version("course-lib"),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name(),
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
        yield _usable(habits.teacher_cache)
        return
    wanted = habits.teacher_cache == "auto" and 0 < kept_bytes(lessons()) <= MOST_BYTES
    yield run / OWN if wanted else None
    if is_first():
        shutil.rmtree(run / OWN, ignore_errors=True)


def _usable(wanted: Path | str) -> Path:
    """A folder that the user named, made if it is not there."""
    if not str(wanted):
        raise CourseError("--teacher-cache needs a folder, or off")
    try:
        Path(wanted).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(
            f"--teacher-cache {wanted} cannot be used ({error.strerror}): name another folder, or off"
        ) from error
    return Path(wanted)


def cache_of(folder: Path | None, teacher: str, habits: Habits) -> TeacherCache | None:
    """The cache in a folder."""
    return None if folder is None else TeacherCache(folder, teacher, habits.warn)
