"""threads: small work stays on one thread.

Networks and pictures this small gain nothing from more, and where other programs run, threads that wait for one another
made a second of training into fifty. It also gives everybody with the same torch the same numbers.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes on one thread inside, on as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
