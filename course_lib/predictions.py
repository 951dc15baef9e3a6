"""predictions: the logits of one model on one split, collected once; accuracy, NLL and Brier score.

    NLL   = - mean_i log p_i[y_i]                       nats; a uniform guess among K classes has log K
    Brier = mean_i sum_k (p_ik - 1[k = y_i])^2          in [0, 2]; a uniform guess has 1 - 1/K

Everything is computed from logits, in float64, in slices of rows that bound the memory. Probabilities are never
guessed: what looks like them is refused.

Source: Brier, "Verification of forecasts expressed in terms of probability", 1950,
https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError
from course_lib.files import load_tensors, save_tensors
from course_lib.ranks import ALONE, Ranks

CELLS_AT_ONCE = 2**20  # logits in a slice: 8 MB in float64, which a processor keeps at hand


def slices(logits: Tensor) -> Iterator[slice]:
    """Slices of rows that together are all rows, each small enough to compute with."""
    rows = max(1, CELLS_AT_ONCE // logits.shape[1])
    return (slice(start, start + rows) for start in range(0, len(logits), rows))


def exponentials(logits: Tensor) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
    """Slices of rows with what softmax is made of, in float64.

    Yields:
        The rows; the largest logit of each, (n,); the exponentials of logits below it, (n, K), which the next step
        overwrites; and their sums, (n,).
    """
    room = torch.empty(0, logits.shape[1], dtype=torch.float64, device=logits.device)
    for rows in slices(logits):
        part = logits[rows].detach()
        if len(room) < len(part):
            room = torch.empty(part.shape, dtype=torch.float64, device=logits.device)
        scaled = room[: len(part)].copy_(part)
        largest = scaled.amax(dim=1, keepdim=True)
        scaled.sub_(largest).exp_()
        yield rows, largest.squeeze(1), scaled, scaled.sum(dim=1)


class Images(Protocol):
    """Stored images: a tensor, or a set on disk that decodes the rows that are asked for."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> Tensor: ...


@dataclass(frozen=True)
class Predictions:
    """What one model says about the images of one split.

    Attributes:
        logits: (N, K) float32, on the CPU.
        labels: (N,) int64 in ``0..K - 1``.
        split: ``train``, ``calib`` or ``test``.
        model: Whose predictions these are.
        index_hash: Which images these are; see ``Split.index_hash``.
    """

    logits: Tensor
    labels: Tensor
    split: str
    model: str
    index_hash: str

    def __post_init__(self) -> None:
        """Refuse logits and labels that cannot be predictions."""
        check_logits(self.logits, self.labels)

    def save(self, path: Path) -> None:
        """Write the predictions as one safetensors file."""
        words = {"split": self.split, "model": self.model, "index_hash": self.index_hash}
        save_tensors(path, {"logits": self.logits, "labels": self.labels}, words)

    @classmethod
    def load(cls, path: Path) -> "Predictions":
        """Read what ``save`` wrote.

        Raises:
            CourseError: If the file cannot be read or holds something else.
        """
        tensors, words = load_tensors(path)
        if set(tensors) != {"logits", "labels"} or not {"split", "model", "index_hash"} <= set(words):
            raise CourseError(f"{path} holds no predictions")
        return cls(tensors["logits"], tensors["labels"], words["split"], words["model"], words["index_hash"])


def check_logits(logits: Tensor, labels: Tensor) -> None:
    """Refuse what cannot be logits and labels.

    Args:
        logits: (N, K) float.
        labels: (N,) integers.

    Raises:
        CourseError: If shapes do not fit, a logit is NaN or infinite, a label is no class, or the rows are
            probabilities.
    """
    if logits.ndim != 2 or labels.ndim != 1 or len(logits) != len(labels):
        shapes = f"logits {tuple(logits.shape)}, labels {tuple(labels.shape)}"
        raise CourseError(f"logits must be (N, K) and labels (N,), got {shapes}")
    if len(logits) == 0 or logits.shape[1] < 2:
        raise CourseError(f"at least 1 row and 2 classes are needed, got logits {tuple(logits.shape)}")
    # NaN and infinities reach the ends of their row, which are found faster than every logit is asked
    broken = ~(torch.isfinite(logits.amax(dim=1)) & torch.isfinite(logits.amin(dim=1)))
    if broken.any():
        first = int(broken.nonzero()[0])
        raise CourseError(f"NaN or infinite logits in {int(broken.sum())} of {len(logits)} rows, first in row {first}")
    outside = (labels < 0) | (labels >= logits.shape[1])
    if outside.any():
        first = int(outside.nonzero()[0])
        classes = f"0..{logits.shape[1] - 1}"
        raise CourseError(f"label {int(labels[first])} in row {first} is no class: labels must lie in {classes}")
    if all(_look_like_probs(logits[rows]) for rows in slices(logits)):
        raise CourseError(
            "these look like probabilities, not logits: every row is non-negative and sums to 1. "
            "Pass logits, or give --probs, which takes their logarithm"
        )


