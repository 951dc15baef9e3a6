"""overhead: what each way of training costs, and how much of that is the teacher; the paper leaves it open.

Every arm runs in a process of its own, so that its peak memory is its own. A cache of the teacher's answers could save
at most the part of the time that the teacher takes; how often answers can be used again, the table ``work`` says.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from course_lib.arms import arm_of
from course_lib.recipes import RunSettings
from course_lib.results import Row
from course_lib.studies.part import Part
from course_lib.studies.scale import T
from course_lib.studies.study import Findings, Parts, Study

ARMS = ("ce", "mixup", "kd", "mixup_kd", "mixup_kd+outputs=1")
LABELS_ONLY = {False: "ce", True: "mixup"}  # the same images without a teacher
RUNS = 3  # of each arm: a clock is read more than once


def parts(base: RunSettings) -> Parts:
    """One run per arm; its teacher is trained for one epoch only, because it costs the same however good it is."""
    return {arm: replace(base, arms=(arm,), temperatures=(T,), seeds=RUNS, teacher_epochs=1) for arm in ARMS}


def read(finished: Sequence[Part]) -> Findings:
    """Teacher passes of each arm, and what the clock said."""
    rates = {part.name: [float(line["images_per_second"]) for line in _students(part)] for part in finished}
    return Findings(
        tables={"work": [_work(part) for part in finished]}, timings=[_cost(part, rates) for part in finished]
    )


def _students(part: Part) -> list[dict[str, str]]:
    return [line for line in part.run.timings if line["model"] != "teacher"]


def _work(part: Part) -> Row:
    """What an arm does, apart from any clock."""
    supervision = arm_of(part.name).supervision(T, part.settings.label_weight)
    view = part.settings.view(tuple(part.splits.train.images.shape))
    asked = [word for word, hears in (("mixed", supervision.hears_mixed), ("clean", supervision.hears_clean)) if hears]
    fixed = asked == ["clean"] or (asked == ["mixed"] and not arm_of(part.name).mixes)
    return {
        "arm": part.name,
        "student_parameters": part.run.config["models"]["student"]["parameters"],
        "teacher_parameters": part.run.config["models"]["teacher"]["parameters"] if asked else None,
        "images_per_epoch": len(part.splits.train.labels) // part.settings.batch_size * part.settings.batch_size,
        "teacher_passes_per_image": len(asked),
        "answers_serve": _answers_serve(fixed, moves=bool(view.shift or view.flip)) if asked else None,
    }


def _answers_serve(fixed: bool, *, moves: bool) -> str:
    """How long a teacher's answers could be kept: mixtures, crops and flips differ from epoch to epoch."""
    return "all epochs" if fixed and not moves else "one epoch, every student of its seed"


def _cost(part: Part, rates: dict[str, list[float]]) -> Row:
    """The line of an arm in ``timings``."""
    without = median(rates[LABELS_ONLY[arm_of(part.name).mixes]])
    rate = median(rates[part.name])
    images = len(part.splits.train.labels) // part.settings.batch_size * part.settings.batch_size
    return {
        "arm": part.name,
        "runs": len(rates[part.name]),
        "images_per_second": rate,
        "slowest": min(rates[part.name]),
        "fastest": max(rates[part.name]),
        "seconds_per_epoch": images / rate,
        "share_of_teacher": max(0.0, 1 - rate / without),
        "peak_memory_mb": max(float(line["peak_memory_mb"]) for line in _students(part)),
    }


STUDY = Study(
    name="overhead",
    asks="What does each way of training cost in time and memory, and how much of it is the teacher?",
    claims=(),
    parts=parts,
    read=read,
    own_process=True,
)
