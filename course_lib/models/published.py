"""published: torchvision's classifiers, with or without the weights that it publishes.

torchvision is imported inside these functions only: that alone costs seconds.
"""

import pickle
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from course_lib.errors import CourseError, unknown

PREFIX = "torchvision:"


def torchvision_classifier(name: str, num_classes: int) -> nn.Module:
    """A classifier of torchvision with random weights, for images of three channels.

    Raises:
        CourseError: If torchvision has no classifier of this name.
    """
    from torchvision import models

    return models.get_model(_known(name), weights=None, num_classes=num_classes, **_options(name))


class Published(NamedTuple):
    """A classifier with published weights.

    Attributes:
        inner: Takes (N, 3, H, W) images normalised by ``mean`` and ``std``.
        mean: (3,) of the images that it was trained on, in units of images in [0, 1].
        std: (3,), likewise.
        new_head: Whether its last layer is fresh.
    """

    inner: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    new_head: bool


def published_classifier(name: str, weights_name: str, num_classes: int) -> Published:
    """A classifier of torchvision with published weights.

    Where the number of classes is another than the published one, the layers that depend on it are fresh.

    Args:
        name: As in torchvision, such as ``"resnet18"``.
        weights_name: ``"DEFAULT"``, or one of the names that torchvision gives to its weights.
        num_classes: K.

    Raises:
        CourseError: If names are unknown, or the weights are neither on this machine nor to be had.
    """
    from torchvision import models

    choices = models.get_model_weights(_known(name))
    if weights_name not in choices.__members__:
        raise unknown(f"weights of torchvision's {name}", weights_name, choices.__members__)
    weights = choices[weights_name]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    try:
        inner = models.get_model(name, weights=weights)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise CourseError(
            f"cannot get the published weights of {name} ({type(error).__name__}: {_first_line(error)}): "
            f"download {weights.url} where there is a network and put it at {cached}"
        ) from error
    if name == "inception_v3":
        vars(inner)["aux_logits"] = False  # as in _options
        inner._modules["AuxLogits"] = None
    published_classes = len(weights.meta["categories"])
    if num_classes != published_classes:
        _replace_head(inner, torchvision_classifier(name, num_classes), published_classes)
    preset = weights.transforms()
    return Published(inner, tuple(preset.mean), tuple(preset.std), num_classes != published_classes)


def _known(name: str) -> str:
    from torchvision import models

    classifiers = models.list_models(module=models)
    if name not in classifiers:
        raise unknown("torchvision classifier", name, classifiers)
    return name


def _options(name: str) -> dict[str, Any]:
    """Without the second heads that only these two have: a network gives logits, nothing beside them."""
    return {"aux_logits": False, "init_weights": True} if name in ("googlenet", "inception_v3") else {}


def _replace_head(inner: nn.Module, fresh: nn.Module, published_classes: int) -> None:
    """Put the layers of ``fresh`` that have one output a class in place of those that had ``published_classes``."""
    for layer_name, layer in list(inner.named_modules()):
        size = getattr(layer, "out_features", getattr(layer, "out_channels", None))
        replacement = fresh.get_submodule(layer_name)
        new_size = getattr(replacement, "out_features", getattr(replacement, "out_channels", None))
        if size == published_classes and new_size != size:
            inner.set_submodule(layer_name, replacement)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]
