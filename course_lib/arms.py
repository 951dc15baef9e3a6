"""arms: the ways to train a student, each with a name that says all about it.

    ce         labels                    mixup      mixed labels, mixed images
    kd         a teacher                 mixup_kd   a teacher, on mixed images: the paper
    as_is      nothing: a network with weights from outside is measured as it came, beside its teacher

A change is added to a name with ``+``; any number of them may follow, in any order:

    +labels=W       the (mixed) labels weigh W, the teacher the rest
    +outputs=S      S of the teacher's weight goes to the mix of what it says about the two clean images
    +standardised   logits are divided by their own deviation, not by a temperature
    +dial=TAU       the teacher's logits are divided by TAU first: surer below 1, less sure above
    +flat           the teacher's probability of other classes is spread evenly
    +permuted       it is dealt to the wrong classes, the same ones always
    +alpha=A        lambdas come from Beta(A, A)
    +share=S        S of the images are mixed
    +batch          one lambda for a whole batch
    +cutmix         images are pasted into each other instead of blended

So ``mixup_kd+outputs=0.5+alpha=0.2`` is one arm, and ``mixup_kd+dial=2`` another.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from course_lib.dark_knowledge import dial_teacher, flatten_dark_knowledge, permute_dark_knowledge, wrong_relatives
from course_lib.epoch_plan import PlanSettings
from course_lib.errors import CourseError, unknown
from course_lib.losses import Supervision

RELATIVES_SEED = 0  # of the permutations of ``+permuted``: any number, but always the same
DIAL = (1e-3, 1e3)  # beyond, float32 holds no teacher


@cache
def _relatives(num_classes: int, device: torch.device) -> Tensor:
    """The permutations of ``+permuted``, on a device once and for all."""
    return wrong_relatives(num_classes, RELATIVES_SEED).to(device)


@dataclass(frozen=True)
class Arm:
    """One way to train a student.

    Attributes:
        mixes: Whether the student's images are mixed.
        distils: Whether it learns from the teacher.
        labels: Weight of the labels where it distils; None takes that of the run.
        outputs: See ``Supervision.clean_share``.
        standardised: See ``Supervision``.
        dial: What the teacher's logits are divided by.
        knowledge: ``kept``, ``flat`` or ``permuted``: what becomes of the teacher's other classes.
        alpha: Of the lambdas; None takes that of the run.
        share: Part of the images that are mixed.
        batch: Whether a batch shares one lambda.
        cutmix: Whether images are pasted instead of blended.
        trains: Whether anything is learned.
    """

    mixes: bool
    distils: bool
    labels: float | None = None
    outputs: float = 0.0
    standardised: bool = False
    dial: float = 1.0
    knowledge: str = "kept"
    alpha: float | None = None
    share: float = 1.0
    batch: bool = False
    cutmix: bool = False
    trains: bool = True

    @property
    def base(self) -> str:
        """The arm that this one is a change of."""
        return next(name for name, arm in ARMS.items() if (arm.mixes, arm.distils) == (self.mixes, self.distils))

    @property
    def softens(self) -> bool:
        """Whether it has a distillation temperature."""
        return self.distils and not self.standardised

    def supervision(self, temperature: float | None, label_weight: float) -> Supervision:
        """What a student of this arm learns from, in a run with this label weight."""
        if not self.distils:
            return Supervision(label_weight=1.0)
        weight = label_weight if self.labels is None else self.labels
        return Supervision(weight, temperature or 1.0, self.outputs, self.standardised, self._alter)

    def _alter(self, softened: Tensor) -> Tensor:
        """What the student hears of a teacher's softened logits."""
        dialled = dial_teacher(softened, self.dial)
        if self.knowledge == "permuted":
            return permute_dark_knowledge(dialled, _relatives(dialled.shape[1], dialled.device))
        if self.knowledge == "flat":
            flat = flatten_dark_knowledge(dialled.softmax(dim=1))
            return flat.clamp_min(torch.finfo(flat.dtype).tiny).log()
        return dialled

    def plan(self, settings: PlanSettings) -> PlanSettings:
        """The plan of a run, as this arm follows it."""
        alpha = settings.alpha if self.alpha is None else self.alpha
        return replace(settings, alpha=alpha, share=self.share, one_lambda_per_batch=self.batch)


ARMS = {
    "ce": Arm(mixes=False, distils=False),
    "mixup": Arm(mixes=True, distils=False),
    "kd": Arm(mixes=False, distils=True),
    "mixup_kd": Arm(mixes=True, distils=True),
}
AS_IS = {"as_is": Arm(mixes=False, distils=False, trains=False)}

_NUMBERS = ("labels", "outputs", "dial", "alpha", "share")  # changes with a value, by the field that they set
_WORDS = {  # changes without one: field and value
    "standardised": ("standardised", True),
    "flat": ("knowledge", "flat"),
    "permuted": ("knowledge", "permuted"),
    "batch": ("batch", True),
    "cutmix": ("cutmix", True),
}
_NEEDS_TEACHER = {"labels", "outputs", "standardised", "dial", "flat", "permuted"}
_NEEDS_MIXING = {"outputs", "alpha", "share", "batch", "cutmix"}


@cache
def arm_of(name: str) -> Arm:
    """The arm of a name.

    Raises:
        CourseError: If the name is unknown, or a change does not fit the arm.

    Example:
        >>> arm_of("mixup_kd+dial=2").dial, arm_of("mixup_kd+dial=2").base
        (2.0, 'mixup_kd')
    """
    base, *changes = name.split("+")
    known = ARMS | AS_IS
    if base not in known:
        raise unknown("arm", base, known)
    arm, seen = known[base], set[str]()
    for change in changes:
        word, equals, value = change.partition("=")
        if word not in (*_NUMBERS, *_WORDS):
            raise unknown("change of an arm", word, [*_NUMBERS, *_WORDS])
        if (word in _NEEDS_TEACHER and not arm.distils) or (word in _NEEDS_MIXING and not arm.mixes):
            lacking = "teacher" if word in _NEEDS_TEACHER and not arm.distils else "mixing"
            raise CourseError(f"arm {name!r}: +{word} changes nothing, because {base} has no {lacking}")
        field, setting = _change(name, word, value if equals else None)
        if field in seen:
            raise CourseError(f"arm {name!r} says twice what shall become of the {field}")
        seen.add(field)
        arm = replace(arm, **{field: setting})
    _check(name, arm)
    return arm


def _change(name: str, word: str, value: str | None) -> tuple[str, Any]:
    """The field that a change sets, and to what."""
    if word in _WORDS:
        if value is not None:
            raise CourseError(f"arm {name!r}: write +{word}, without a value")
        return _WORDS[word]
    try:
        return word, float(value or "")
    except ValueError:
        raise CourseError(f"arm {name!r}: write +{word}=NUMBER") from None


def _check(name: str, arm: Arm) -> None:
    """Refuse numbers outside their range, in the words of the setting that refuses them."""
    try:
        arm.supervision(None, label_weight=0.0)
        arm.plan(PlanSettings(batch_size=32))
    except CourseError as error:
        raise CourseError(f"arm {name!r}: {error}") from None
    if not DIAL[0] <= arm.dial <= DIAL[1]:
        raise CourseError(f"arm {name!r}: the dial must lie between {DIAL[0]:g} and {DIAL[1]:g}, got {arm.dial:g}")
    if arm.labels == 1:
        raise CourseError(
            f"arm {name!r}: with labels=1 nobody hears the teacher: take {'mixup' if arm.mixes else 'ce'}"
        )
