"""small: networks that are trained on a CPU in seconds: a convolutional one for small images, a plain one for features.

    3x3 convolution (w) - BatchNorm - ReLU - pool
    3x3 convolution (2w) - BatchNorm - ReLU - pool
    3x3 convolution (4w) - BatchNorm - ReLU - mean over the image - linear

    linear (w) - BatchNorm - ReLU - linear (w) - BatchNorm - ReLU - linear

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


def small_mlp(width: int, num_classes: int, channels: int) -> nn.Module:
    """A network of two hidden layers for features, which are the channels of images of one pixel.

    Args:
        width: Units of a hidden layer, at least 1.
        num_classes: K.
        channels: Features.

    Returns:
        A module that takes (N, C, 1, 1) float and gives (N, K) logits.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs in (channels, width):
        layers += [nn.Linear(inputs, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Linear(width, num_classes))


def _stage(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
