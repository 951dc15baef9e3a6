"""splitting: which images train, which calibrate.

All choices are prefixes of two orders of a pool that depend on its labels alone. In the *balanced* order the first
images of all classes come first, then the second ones: each prefix has the same number of every class as long as it
lasts. In the *proportional* order each prefix has the classes in the proportions of the pool. A prefix of a prefix is a
prefix, so a smaller limit gives a subset of a larger one, and the calibration images do not depend on it.
"""

import numpy as np
import torch
from torch import Tensor

from course_lib.errors import CourseError

SEED = 20_180_515  # of the order within a class: any number, but always the same
CALIB_MOST = 10_000


def calib_size(n: int, num_classes: int) -> int:
    """How many of ``n`` training images calibrate: a tenth, but 500 or a fifth where that is more, 10,000 at most.

    Each class gives one at least, as long as there are at most 10,000.

    Example:
        >>> [calib_size(n, 10) for n in (20, 1_198, 4_000, 50_000, 1_281_167)]
        [10, 239, 500, 5000, 10000]
    """
    return min(CALIB_MOST, max(n // 10, min(500, n // 5), num_classes))


def carve(labels: Tensor, num_classes: int, limit: int | None) -> tuple[Tensor, Tensor]:
    """Divide a pool between training and calibration.

    Args:
        labels: (N,) int64 in 0..K-1, at least two of every class.
        num_classes: K.
        limit: Training images to keep, at least K, balanced over the classes; None keeps all.

    Returns:
        Places of the training and of the calibration images in the pool, int64, ascending. The latter are the same for
        every limit, and training images of a smaller limit are among those of a larger one.

    Raises:
        CourseError: If there are not that many images, or some class would have none.

    Example:
        >>> train, calib = carve(torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]), num_classes=2, limit=4)
        >>> len(train), len(calib), set(train.tolist()) & set(calib.tolist())
        (4, 2, set())
    """
    order = proportional_order(labels)
    n_calib = calib_size(len(labels), num_classes)
    calib, rest = order[:n_calib], order[n_calib:].sort().values
    if limit is None:
        return rest, calib.sort().values
    if limit > len(rest):
        raise CourseError(f"--limit {limit}: there are only {len(rest)} training images beside the calibration ones")
    if limit < num_classes:
        raise CourseError(f"--limit {limit}: some of the {num_classes} classes would have no image; {num_classes} do")
    train = rest[balanced_order(labels[rest])[:limit]]
    return train.sort().values, calib.sort().values


def balanced_order(labels: Tensor) -> Tensor:
    """(N,) places such that every prefix holds the classes equally often, the first classes once more.

    Example:
        >>> labels = torch.tensor([1, 1, 1, 0, 0, 0])
        >>> labels[balanced_order(labels)]
        tensor([0, 1, 0, 1, 0, 1])
    """
    rank, _ = _rank_in_class(labels)
    return torch.from_numpy(np.lexsort((labels.numpy(), rank)))


def proportional_order(labels: Tensor) -> Tensor:
    """(N,) places such that every prefix of at least K holds the classes in the pool's proportions, each at least once.

    Example:
        >>> labels = torch.tensor([0, 0, 0, 0, 1, 1])
        >>> labels[proportional_order(labels)]
        tensor([0, 1, 0, 0, 1, 0])
    """
    rank, size = _rank_in_class(labels)
    return torch.from_numpy(np.lexsort((labels.numpy(), rank / size)))


def _rank_in_class(labels: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Of each image, its place in a shuffled order of its class, from 0, and the size of that class."""
    classes = labels.numpy()
    shuffled = np.lexsort((np.random.default_rng(SEED).random(len(classes)), classes))
    sizes = np.bincount(classes)
    starts = np.cumsum(sizes) - sizes
    rank = np.empty(len(classes), dtype=np.int64)
    rank[shuffled] = np.arange(len(classes)) - starts[classes[shuffled]]
    return rank, sizes[classes]
