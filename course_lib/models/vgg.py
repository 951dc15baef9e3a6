"""vgg: plain stacks of 3x3 convolutions, for 32x32 images.

    five blocks of (convolution - BatchNorm - ReLU), halved between them, averaged to one pixel, one linear layer

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
https://arxiv.org/abs/1409.1556, table 1 (A, B, D, E; ``vgg8`` has one convolution a block), with BatchNorm and a single
linear layer as in the distillation literature (Tian, Krishnan and Isola, ICLR 2020, https://arxiv.org/abs/1910.10699).
Layers are named as in the checkpoints of that literature, so that those load.
"""

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, max_pool2d, relu

CONVOLUTIONS = {  # in each block
    "vgg8": (1, 1, 1, 1, 1),
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
WIDTHS = (64, 128, 256, 512, 512)
SMALL = 4  # pixels; an image this small is not halved again, so 32x32 images meet the last block at 4x4


class VGG(nn.Module):
    """A VGG network of five blocks."""

    def __init__(self, convolutions: tuple[int, ...], num_classes: int, channels: int):
        super().__init__()
        blocks = [
            _block(n, inputs, width)
            for n, inputs, width in zip(convolutions, (channels, *WIDTHS[:-1]), WIDTHS, strict=True)
        ]
        self.block0, self.block1, self.block2, self.block3, self.block4 = blocks
        self.classifier = nn.Linear(WIDTHS[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) float, at least 8 pixels high and wide, to (N, K) logits."""
        x = relu(self.block0(x))
        x = relu(self.block1(max_pool2d(x, 2)))
        x = relu(self.block2(max_pool2d(x, 2)))
        x = relu(self.block3(max_pool2d(x, 2)))
        x = relu(self.block4(x if x.shape[2] <= SMALL else max_pool2d(x, 2)))
        return self.classifier(adaptive_avg_pool2d(x, 1).flatten(1))


def _block(n: int, inputs: int, width: int) -> nn.Sequential:
    """``n`` convolutions with BatchNorm, ReLU between them; the last ReLU follows outside."""
    layers: list[nn.Module] = []
    for number in range(n):
        layers += [nn.Conv2d(inputs if number == 0 else width, width, 3, padding=1), nn.BatchNorm2d(width)]
        layers += [nn.ReLU(inplace=True)] if number < n - 1 else []
    return nn.Sequential(*layers)
