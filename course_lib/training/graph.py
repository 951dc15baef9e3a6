"""graph: a step that a GPU replays as one CUDA graph.

A small network's step is hundreds of kernels of microseconds each, and starting them takes the processor longer than
running them takes the GPU. A graph starts them all at once. It replays the same kernels on the same memory: whatever
changes from step to step must stand in tensors that the step reads.

Source: PyTorch, "CUDA graphs", https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.
"""

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any

import torch

WARM_UP = 3  # steps that run as usual before one is captured; libraries set themselves up in them

Work = Callable[[], None]


@cache
def _pool() -> Any:
    """Memory that all graphs share: no two of them run at once, and none reads what another left there."""
    return torch.cuda.graph_pool_handle()


def capture(work: Work) -> Work:
    """Record what work does on the GPU, without doing it; returns the function that does it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=_pool()):
        work()
    return graph.replay


def warm_up(work: Work) -> None:
    """Do the work beside the stream that everything else is on, where nothing can be captured."""
    if not torch.cuda.is_available():
        work()
        return
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        work()
    torch.cuda.current_stream().wait_stream(beside)


class Replayed:
    """Work that runs as usual a few times and is replayed from then on.

    Attributes:
        replays: How often a graph was replayed.
    """

    def __init__(self, warn: Callable[[str], None], record: Callable[[Work], Work] = capture):
        """Nothing runs yet.

        Args:
            warn: Told, in one line, when work cannot be captured; it then runs as usual for good.
            record: See ``capture``.
        """
        self.replays = 0
        self._warn = warn
        self._record = record
        self._runs: dict[Hashable, int] = {}
        self._graphs: dict[Hashable, Work] = {}
        self._gives_up = False

    def __call__(self, work: Work, variant: Hashable = None) -> None:
        """Do the work once.

        Args:
            work: Always the same; it reads what changes from tensors that stay where they are.
            variant: Each variant of the work, such as with and without a teacher's pass, has a graph of its own.
        """
        runs = self._runs[variant] = self._runs.get(variant, 0) + 1
        if self._gives_up:
            work()
            return
        if runs <= WARM_UP:
            warm_up(work)
            return
        if variant not in self._graphs:
            try:
                self._graphs[variant] = self._record(work)
            except RuntimeError as error:
                self._gives_up = True
                self._warn(
                    f"a step cannot be replayed as a CUDA graph ({str(error).splitlines()[0]}): going on without"
                )
                work()
                return
        self._graphs[variant]()
        self.replays += 1
