"""ranks: the processes that train one network together, as torchrun starts them.

Each process, called a rank, takes an equal share of every batch and, in evaluation, of the images: nothing is padded or
counted twice. Without torchrun there is one rank, and every function here gives back what it was given.

Source: PyTorch, "torchrun", https://docs.pytorch.org/docs/stable/elastic/run.html.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    """One process among those of a run.

    Attributes:
        rank: Which one this is, from 0; rank 0 writes.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.size == 1

    def share(self, n: int) -> range:
        """Which of n things are this rank's: neighbours, each thing with one rank.

        Example:
            >>> [list(Ranks(rank, 3).share(7)) for rank in range(3)]
            [[0, 1], [2, 3], [4, 5, 6]]
        """
        return range(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process; all processes must ask."""
        if self.alone:
            return flag
        found = torch.tensor([int(flag)], device=_device())
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return bool(found.item())

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a tensor over the processes; all must give one of the same shape."""
        if self.alone:
            return value
        total = value.to(_device(), copy=True)
        dist.all_reduce(total)
        return (total / self.size).to(value.device)

    def gather(self, rows: Tensor) -> Tensor:
        """Everybody's (n_rank, ...) rows, in the order of the ranks, in every process."""
        if self.alone:
            return rows
        device = _device()
        lengths = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(self.size)]
        dist.all_gather(lengths, torch.tensor([len(rows)], device=device))
        counts = [int(length.item()) for length in lengths]
        padded = torch.zeros(max(counts), *rows.shape[1:], dtype=rows.dtype, device=device)
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)]).to(rows.device)

    def copy_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors with those of rank 0."""
        for tensor in () if self.alone else tensors:
            shared = tensor.to(_device())
            dist.broadcast(shared, src=0)
            tensor.copy_(shared)

    def wait(self) -> None:
        """Go on when every process has come here."""
        if not self.alone:
            dist.barrier()


ALONE = Ranks()


def _device() -> torch.device:
    """Where tensors must be to be exchanged."""
    return torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else torch.device("cpu")


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """Join the other processes of this run, if torchrun started any.

    Args:
        device: Where this process trains; on a GPU, that of its local rank.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if processes() == 1:
        yield ALONE
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Ranks(cast(int, dist.get_rank()), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def is_first() -> bool:
    """Whether this process is the one that prints and writes, before or after it has joined the others."""
    return processes() == 1 or os.environ.get("RANK", "0") == "0"


def processes() -> int:
    """How many processes torchrun started."""
    return int(os.environ.get("WORLD_SIZE", "1"))
