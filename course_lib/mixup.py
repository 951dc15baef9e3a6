"""mixup: convex combinations of images and of their targets.

    x = lam * x_i + (1 - lam) * x_j
    y = lam * y_i + (1 - lam) * y_j        lam ~ Beta(alpha, alpha), one per image

Source: Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018,
https://arxiv.org/abs/1710.09412, section 2.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


def mix(batch: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    """Mix each example of a batch with its partner.

    Args:
        batch: (N, ...) float. Images, or targets whose rows sum to 1.
        lam: (N,) float in [0, 1]. Weight of the example itself; its partner weighs ``1 - lam``.
        partner: (N,) int64. Example ``i`` is mixed with example ``partner[i]``.

    Returns:
        (N, ...) of the batch's dtype, a new tensor. Ranges and row sums are those of ``batch``.

    Raises:
        TypeError: If ``batch`` holds integers; class labels cannot be averaged.
        ValueError: If ``lam`` and ``partner`` do not hold one value per example.

    Example:
        >>> mix(torch.eye(2), lam=torch.tensor([0.75, 0.5]), partner=torch.tensor([1, 0]))
        tensor([[0.7500, 0.2500],
                [0.5000, 0.5000]])
    """
    if not batch.is_floating_point():
        raise TypeError(f"batch must be float, got {batch.dtype}: one-hot encode labels first")
    if not len(batch) == len(lam) == len(partner):
        raise ValueError(f"batch has {len(batch)} examples, lam {len(lam)}, partner {len(partner)}: they must agree")
    weight = lam.to(batch.dtype).view(-1, *[1] * (batch.ndim - 1))
    return weight * batch + (1 - weight) * batch[partner]


def mix_labels(labels: Tensor, lam: Tensor, partner: Tensor, num_classes: int) -> Tensor:
    """The targets of mixed images: each label weighs as much as its image does.

    Args:
        labels: (N,) int64 in ``0..num_classes - 1``.
        lam: (N,) float in [0, 1].
        partner: (N,) int64.
        num_classes: K.

    Returns:
        (N, K) of the dtype of ``lam``; rows sum to 1.

    Example:
        >>> mix_labels(torch.tensor([2, 0]), torch.tensor([0.75, 1.0]), torch.tensor([1, 0]), num_classes=3)
        tensor([[0.2500, 0.0000, 0.7500],
                [1.0000, 0.0000, 0.0000]])
    """
    one_hot = torch.nn.functional.one_hot(labels, num_classes).to(lam.dtype)
    return mix(one_hot, lam, partner)


@dataclass(frozen=True)
class Mix:
    """One draw of mixup, applied to images and targets alike, so that they cannot be mixed differently.

    Attributes:
        lam: (N,) float in [0, 1]. Weight of the example itself.
        partner: (N,) int64. Example ``i`` is mixed with example ``partner[i]`` of the same batch.
    """

    lam: Tensor
    partner: Tensor

    def __call__(self, batch: Tensor) -> Tensor:
        """Mix a batch, as ``mix`` does."""
        return mix(batch, self.lam, self.partner)
