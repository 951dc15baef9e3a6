"""resnet: residual networks for 32x32 images.

    block(x) = ReLU(BN(conv(ReLU(BN(conv(x))))) + shortcut(x))        depth = 6 n + 2, three stages of n blocks

Source: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
https://arxiv.org/abs/1512.03385, section 4.2. As in the distillation literature (Tian, Krishnan and Isola, "Contrastive
Representation Distillation", ICLR 2020, https://arxiv.org/abs/1910.10699) the shortcut is a 1x1 convolution with
BatchNorm where the shape changes, and ``x4`` multiplies stem and stages. Layers are named as in the checkpoints of that
literature, so that those load.
"""

from torch import Tensor, nn
from torch.nn.functional import relu

DEPTHS = {
    "resnet8": 8,
    "resnet14": 14,
    "resnet20": 20,
    "resnet32": 32,
    "resnet44": 44,
    "resnet56": 56,
    "resnet110": 110,
}
NARROW = (16, 16, 32, 64)  # channels of the stem and the three stages
WIDE = (32, 64, 128, 256)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            convolution = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(convolution, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        residual = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(residual + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """A residual network of three stages."""

    def __init__(self, depth: int, stages: tuple[int, int, int, int], num_classes: int, channels: int):
        super().__init__()
        stem, first, second, third = stages
        n = (depth - 2) // 6
        self.conv1 = nn.Conv2d(channels, stem, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.layer1 = _stage(n, stem, first, stride=1)
        self.layer2 = _stage(n, first, second, stride=2)
        self.layer3 = _stage(n, second, third, stride=2)
        self.fc = nn.Linear(third, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) float to (N, K) logits."""
        x = relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean(dim=(2, 3)))


def _stage(n: int, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(inputs, outputs, stride), *(BasicBlock(outputs, outputs, 1) for _ in range(n - 1)))
