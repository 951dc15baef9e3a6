"""network: a classifier that takes plain images and normalises them itself.

    logits = inner((images - mean) / std)

Since each network carries its own normalisation, a teacher and a student may differ in it and still be shown the very
same images, and a saved file holds all that a prediction depends on.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Origin = Literal["random", "outside", "outside, new head"]


class Network(nn.Module):
    """A named network behind its normalisation.

    Attributes:
        inner: The network that the name stands for.
        name: As the user wrote it, weights included.
        num_classes: K.
        weights: ``"random"``: initialised here; ``"outside"``: a published or given file, to be used as it is;
            ``"outside, new head"``: published weights below a fresh last layer, to be trained.
        mean: (C,) float. Subtracted from each channel.
        std: (C,) float > 0. Divides each channel.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        inner: nn.Module,
        name: str,
        num_classes: int,
        channels: int,
        *,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        weights: Origin = "random",
    ):
        super().__init__()
        self.inner = inner
        self.name = name
        self.num_classes = num_classes
        self.channels = channels  # that the inner network takes
        self.weights: Origin = weights
        self.normalise_by(torch.zeros(1) if mean is None else mean, torch.ones(1) if std is None else std)

    def normalise_by(self, mean: Sequence[float] | Tensor, std: Sequence[float] | Tensor) -> None:
        """Set the normalisation.

        Args:
            mean: (C,) or (1,), which stands for all channels. In units of images in [0, 1].
            std: The same shape, > 0.

        Raises:
            ValueError: If a standard deviation is not positive or the lengths fit neither each other nor the network.
        """
        mean, std = (torch.as_tensor(values, dtype=torch.float32).flatten() for values in (mean, std))
        if len(mean) != len(std) or len(mean) not in (1, self.channels):
            raise ValueError(f"mean and std must have 1 or {self.channels} values, got {len(mean)} and {len(std)}")
        if not bool((std > 0).all()):
            raise ValueError(f"std must be positive, got {std.tolist()}: is a channel the same in every image?")
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of plain images.

        Args:
            images: (N, C, H, W) float in [0, 1]. One channel is repeated where the network wants three.

        Returns:
            (N, K) logits.
        """
        normalised = (images - self.mean.view(-1, 1, 1)) / self.std.view(-1, 1, 1)
        return self.inner(normalised.expand(-1, self.channels, -1, -1))


def count_parameters(network: nn.Module) -> int:
    """How many numbers training moves: weights and biases, without running statistics.

    Example:
        >>> count_parameters(nn.Linear(3, 2))
        8
    """
    return sum(parameter.numel() for parameter in network.parameters())


def initialise(inner: nn.Module) -> nn.Module:
    """He initialisation of every convolution, by its outputs, without bias; everything else keeps PyTorch's default.

    Source: He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", ICCV 2015, https://arxiv.org/abs/1502.01852,
    section 2.2.
    """
    for module in inner.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return inner
