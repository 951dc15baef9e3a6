"""work: what a call consists of, counted while it runs.

    FLOPs       2 per multiply-add of products and convolutions, forward and backward; nothing else counts
    operations  what torch dispatches to the device, without views: about as many kernels on a GPU
    bytes       tensors that an operation reads, plus tensors that it writes, summed over operations

The bytes are the traffic of an eager call whose operations each fetch from memory and put back. A cache that still
holds what the operation before has written makes the real traffic smaller.

Source: FLOPs are counted by ``torch.utils.flop_counter.FlopCounterMode``, with torch's own formulas.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

GRADIENTS = "grads"  # declared as changed by fused optimizers, which only a gradient scaler makes change them

# By the name of the operation, without overload:
NO_WORK = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "_unsafe_view", "lift_fresh"}
GATHERS = {
    "index",
    "index_select",
    "gather",
    "embedding",
}  # read as many elements as they return, not their whole input
OVERWRITES = {"copy_", "zero_", "fill_"}  # never read what they write to


@dataclass(frozen=True)
class Work:
    """What one call consists of.

    Attributes:
        flops: Floating point operations.
        operations: Dispatched operations that are no views.
        bytes: Read and written by them, if no cache helps.
    """

    flops: int
    operations: int
    bytes: int

    def as_json(self) -> dict[str, int]:
        """The three counts as plain values."""
        return asdict(self)


def work_of(function: Callable[[], Any]) -> Work:
    """Call a function once and count what it does, backward passes included.

    Args:
        function: Is called without arguments; what it returns is dropped.

    Returns:
        Its work. What runs outside torch, such as decoding, is not counted.

    Example:
        >>> import torch
        >>> ones = torch.ones(2, 3)
        >>> work_of(lambda: ones @ ones.T)  # 2 x 2 sums of 3 products; 6 + 6 elements read, 4 written
        Work(flops=24, operations=1, bytes=64)
    """
    with FlopCounterMode(display=False) as flops, _Traffic() as traffic:
        function()
    return Work(flops.get_total_flops(), traffic.operations, traffic.bytes)


class _Traffic(TorchDispatchMode):
    """Counts dispatched operations and their bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = func._schema.name.removeprefix("aten::")
        if func.namespace != "profiler" and name not in NO_WORK and not _is_view(func._schema):
            self.operations += 1
            self.bytes += _read(name, args, kwargs, result) + _written(func._schema, args, kwargs, result)
        return result


def _is_view(schema: Any) -> bool:
    """Whether what is returned shares memory with an argument that stays as it is."""
    return any(value.alias_info is not None and not value.alias_info.is_write for value in schema.returns)


def _read(name: str, args: Any, kwargs: Any, result: Any) -> int:
    if name in GATHERS:
        return _bytes(args[1:]) + _bytes(result)
    return _bytes(args[1:] if name in OVERWRITES else (args, kwargs))


def _written(schema: Any, args: Any, kwargs: Any, result: Any) -> int:
    """Arguments that change, and results that are new."""
    given = dict(zip((argument.name for argument in schema.arguments), args, strict=False)) | kwargs
    changed = [
        given.get(argument.name)
        for argument in schema.arguments
        if argument.alias_info is not None and argument.alias_info.is_write and argument.name != GRADIENTS
    ]
    results = result if isinstance(result, tuple) else (result,)
    new = [value for value, declared in zip(results, schema.returns, strict=False) if declared.alias_info is None]
    return _bytes((changed, new))


def _bytes(values: Any) -> int:
    """Bytes of all tensors; one that repeats its elements, such as an expanded one, counts what it stores."""
    tensors = [value for value in tree_leaves(values) if isinstance(value, Tensor)]
    return sum(min(value.numel() * value.itemsize, value.untyped_storage().nbytes()) for value in tensors)
