"""weights_file: the weights of a network from a file, which is never executed.

A file is safetensors, or a pickle that torch reads with ``weights_only``. It holds a state dict, or a training
checkpoint with one under ``state_dict`` or ``model``; the names in it are those of our ``Network``, which normalises
for itself, or those of the network inside.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.files import load_tensors
from course_lib.models.network import Network

SUFFIXES = (".safetensors", ".pth", ".pt")
WRAPPERS = ("module.", "_orig_mod.", "module.")  # put before every name by DataParallel and compile, in either order


def load_weights(network: Network, path: Path) -> None:
    """Fill a network from a file.

    Args:
        network: Its weights are replaced, and its normalisation if the file has one.
        path: Ends in one of ``SUFFIXES``.

    Raises:
        CourseError: If the file cannot be read, or holds the weights of another network or number of classes.
    """
    found = _strip(_read(path))
    mean, std = found.pop("mean", None), found.pop("std", None)
    if any(name.startswith("inner.") for name in found):
        found = {name.removeprefix("inner."): tensor for name, tensor in found.items()}
    expected = network.inner.state_dict()
    _check(found, expected, network, path)
    network.inner.load_state_dict(found, strict=False)  # batch counters may be missing, see _check
    if mean is not None and std is not None:
        network.normalise_by(mean, std)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise CourseError(f"there is no file {path} to take weights from")
    if path.suffix == ".safetensors":
        return load_tensors(path)[0]
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise CourseError(
            f"cannot read {path} as plain weights ({type(error).__name__}): save the state dict alone, "
            "torch.save(network.state_dict(), path)"
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    named = content.items() if isinstance(content, Mapping) else ()
    tensors = {name: value for name, value in named if isinstance(value, Tensor)}
    if not tensors:
        raise CourseError(f"{path} holds no named weights: save the state dict, torch.save(network.state_dict(), path)")
    return tensors


def _strip(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for wrapper in WRAPPERS:
        if tensors and all(name.startswith(wrapper) for name in tensors):
            tensors = {name.removeprefix(wrapper): tensor for name, tensor in tensors.items()}
    return tensors


def _check(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], network: Network, path: Path) -> None:
    different = [name for name in expected if name in found and found[name].shape != expected[name].shape]
    heads = {len(found[name]) for name in different if _is_head(found[name], expected[name], network.num_classes)}
    only_heads = all(_is_head(found[name], expected[name], network.num_classes) for name in different)
    if different and only_heads and len(heads) == 1:
        raise CourseError(
            f"{path} was trained for {heads.pop()} classes, the data has {network.num_classes}: "
            "use weights that were trained on these classes"
        )
    # Counters of batches only serve BatchNorm without momentum; old checkpoints do not have them.
    missing = [name for name in expected if name not in found and not name.endswith("num_batches_tracked")]
    problems = [f"{name} is missing" for name in missing]
    problems += [f"{name} is {_shape(found[name])}, not {_shape(expected[name])}" for name in different]
    problems += [f"{name} is not in the network" for name in found if name not in expected]
    if problems:
        more = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise CourseError(
            f"{path} holds the weights of another network than {network.name.split('@')[0]}: "
            f"{'; '.join(problems[:3])}{more}"
        )


def _is_head(found: Tensor, expected: Tensor, num_classes: int) -> bool:
    return (
        expected.ndim > 0 and len(expected) == num_classes and found.ndim > 0 and found.shape[1:] == expected.shape[1:]
    )


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
