"""mixup: convex combinations of images and of their targets; and CutMix, which pastes instead.

    x = lam * x_i + (1 - lam) * x_j
    y = lam * y_i + (1 - lam) * y_j        lam ~ Beta(alpha, alpha), one per image

CutMix pastes a box of x_j, of area 1 - lam, into x_i. What the border of the image cuts off is not pasted, and lam
becomes the exact share of the pixels that x_i keeps.

Sources: Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018,
https://arxiv.org/abs/1710.09412, section 2; Yun, Han, Oh, Chun, Choe and Yoo, "CutMix", ICCV 2019,
https://arxiv.org/abs/1905.04899, section 3.1.
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
    return torch.lerp(batch, batch.index_select(0, partner), 1 - weight)  # lam own + (1 - lam) partner's, in one pass


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


def cut_and_paste(
    images: Tensor, lam: Tensor, partner: Tensor, centre_y: Tensor, centre_x: Tensor
) -> tuple[Tensor, Tensor]:
    """CutMix: paste a box of each image's partner into it.

    Args:
        images: (N, C, H, W) float.
        lam: (N,) float in [0, 1]. The share of its pixels that an image shall keep.
        partner: (N,) int64. Image ``i`` gets a box of image ``partner[i]``.
        centre_y: (N,) float in [0, 1). Centre of the box, as a part of the height.
        centre_x: (N,) float in [0, 1). Likewise, of the width.

    Returns:
        (N, C, H, W), new, and (N,) of the dtype of ``lam``: the share of its pixels that each image did keep.

    Example:
        >>> images = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 1, 2, 2)
        >>> lam, partner, centre = torch.tensor([0.75, 1.0]), torch.tensor([1, 0]), torch.tensor([0.25, 0.25])
        >>> pasted, kept = cut_and_paste(images, lam, partner, centre, centre)
        >>> pasted[0, 0].tolist(), kept.tolist()
        ([[1.0, 0.0], [0.0, 0.0]], [0.75, 1.0])
    """
    inside_y, inside_x = (
        _inside(size, lam, centre) for size, centre in ((images.shape[2], centre_y), (images.shape[3], centre_x))
    )
    box = inside_y[:, None, :, None] & inside_x[:, None, None, :]
    kept = 1 - inside_y.to(lam.dtype).mean(dim=1) * inside_x.to(lam.dtype).mean(dim=1)
    return torch.where(box, images[partner], images), kept


def _inside(size: int, lam: Tensor, centre: Tensor) -> Tensor:
    """(N, size) bool: the pixels whose middles lie in a box whose side is sqrt(1 - lam) of the image's."""
    middles = torch.arange(size, device=lam.device) + 0.5
    reach = size * (1 - lam).sqrt() / 2
    return (middles - size * centre[:, None]).abs() < reach[:, None]
