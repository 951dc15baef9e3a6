"""graph: a step that a GPU replays as one CUDA graph.

A small network's step is hundreds of kernels of microseconds each, and starting them takes the processor longer than
running them takes the GPU. A graph starts them all at once. It replays the same kernels on the same memory: whatever
changes from step to step must stand in tensors that the step reads.

Source: PyTorch, "CUDA graphs", https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.
"""

from collections.abc import Callable, Hashable

import torch

WARM_UP = 3  # steps that run as usual before one is captured; libraries set themselves up in them

Work = Callable[[], None]


def capture(work: Work) -> Work:
    """Record what work does on the GPU, without doing it; returns the function that does it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


class Replayed:
    """Work that runs as usual a few times and is replayed from then on.

    Attributes:
        replays: How often a graph was replayed.
    """

    def __init__(self, work: Work, warn: Callable[[str], None], record: Callable[[Work], Work] = capture):
        """Nothing runs yet.

        Args:
            work: Reads what changes from tensors that stay where they are.
            warn: Told, in one line, when work cannot be captured; it then runs as usual for good.
            record: See ``capture``.
        """
        self.replays = 0
        self._work = work
        self._warn = warn
        self._record = record
        self._runs: dict[Hashable, int] = {}
        self._graphs: dict[Hashable, Work] = {}
        self._gives_up = False

    def __call__(self, variant: Hashable = None) -> None:
        """Do the work once; each variant of it, such as with and without a teacher's pass, has a graph of its own."""
        runs = self._runs[variant] = self._runs.get(variant, 0) + 1
        if self._gives_up or runs <= WARM_UP:
            self._work()
            return
        if variant not in self._graphs:
            try:
                self._graphs[variant] = self._record(self._work)
            except RuntimeError as error:
                self._gives_up = True
                self._warn(
                    f"a step cannot be replayed as a CUDA graph ({str(error).splitlines()[0]}): going on without"
                )
                self._work()
                return
        self._graphs[variant]()
        self.replays += 1
