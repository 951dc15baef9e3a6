"""fold: batch norms folded into the convolutions before them, for a network that is only asked.

    gamma (W x + b - mean) / sqrt(var + eps) + beta  =  W' x + b'

In evaluation a batch norm is affine, so that one convolution does the work of both, up to rounding. A batch norm that
does not follow a convolution, as before the first activation of a wide residual block, stays.

Source: Jacob et al., "Quantization and Training of Neural Networks", CVPR 2018, https://arxiv.org/abs/1712.05877,
section 3.2. The folding itself is PyTorch's.
"""

import copy

from torch import nn
from torch.fx.experimental.optimization import fuse
from torch.fx.proxy import TraceError

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def folded(network: nn.Module) -> nn.Module:
    """A copy of a network with its batch norms folded, wherever they follow a convolution or a linear layer.

    Args:
        network: In evaluation mode. Parts whose code cannot be traced are folded in their own parts.

    Returns:
        A network that gives the same outputs up to rounding (1e-5 of the largest); the weights of ``network`` are as
        they were. It is frozen if ``network`` is.

    Raises:
        ValueError: If the network is in training mode, in which batch norms depend on the batch.
    """
    if any(module.training for module in network.modules()):
        raise ValueError("only a network in evaluation mode can be folded: call eval() first")
    frozen = not any(parameter.requires_grad for parameter in network.parameters())
    return _folded(copy.deepcopy(network)).eval().requires_grad_(not frozen)


def _folded(module: nn.Module) -> nn.Module:
    """Fold a module that is ours to change."""
    if not any(isinstance(part, BATCH_NORMS) for part in module.modules()) or isinstance(module, BATCH_NORMS):
        return module
    try:
        return fuse(module, inplace=True)
    except (TraceError, TypeError):  # branches on shapes, or calls that cannot be recorded
        for name, child in list(module.named_children()):
            setattr(module, name, _folded(child))
        return module
