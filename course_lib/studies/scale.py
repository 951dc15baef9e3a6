"""scale: how large a study is, on which data: ours, chosen so that the runs fit two CPU cores.

``small`` ends within 3 minutes on digits and is for looking whether everything works; its numbers decide little.
``full`` is what ships. Students of a study have equal budgets. Nothing here was chosen by looking at test images.
"""

from dataclasses import replace

from course_lib.data import count
from course_lib.errors import CourseError
from course_lib.recipes import RunSettings

SCALES = ("small", "full")
T = 2.0  # the paper's default, wherever a study needs one distillation temperature


def _settings(data: str, teacher: str, student: str, epochs: int, learning_rate: float, limit: int | None, seeds: int):
    return RunSettings(
        recipe="study",
        data=data,
        teacher=teacher,
        student=student,
        epochs=epochs,
        batch_size=64,
        learning_rate=learning_rate,
        temperatures=(T,),
        limit=limit,
        seeds=seeds,
    )


FULL = {
    "digits": _settings("digits", "cnn16", "cnn4", epochs=40, learning_rate=0.2, limit=400, seeds=5),
    "tabular": _settings("tabular", "mlp128", "mlp16", epochs=60, learning_rate=0.1, limit=1000, seeds=5),
    "fashion": _settings("fashion", "cnn16", "cnn6", epochs=8, learning_rate=0.1, limit=10_000, seeds=3),
    "cifar10-jpeg": _settings("cifar10-jpeg", "resnet20", "resnet8", epochs=4, learning_rate=0.1, limit=5_000, seeds=3),
}
OTHER = _settings("", "resnet56", "resnet20", epochs=60, learning_rate=0.1, limit=None, seeds=3)  # for a GPU
SMALL = {"epochs": 10, "seeds": 2}
SMALL_IMAGES = {"digits": 400, "tabular": 1_000}  # elsewhere 1,000, in 3 epochs


def settings_of(data: str, scale: str) -> RunSettings:
    """The settings that every part of a study starts from.

    Args:
        data: A named data set or a folder.
        scale: ``small`` or ``full``.

    Raises:
        CourseError: If there is no such scale, or the data are not there.
    """
    if scale not in SCALES:
        raise CourseError(f"unknown scale {scale!r}: choose small or full")
    full = FULL.get(data, replace(OTHER, data=data))
    if scale == "full":
        return full
    small = replace(full, **SMALL)
    if data in SMALL_IMAGES:
        return small
    networks = {} if data in FULL else {"teacher": "resnet20", "student": "resnet8"}
    return replace(small, epochs=3, limit=min(1_000, count(data)[0]), **networks)
