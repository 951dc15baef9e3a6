"""small: a convolutional network for small images, trained on a CPU in seconds.

    3x3 convolution (w) - BatchNorm - ReLU - pool
    3x3 convolution (2w) - BatchNorm - ReLU - pool
    3x3 convolution (4w) - BatchNorm - ReLU - mean over the image - linear

One number, the width w, decides how much it can learn: 32 makes a teacher, 2 to 8 a student that has something to gain.
"""

from torch import nn


def small_cnn(width: int, num_classes: int, channels: int) -> nn.Module:
    """A three-stage network of a width.

    Args:
        width: Channels of the first stage, at least 1.
        num_classes: K.
        channels: Of the images, which are at least 8 pixels high and wide.

    Returns:
        A module that takes (N, C, H, W) float and gives (N, K) logits.
    """
    return nn.Sequential(
        *_stage(channels, width),
        nn.MaxPool2d(2),
        *_stage(width, 2 * width),
        nn.MaxPool2d(2),
        *_stage(2 * width, 4 * width),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * width, num_classes),
    )


def _stage(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
