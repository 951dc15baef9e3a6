"""wide_resnet: wide residual networks, with normalisation and ReLU before each convolution.

    block(x) = conv(ReLU(BN(conv(ReLU(BN(x)))))) + shortcut(x)        depth = 6 n + 4, three stages of n blocks

``wrn-16-2`` is 16 layers deep and twice as wide as a ResNet (16, 32, 64 channels).

Source: Zagoruyko and Komodakis, "Wide Residual Networks", BMVC 2016, https://arxiv.org/abs/1605.07146, section 2.
Layers are named as in the checkpoints of the distillation literature, so that those load.
"""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn.functional import relu


class PreActivationBlock(nn.Module):
    """Two 3x3 convolutions, each after its normalisation, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.convShortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        activated = relu(self.bn1(x))
        residual = self.conv2(relu(self.bn2(self.conv1(activated))))
        return residual + (x if self.convShortcut is None else self.convShortcut(activated))


class WideResNet(nn.Module):
    """A wide residual network of three stages."""

    def __init__(self, depth: int, widening: int, num_classes: int, channels: int):
        super().__init__()
        first, second, third = (16 * widening, 32 * widening, 64 * widening)
        n = (depth - 4) // 6
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.block1 = _stage(n, 16, first, stride=1)
        self.block2 = _stage(n, first, second, stride=2)
        self.block3 = _stage(n, second, third, stride=2)
        self.bn1 = nn.BatchNorm2d(third)
        self.fc = nn.Linear(third, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) float to (N, K) logits."""
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(relu(self.bn1(x)).mean(dim=(2, 3)))


def _stage(n: int, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    first = PreActivationBlock(inputs, outputs, stride)
    others = (PreActivationBlock(outputs, outputs, 1) for _ in range(n - 1))
    return nn.Sequential(OrderedDict(layer=nn.Sequential(first, *others)))
