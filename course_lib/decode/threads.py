"""threads: the same work on many files, in threads where that is faster.

Pillow decodes without holding Python's lock, so threads are enough for large files; small ones are faster without. The
threads belong to one process: a process that was forked has none of its parent's and would wait for them for ever. The
workers of a DataLoader are many already and do their work one by one.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from torch.utils.data import get_worker_info

T = TypeVar("T")
R = TypeVar("R")
SMALL = 16_384  # bytes; below it threads wait for each other longer than they decode


def each(work: Callable[[T], R], items: Sequence[T], bytes_each: int) -> Iterator[R]:
    """Do the work on each item, in order.

    Args:
        work: What to do; reads or decodes ``bytes_each`` bytes.
        items: What to do it on.
        bytes_each: About how large a file is.

    Returns:
        What ``work`` gives, in the order of the items.
    """
    if len(items) > 1 and bytes_each >= SMALL and get_worker_info() is None:
        return _threads(os.getpid()).map(work, items)
    return map(work, items)


@cache
def _threads(process: int) -> ThreadPoolExecutor:
    """The threads of a process, by its id."""
    return ThreadPoolExecutor(min(32, os.cpu_count() or 1), thread_name_prefix="decode")
