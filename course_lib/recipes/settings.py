"""settings: all that shapes a run."""

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from course_lib.arms import ARMS, arm_of
from course_lib.augment import View
from course_lib.epoch_plan import PlanSettings
from course_lib.errors import CourseError, unknown
from course_lib.losses import Supervision
from course_lib.training import TrainingSettings

SEQUENCES = ("arms", "temperatures", "milestones")


@dataclass(frozen=True)
class RunSettings:
    """All that shapes a run; the same settings give the same summary on the same machine.

    Attributes:
        recipe: The recipe that these settings started from.
        data: A named data set, or a folder.
        teacher: Name of the teacher's network.
        student: Name of the student's network.
        arms: Which ways to train a student; see ``arms`` for their names.
        temperatures: Distillation temperatures; every distilling arm is trained at each.
        seeds: Students per arm and temperature, with seeds 0, 1, ...
        epochs: Passes over the training split, for the teacher and every student alike.
        limit: Class-balanced training images; None takes all.
        image_size: Pixels on a side of what networks see; smaller images are enlarged. None lets the data decide.
        batch_size: Images in a step.
        learning_rate: Highest learning rate, reached after the warm-up.
        weight_decay: On every weight.
        warmup_share: Part of the steps in which the learning rate climbs.
        schedule: How the learning rate falls after the warm-up: ``cosine``, ``linear`` or ``steps``.
        milestones: Of ``steps``, as shares of the epochs.
        optimizer: ``sgd`` or ``adamw``.
        nesterov: Whether the momentum of SGD is Nesterov's.
        min_area: Below 1, training crops cover at least this part of an image and are resized; for large images.
        decode: Where training images that stay on the disk are decoded: ``cpu``, in worker processes, or ``gpu``, whose
            decoder may differ by a grey level.
        teacher_dtype: What the teacher's logits are rounded to, ``float32`` or ``float16``; see ``Lesson``.
        alpha: Lambdas come from Beta(alpha, alpha); the paper draws them uniformly, alpha = 1.
        label_weight: Weight of the (mixed) labels in distilling arms; the paper's students see none, 0.
        teacher_unseen: Declares that a teacher with weights from outside never saw the calib images.
        teacher_epochs: Passes of the teacher, if not as many as of the students.
        teacher_mixes: Whether the teacher is trained on mixed images; the paper's never saw any.
        teacher_seed: Another number draws another teacher.
        skip_unreadable: Leaves out images that cannot be read, and lists them.
    """

    recipe: str
    data: str
    teacher: str
    student: str
    epochs: int
    batch_size: int
    learning_rate: float
    arms: tuple[str, ...] = tuple(ARMS)
    temperatures: tuple[float, ...] = (1.0, 2.0, 4.0)
    seeds: int = 3
    limit: int | None = None
    image_size: int | None = None
    weight_decay: float = 5e-4
    warmup_share: float = 0.1
    alpha: float = 1.0
    label_weight: float = 0.0
    teacher_unseen: bool = False
    skip_unreadable: bool = False
    teacher_epochs: int | None = None
    teacher_mixes: bool = False
    teacher_seed: int = 0
    schedule: str = "cosine"
    milestones: tuple[float, ...] = ()
    optimizer: str = "sgd"
    nesterov: bool = True
    min_area: float = 1.0
    teacher_dtype: str = "float32"
    decode: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse what cannot be run, before any work is done."""
        for arm in self.arms:
            arm_of(arm)
        for name in ("arms", "temperatures"):
            if not getattr(self, name) or len(set(getattr(self, name))) < len(getattr(self, name)):
                raise CourseError(f"{name} must be named at least one, each once, got {list(getattr(self, name))}")
        for name in ("epochs", "seeds", "batch_size", "limit", "image_size", "teacher_epochs"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise CourseError(f"{name.replace('_', ' ')} must be at least 1, got {getattr(self, name)}")
        if self.batch_size < 2:
            raise CourseError("a batch needs 2 images or more: with 1, every image would be its own partner")
        if len({f"{temperature:g}" for temperature in self.temperatures}) < len(self.temperatures):
            raise CourseError(f"temperatures {list(self.temperatures)} are too close to be told apart in names")
        if not 0 < self.learning_rate < math.inf:
            raise CourseError(
                f"learning rate must be positive and finite, got {self.learning_rate}: 0.05 to 0.1 is usual"
            )
        if self.teacher_dtype not in ("float32", "float16"):
            raise unknown("teacher dtype", self.teacher_dtype, ("float32", "float16"))
        if self.decode not in ("cpu", "gpu"):
            raise unknown("place to decode", self.decode, ("cpu", "gpu"))
        self.plan(shift=0, flip=False)
        self.training()
        for temperature in self.temperatures:
            Supervision(self.label_weight, temperature)

    @property
    def needs_teacher(self) -> bool:
        """Whether any arm distils, or is measured beside its teacher."""
        return any(arm_of(arm).distils or not arm_of(arm).trains for arm in self.arms)

    def view(self, shape: tuple[int, ...]) -> View:
        """How images stored in a shape, (N, C, H, W), are cropped for the networks."""
        return replace(View.of(shape, self.image_size), min_area=self.min_area)

    def plan(self, shift: int, flip: bool) -> PlanSettings:
        """The settings of the epoch plan, for images that can be shifted and flipped so."""
        block = 32 if self.batch_size % 32 == 0 else self.batch_size
        return PlanSettings(
            self.batch_size, shift=shift, flip=flip, min_area=self.min_area, alpha=self.alpha, mixing_block=block
        )

    def training(self, *, teacher: bool = False) -> TrainingSettings:
        """How the weights of every student move, or those of the teacher."""
        return TrainingSettings(
            epochs=(teacher and self.teacher_epochs) or self.epochs,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            warmup_share=self.warmup_share,
            schedule=self.schedule,
            milestones=self.milestones,
            optimizer=self.optimizer,
            nesterov=self.nesterov,
        )

    def as_json(self) -> dict[str, Any]:
        """These settings as plain values, for ``config.json``."""
        return asdict(self) | {name: list(getattr(self, name)) for name in SEQUENCES}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "RunSettings":
        """Settings that ``as_json`` wrote."""
        names = {field.name for field in fields(cls)}
        if set(values) != names:
            raise CourseError(f"settings of another version of course_lib: {sorted(set(values) ^ names)} differ")
        try:
            sequences: dict[str, Any] = {name: tuple(values[name]) for name in SEQUENCES}
            return cls(**(values | sequences))
        except (TypeError, ValueError) as error:
            raise CourseError(f"settings that `course run` did not write: {error}. Name another --out") from error
