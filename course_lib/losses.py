"""losses: soft cross-entropy and the distillation loss.

    CE   = - sum_k y_k log q_k                          y: targets,  q = softmax(student logits)
    KD   = T^2 sum_k p_k (log p_k - log q_k)            p = softmax(teacher / T),  q = softmax(student / T)
    loss = label_weight CE + (1 - label_weight) KD      means over the batch, in nats, in float32 or better

Dividing logits by T shrinks the gradient by about T^2; the factor restores it, so that the weight means the same at
every temperature. KD is a divergence: it is zero for a student that agrees with its teacher.

Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015,
https://arxiv.org/abs/1503.02531, section 2. The paper that this toolkit teaches, https://arxiv.org/abs/2606.12171,
trains its students with ``label_weight = 0``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.dark_knowledge import standardise
from course_lib.errors import CourseError


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy between target rows and a model's predictions, mean over the batch.

    Args:
        logits: (N, K) float.
        targets: (N, K) float, rows that sum to 1: one-hot labels, or mixed ones.

    Returns:
        () in nats.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> import torch
        >>> soft_cross_entropy(torch.zeros(2, 4), torch.eye(4)[:2])  # log 4: the student knows nothing
        tensor(1.3863)
    """
    if logits.shape != targets.shape:
        raise ValueError(f"logits are {tuple(logits.shape)}, targets {tuple(targets.shape)}: they must agree")
    return -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()


def distillation_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """T^2 KL(teacher || student) of the softened predictions, mean over the batch.

    Args:
        student_logits: (N, K) float; differentiated.
        teacher_logits: (N, K) float; the caller computes them without gradient.
        temperature: Positive; usually 1 to 8. Higher looks at the small probabilities too.

    Returns:
        () in nats, at least 0.

    Raises:
        ValueError: If the shapes differ or the temperature is not positive.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[2.0, 0.0, -1.0]])
        >>> float(distillation_loss(logits, logits, temperature=4.0))
        0.0
    """
    if student_logits.shape != teacher_logits.shape:
        shapes = f"student {tuple(student_logits.shape)}, teacher {tuple(teacher_logits.shape)}"
        raise ValueError(f"logits must agree in shape: {shapes}")
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    log_q = (student_logits / temperature).log_softmax(dim=1)
    log_p = (teacher_logits / temperature).log_softmax(dim=1)
    divergence = (log_p.exp() * (log_p - log_q)).sum(dim=1)
    return temperature**2 * divergence.mean()


@dataclass(frozen=True)
class Supervision:
    """What a student learns from: labels, a teacher, or both; every part is named and logged.

    Attributes:
        label_weight: In [0, 1]. Weight of the (mixed) labels; the teacher weighs the rest. 1 needs no teacher.
        temperature: Positive. Softens teacher and student in the distillation loss.
        clean_share: In [0, 1]. Part of the teacher's weight that goes to the mix of what it says about the two clean
            images, instead of what it says about the mixed one. 0 in the paper.
        standardised: Divides logits by their deviation in each row in place of a temperature, which must then be 1.
        alter: Changes the teacher's softened logits before the student hears them: (N, K) to (N, K).
    """

    label_weight: float
    temperature: float = 1.0
    clean_share: float = 0.0
    standardised: bool = False
    alter: Callable[[Tensor], Tensor] = lambda softened: softened

    def __post_init__(self) -> None:
        """Refuse weights and temperatures outside their range."""
        if not 0 <= self.label_weight <= 1:
            raise CourseError(
                f"label weight must lie in [0, 1], got {self.label_weight}: 0 learns from the teacher only"
            )
        if not 0 <= self.clean_share <= 1:
            raise CourseError(
                f"the share of the mix of clean outputs must lie in [0, 1], got {self.clean_share}: the paper has 0"
            )
        if not 0 < self.temperature < math.inf:
            raise CourseError(
                f"temperature must be positive and finite, got {self.temperature}: usual values are 1, 2, 4, 8"
            )
        if self.standardised and self.temperature != 1:
            raise CourseError(f"logits are standardised or softened, not both: temperature is {self.temperature}")

    @property
    def hears_mixed(self) -> bool:
        """Whether the teacher is asked about the mixed images."""
        return self.label_weight < 1 and self.clean_share < 1

    @property
    def hears_clean(self) -> bool:
        """Whether the teacher is asked about the images before they are mixed."""
        return self.label_weight < 1 and self.clean_share > 0

    def __call__(
        self,
        student_logits: Tensor,
        teacher_logits: Tensor | None,
        targets: Tensor,
        *,
        clean_logits: Tensor | None = None,
        mix: Callable[[Tensor], Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """The named, weighted parts of the loss; their sum is what is minimised.

        Args:
            student_logits: (N, K) float.
            teacher_logits: (N, K) float on the same images, or None where it is not asked about them.
            targets: (N, K) float, rows that sum to 1.
            clean_logits: (N, K) float, the teacher on the same images before they were mixed, or None.
            mix: Mixes (N, K) probabilities as the images were mixed.

        Returns:
            ``{"label": ..., "teacher": ..., "teacher_clean": ...}``, each () in nats; a part that weighs nothing is
            left out.

        Raises:
            ValueError: If logits of the teacher are needed that are not there.
        """
        parts = {}
        if self.label_weight > 0:
            parts["label"] = self.label_weight * soft_cross_entropy(student_logits, targets)
        if self.hears_mixed:
            if teacher_logits is None:
                raise ValueError("the teacher's logits on the same images are needed")
            told = self.alter(self._soften(teacher_logits))
            parts["teacher"] = (1 - self.label_weight) * (1 - self.clean_share) * self._distil(student_logits, told)
        if self.hears_clean:
            if clean_logits is None or mix is None:
                raise ValueError("the teacher's logits on the clean images, and how these are mixed, are needed")
            mixed = mix(self.alter(self._soften(clean_logits)).softmax(dim=1))
            told = mixed.clamp_min(torch.finfo(mixed.dtype).tiny).log()
            parts["teacher_clean"] = (1 - self.label_weight) * self.clean_share * self._distil(student_logits, told)
        return parts

    def _soften(self, logits: Tensor) -> Tensor:
        return standardise(logits) if self.standardised else logits / self.temperature

    def _distil(self, student_logits: Tensor, told: Tensor) -> Tensor:
        """T^2 KL(told || student); there is no T, and so no factor, where logits are standardised."""
        return self.temperature**2 * distillation_loss(self._soften(student_logits), told, temperature=1.0)
