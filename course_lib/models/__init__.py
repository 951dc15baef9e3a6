"""models: builds a network from its name.

``cnn<width>``, the CIFAR family of the distillation literature, and every torchvision classifier by
``torchvision:NAME``; with ``NAME@WEIGHTS``, the weights that torchvision publishes under that name, or those of a file.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from course_lib.errors import CourseError, unknown
from course_lib.models import resnet, vgg
from course_lib.models.network import Network, count_parameters, initialise
from course_lib.models.published import PREFIX, published_classifier, torchvision_classifier
from course_lib.models.resnet import ResNet
from course_lib.models.small import small_cnn, small_mlp
from course_lib.models.vgg import VGG
from course_lib.models.weights_file import SUFFIXES, load_weights
from course_lib.models.wide_resnet import WideResNet

__all__ = ["ModelName", "Network", "build", "count_parameters", "names", "parse_name"]

CIFAR_FAMILY: dict[str, Callable[..., nn.Module]] = {
    **{name: partial(ResNet, depth, resnet.NARROW) for name, depth in resnet.DEPTHS.items()},
    "resnet8x4": partial(ResNet, 8, resnet.WIDE),
    "resnet32x4": partial(ResNet, 32, resnet.WIDE),
    "wrn-16-1": partial(WideResNet, 16, 1),
    "wrn-16-2": partial(WideResNet, 16, 2),
    "wrn-40-1": partial(WideResNet, 40, 1),
    "wrn-40-2": partial(WideResNet, 40, 2),
    **{name: partial(VGG, convolutions) for name, convolutions in vgg.CONVOLUTIONS.items()},
}


class ModelName(NamedTuple):
    """A name in its two parts.

    Attributes:
        network: Such as ``"resnet8"``, ``"cnn4"`` or ``"torchvision:resnet18"``.
        weights: A name of published weights, or the path of a file; None for random weights.
    """

    network: str
    weights: str | None


def parse_name(name: str) -> ModelName:
    """Split a name at its first ``@``.

    Raises:
        CourseError: If one of the parts is empty.

    Example:
        >>> parse_name("torchvision:resnet18@DEFAULT")
        ModelName(network='torchvision:resnet18', weights='DEFAULT')
        >>> parse_name("resnet8")
        ModelName(network='resnet8', weights=None)
    """
    network, at, weights = name.partition("@")
    if not network or (at and not weights):
        raise CourseError(
            f"{name!r} is not a model: write NAME or NAME@WEIGHTS, such as resnet8 or resnet8@weights.pth"
        )
    return ModelName(network, weights or None)


def names() -> tuple[str, ...]:
    """What can be built, for help and error messages; any other width of ``cnn`` and ``mlp`` is as good.

    Example:
        >>> names()[:4], names()[-1]
        (('cnn4', 'cnn8', 'cnn16', 'cnn32'), 'torchvision:NAME')
    """
    return ("cnn4", "cnn8", "cnn16", "cnn32", "mlp16", "mlp64", *CIFAR_FAMILY, f"{PREFIX}NAME")


def build(
    name: str,
    num_classes: int,
    channels: int = 3,
    *,
    seed: int,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Network:
    """Build a network that takes plain images and gives logits.

    Args:
        name: ``NAME`` or ``NAME@WEIGHTS``, see ``names``. Weights are a name that torchvision publishes them under, or
            a file that ends in .safetensors, .pth or .pt.
        num_classes: K, at least 2.
        channels: Of the images, 1 or 3.
        seed: All that decides about weights that are not loaded. The global random state stays as it was.
        mean: (channels,) of the training images, in units of images in [0, 1]; 0 if not given. Published weights, and
            files saved from a ``Network``, bring their own.
        std: (channels,), likewise; 1 if not given.

    Returns:
        The network, on the CPU, in training mode. Its ``weights`` say where it comes from.

    Raises:
        CourseError: If the name is unknown, or its weights cannot be had or do not fit.

    Example:
        >>> network = build("resnet8", num_classes=100, seed=0)
        >>> count_parameters(network), network.weights
        (83892, 'random')
        >>> network(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 100])
    """
    network, weights = parse_name(name)
    from_file = weights is not None and Path(weights).suffix in SUFFIXES
    with torch.random.fork_rng(devices=[]):  # and the CPU's generator alone is seeded, so no other is touched
        torch.default_generator.manual_seed(seed)
        if weights is not None and not from_file:
            return _published(name, num_classes)
        inner, inner_channels = _random(network, num_classes, channels)
    built = Network(inner, name, num_classes, inner_channels, mean=mean, std=std)
    if weights is not None:
        load_weights(built, Path(weights).expanduser())
        built.weights = "outside"
    return built


def _random(network: str, num_classes: int, channels: int) -> tuple[nn.Module, int]:
    """The network of a name with random weights, and the number of channels that it takes."""
    if network.startswith(PREFIX):
        return torchvision_classifier(network.removeprefix(PREFIX), num_classes), 3
    if network in CIFAR_FAMILY:
        return initialise(CIFAR_FAMILY[network](num_classes=num_classes, channels=channels)), channels
    if found := re.fullmatch(r"(cnn|mlp)([1-9]\d*)", network):
        small = {"cnn": small_cnn, "mlp": small_mlp}[found[1]]
        return initialise(small(int(found[2]), num_classes, channels)), channels
    raise unknown("model", network, names())


def _published(name: str, num_classes: int) -> Network:
    network, weights = parse_name(name)
    if not network.startswith(PREFIX):
        raise CourseError(
            f"{name!r}: only torchvision:NAME has published weights; those of {network} come from a file that ends "
            f"in {', '.join(SUFFIXES)}"
        )
    found = published_classifier(network.removeprefix(PREFIX), str(weights), num_classes)
    origin = "outside, new head" if found.new_head else "outside"
    return Network(found.inner, name, num_classes, 3, mean=found.mean, std=found.std, weights=origin)