def _look_like_probs(values: Tensor) -> bool:
    return bool((values >= 0).all() and ((values.double().sum(dim=1) - 1).abs() < 1e-3).all())


def log_of_probs(probs: Tensor) -> Tensor:
    """Logits whose softmax gives these probabilities.

    Args:
        probs: (N, K) float, rows that sum to 1.

    Returns:
        (N, K) float64; the logarithm of 0 becomes that of the smallest normal number, about -708.

    Raises:
        CourseError: If a row does not hold probabilities.

    Example:
        >>> log_of_probs(torch.tensor([[0.5, 0.5]])).softmax(1)
        tensor([[0.5000, 0.5000]], dtype=torch.float64)
    """
    if probs.ndim != 2 or not _look_like_probs(probs):
        raise CourseError("--probs was given, but the rows are not probabilities: non-negative, with sum 1")
    return probs.double().clamp_min(torch.finfo(torch.float64).tiny).log()


def collect(
    network: nn.Module,
    images: Images,
    labels: Tensor,
    prepare: Callable[[Tensor], Tensor],
    *,
    split: str,
    model: str,
    index_hash: str,
    device: torch.device,
    batch_size: int,
    ranks: Ranks = ALONE,
) -> Predictions:
    """Ask a network, in evaluation mode, about every image once.

    Args:
        network: Maps prepared images to logits; afterwards its modules are in the modes they were in.
        images: N stored images, uint8.
        labels: (N,) int64.
        prepare: Stored images on the device to what the network sees.
        split: ``train``, ``calib`` or ``test``.
        model: The network's name.
        index_hash: Which images these are.
        device: Where the network is.
        batch_size: Images at once; changes no result beyond rounding.
        ranks: This process among those that share the images; each gets the predictions of all.

    Returns:
        The predictions, on the CPU.

    Raises:
        CourseError: If a logit is NaN or infinite: the training diverged.
    """
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.inference_mode(), _in_float32(device):
            share = ranks.share(len(images))
            parts = [
                network(prepare(images[slice(start, min(start + batch_size, share.stop))].to(device))).float()
                for start in range(share.start, share.stop, batch_size)
            ]
    finally:
        for module, training in modes.items():
            module.training = training
    logits = ranks.gather(torch.cat(parts).clone()).cpu()
    if not torch.isfinite(logits).all():
        raise CourseError(f"{model} gives NaN or infinite logits: its training diverged, lower the learning rate")
    return Predictions(logits, labels.cpu(), split, model, index_hash)


@contextmanager
def _in_float32(device: torch.device) -> Iterator[None]:
    """Convolutions in full float32, which GPUs round to TF32 otherwise, and confidences with them."""
    if device.type != "cuda":
        yield
        return
    cudnn: Any = torch.backends.cudnn
    convolutions = cudnn.conv
    before = convolutions.fp32_precision
    convolutions.fp32_precision = "ieee"
    try:
        yield
    finally:
        convolutions.fp32_precision = before


def confidence_and_correct(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """How sure a model is of its answer, and whether the answer is right.

    Args:
        logits: (N, K) float.
        labels: (N,) int64.

    Returns:
        (N,) float64, the largest probability of each row, and (N,) bool. Of tied classes the first is the answer.

    Example:
        >>> confidence_and_correct(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
        (tensor([0.5000], dtype=torch.float64), tensor([False]))
    """
    check_logits(logits, labels)
    confidence = torch.cat([1 / total for _, _, _, total in exponentials(logits)])
    return confidence, logits.argmax(dim=1) == labels


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of images whose largest logit is that of their class; (N, K) and (N,) to a float in [0, 1]."""
    check_logits(logits, labels)
    return (logits.argmax(dim=1) == labels).double().mean().item()


def negative_log_likelihood(logits: Tensor, labels: Tensor) -> float:
    """Mean surprise at the true class; (N, K) and (N,) to a float, in nats, at least 0.

    Example:
        >>> round(negative_log_likelihood(torch.zeros(1, 4) + 2.0, torch.tensor([3])), 4)  # log 4
        1.3863
    """
    check_logits(logits, labels)
    total = 0.0
    for rows in slices(logits):
        log_probs = logits[rows].double().log_softmax(dim=1)
        total -= log_probs.gather(1, labels[rows, None]).sum().item()
    return total / len(labels)


def brier_score(logits: Tensor, labels: Tensor) -> float:
    """Squared distance of the probabilities from the truth; (N, K) and (N,) to a float in [0, 2].

    Example:
        >>> brier_score(torch.zeros(1, 4) + 2.0, torch.tensor([3]))  # 1 - 1/4
        0.75
    """
    check_logits(logits, labels)
    total = 0.0
    for rows in slices(logits):
        probs = logits[rows].double().softmax(dim=1)
        probs[torch.arange(len(probs)), labels[rows]] -= 1
        total += probs.square().sum().item()
    return total / len(labels)
