"""arrays: the reader's own arrays, as explorers need them, or an error that says what to hand over instead."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.predictions import check_logits


def tensor_of(values: Any, what: str) -> Tensor:
    """Anything that holds numbers, as a tensor on the CPU without gradient.

    Raises:
        CourseError: If it holds something else, or rows of different lengths.
    """
    try:
        return torch.as_tensor(values if isinstance(values, Tensor) else np.ascontiguousarray(values)).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise CourseError(f"{what} cannot be read as one array of numbers: {error}") from error


def checked_labels(labels: Any) -> Tensor:
    """Classes as (N,) int64.

    Raises:
        CourseError: If they are not whole numbers in one row.
    """
    values = tensor_of(labels, "labels")
    if values.ndim != 1 or (values.is_floating_point() and not bool((values == values.round()).all())):
        raise CourseError(f"labels must be (N,) whole numbers, got {tuple(values.shape)} of {values.dtype}")
    return values.long()


def checked(logits: Any, labels: Any) -> tuple[Tensor, Tensor]:
    """A reader's own predictions as tensors.

    Args:
        logits: (N, K) of anything that becomes a tensor.
        labels: (N,) likewise.

    Returns:
        (N, K) float64 and (N,) int64.

    Raises:
        CourseError: If the shapes do not fit, a label is no class, or these are probabilities.
    """
    if logits is None or labels is None:
        raise CourseError("logits and labels go together: give one row of logits and one class per image")
    values, classes = tensor_of(logits, "logits").double(), checked_labels(labels)
    try:
        check_logits(values, classes)
    except CourseError as error:
        if "probabilities" in str(error):
            raise CourseError(
                "these look like probabilities, not logits: every row is non-negative and sums to 1. "
                "Give logits, or course_lib.predictions.log_of_probs(probs)"
            ) from None
        raise CourseError(f"{error}: give one row of logits and one class per image") from None
    return values, classes


def checked_images(images: Any, n: int) -> Tensor:
    """A reader's own images as tensors.

    Args:
        images: (N, C, H, W) or (N, H, W), C of 1 or 3; uint8, or float in [0, 1].
        n: How many there must be.

    Returns:
        (N, C, H, W) float32 in [0, 1].

    Raises:
        CourseError: If the shape or the range is another.
    """
    values = tensor_of(images, "images")
    if values.ndim == 3:
        values = values[:, None]
    if values.ndim != 4 or values.shape[1] not in (1, 3):
        raise CourseError(f"images must be (N, C, H, W) with C of 1 or 3, or (N, H, W), got {tuple(values.shape)}")
    if len(values) != n:
        raise CourseError(f"{len(values)} images for {n} others: one of each is needed, in the same order")
    if values.dtype == torch.uint8:
        return values.float() / 255
    if not values.is_floating_point() or not bool(((values >= 0) & (values <= 1)).all()):
        raise CourseError("images must be uint8, or float between 0 and 1: undo the normalisation, or divide by 255")
    return values.float()


def names_of(class_names: Sequence[str] | None, classes: int) -> list[str]:
    """The words of classes, numbers where there are none.

    Raises:
        CourseError: If there are more or fewer than classes.
    """
    names = [str(k) for k in range(classes)] if not class_names else [str(name) for name in class_names]
    if len(names) != classes:
        raise CourseError(f"{len(names)} class names for {classes} classes: give one for each")
    return names


def dark_on_white(image: Tensor) -> np.ndarray:
    """One image as it is shown, (H, W) or (H, W, 3) float in [0, 1]; grey ones become ink on paper."""
    return 1 - image[0].numpy() if len(image) == 1 else image.permute(1, 2, 0).numpy()
