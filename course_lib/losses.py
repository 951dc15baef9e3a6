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
from dataclasses import dataclass

from torch import Tensor

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
    """

    label_weight: float
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Refuse weights and temperatures outside their range."""
        if not 0 <= self.label_weight <= 1:
            raise CourseError(
                f"label weight must lie in [0, 1], got {self.label_weight}: 0 learns from the teacher only"
            )
        if not 0 < self.temperature < math.inf:
            raise CourseError(
                f"temperature must be positive and finite, got {self.temperature}: usual values are 1, 2, 4, 8"
            )

    def __call__(self, student_logits: Tensor, teacher_logits: Tensor | None, targets: Tensor) -> dict[str, Tensor]:
        """The named, weighted parts of the loss; their sum is what is minimised.

        Args:
            student_logits: (N, K) float.
            teacher_logits: (N, K) float on the same images, or None where only labels teach.
            targets: (N, K) float, rows that sum to 1.

        Returns:
            ``{"label": ..., "teacher": ...}``, each () in nats; a part that weighs nothing is left out.
        """
        parts = {}
        if self.label_weight > 0:
            parts["label"] = self.label_weight * soft_cross_entropy(student_logits, targets)
        if self.label_weight < 1:
            if teacher_logits is None:
                raise ValueError("label_weight is below 1: the teacher's logits are needed")
            distillation = distillation_loss(student_logits, teacher_logits, self.temperature)
            parts["teacher"] = (1 - self.label_weight) * distillation
        return parts
