"""geometry: how a network arranges images in its last hidden layer, and how two networks' arrangements relate.

    linear CKA = ||Y'X||_F^2 / (||X'X||_F ||Y'Y||_F)          X, Y: features of the same images, centred
    NC1        = tr(S_W pinv(S_B)) / K                         S_W, S_B: within- and between-class covariance
    neighbours = share of images whose nearest other image has their class

CKA is 1 for features that differ by rotation and scale; NC1 falls to 0 as each class collapses to a point.

Sources: Kornblith, Norouzi, Lee and Hinton, "Similarity of Neural Network Representations Revisited", ICML 2019,
https://arxiv.org/abs/1905.00414, section 3; Papyan, Han and Donoho, "Prevalence of neural collapse", PNAS 2020,
https://arxiv.org/abs/2008.08186, equation 1 and NC1.
"""

import torch
from torch import Tensor, nn

ROWS_AT_ONCE = 2**11


def penultimate(network: nn.Module, views: Tensor, batch_size: int = 256) -> Tensor:
    """What a network's last linear layer is given.

    Args:
        network: A classifier whose last linear layer gives the logits; its modules keep their modes.
        views: (N, C, H, W) float in [0, 1], on the network's device.
        batch_size: Images at once.

    Returns:
        (N, D) float32, on the CPU.

    Raises:
        ValueError: If there is no linear layer.
    """
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ValueError("the network has no linear layer, so nothing is known as its penultimate features")
    seen: list[Tensor] = []
    hook = linear[-1].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].flatten(1).float().cpu()))
    modes = {module: module.training for module in network.modules()}
    try:
        network.eval()
        with torch.no_grad():
            for start in range(0, len(views), batch_size):
                network(views[start : start + batch_size])
    finally:
        hook.remove()
        for module, training in modes.items():
            module.training = training
    return torch.cat(seen)


def linear_cka(x: Tensor, y: Tensor) -> float:
    """Similarity of two arrangements of the same images.

    Args:
        x: (N, D) float, features of one network.
        y: (N, E) float, of the other, for the same images in the same order.

    Returns:
        A float in [0, 1]; rotation, reflection, equal scaling and moving of either change nothing.

    Raises:
        ValueError: If the images do not pair, or all features of one network are the same.

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
        >>> round(linear_cka(x, 3 * x.flip(1) + 1), 6)
        1.0
    """
    if len(x) != len(y):
        raise ValueError(f"features of {len(x)} images cannot be compared with those of {len(y)}")
    x, y = (_centred(features) for features in (x, y))
    norms = (x.T @ x).norm() * (y.T @ y).norm()
    if norms == 0:
        raise ValueError("all features are the same: there is no arrangement to compare")
    return ((y.T @ x).square().sum() / norms).clamp_max(1).item()


def _centred(features: Tensor) -> Tensor:
    """Features minus their mean, float64; exactly 0 where all images have the same, which a rounded mean may miss."""
    moved = features.double() - features[:1].double()
    return moved - moved.mean(dim=0)


def nearest_neighbour_accuracy(features: Tensor, labels: Tensor) -> float:
    """Share of images whose nearest other image, in Euclidean distance, has their class.

    Args:
        features: (N, D) float, N at least 2.
        labels: (N,) int64.

    Returns:
        A float in [0, 1]; of equally near neighbours the first counts.

    Example:
        >>> nearest_neighbour_accuracy(torch.tensor([[0.0], [1.0], [10.0], [12.0]]), torch.tensor([0, 0, 1, 0]))
        0.5
    """
    return nearest_neighbour_hits(features, labels).double().mean().item()


def nearest_neighbour_hits(features: Tensor, labels: Tensor) -> Tensor:
    """(N,) bool: whether the nearest other image has the same class; arguments as ``nearest_neighbour_accuracy``."""
    if len(features) < 2 or len(features) != len(labels):
        raise ValueError(f"{len(features)} features and {len(labels)} labels: at least 2, and as many of either")
    features = features.double()
    hits = []
    for start in range(0, len(features), ROWS_AT_ONCE):
        rows = torch.arange(start, min(start + ROWS_AT_ONCE, len(features)))
        distance = torch.cdist(features[rows], features, compute_mode="donot_use_mm_for_euclid_dist")
        distance[torch.arange(len(rows)), rows] = torch.inf
        hits.append(labels[distance.argmin(dim=1)] == labels[rows])
    return torch.cat(hits)


def within_between_ratio(features: Tensor, labels: Tensor) -> float:
    """NC1: spread of images around the mean of their class, in units of the spread of the class means.

    Args:
        features: (N, D) float.
        labels: (N,) int64 in ``0..K - 1``, K at least 2, every class at least once.

    Returns:
        A float, at least 0; turning, moving and scaling the features changes nothing.

    Raises:
        ValueError: If a class has no image, or all classes have the same mean.

    Example:
        >>> within_between_ratio(torch.tensor([[0.0], [2.0], [10.0], [12.0]]), torch.tensor([0, 0, 1, 1]))  # 1/25/2
        0.02
    """
    count = labels.bincount().double()
    if len(count) < 2 or not bool((count > 0).all()):
        raise ValueError("every class from 0 to the largest label must have an image, and there must be 2 or more")
    features = _centred(features)
    membership = torch.nn.functional.one_hot(labels).double()
    means = membership.T @ features / count[:, None]
    within = features - means[labels]
    between = means - means.mean(dim=0)
    covariance_within = within.T @ within / len(features)
    covariance_between = between.T @ between / len(count)
    if not covariance_between.any():
        raise ValueError("all classes have the same mean: there is no spread between them to measure by")
    inverse = torch.linalg.pinv(covariance_between, hermitian=True, rtol=1e-10)
    return torch.trace(covariance_within @ inverse).item() / len(count)
