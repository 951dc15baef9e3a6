"""mean: an interval, and that of a mean over models and images.

The spread over models and the spread over images are estimated apart and added, which is never too small: each holds
the part of chance that both share. The degrees of freedom of the sum are those of Welch and Satterthwaite.

Source: Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 1946,
https://doi.org/10.2307/3002019.
"""

import math
from dataclasses import dataclass

from torch import Tensor

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate and the values that it could reasonably have had, at 95 %.

    Attributes:
        estimate: The number itself.
        low: Lower end.
        high: Upper end.
    """

    estimate: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether the interval leaves out 0, so that the sign is known."""
        return self.low > 0 or self.high < 0


def t_quantile(degrees_of_freedom: float) -> float:
    """How many standard errors a two-sided interval reaches."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees_of_freedom, (1 + LEVEL) / 2))


def interval_of_mean(samples: Tensor) -> Interval:
    """The mean of numbers that were measured for several models on the same images.

    Args:
        samples: (models, N) float, at least two numbers. One row alone speaks for that model only; one column, for
            those images only.

    Returns:
        The mean, and its interval over models and images, both of which are samples.

    Example:
        >>> import torch
        >>> found = interval_of_mean(torch.tensor([[1.0, 2.0, 3.0]]))  # 2, and 4.303 standard errors of 1/sqrt(3)
        >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3)
        (2.0, -0.484, 4.484)
    """
    if samples.ndim != 2 or samples.numel() < 2:
        raise ValueError(f"at least two numbers are needed, as (models, N), got {tuple(samples.shape)}")
    samples = samples.double()
    estimate, half = samples.mean().item(), reach(samples)
    return Interval(estimate, estimate - half, estimate + half)


def reach(samples: Tensor, hidden: float = 0.0) -> float:
    """Half the width of the interval of a mean over models and images, both of which are samples.

    Args:
        samples: (models, N) float64.
        hidden: Variance over images that ``samples`` do not show.
    """
    means = [(samples.mean(dim=0), hidden), (samples.mean(dim=1), 0.0)]
    estimates = [((each.var().item() + more) / len(each), len(each) - 1) for each, more in means if len(each) > 1]
    variance = sum(v for v, _ in estimates)
    if variance == 0:
        return 0.0
    # Welch and Satterthwaite: the degrees of freedom of a sum of estimated variances
    freedom = variance**2 / sum(v**2 / degrees for v, degrees in estimates)
    return t_quantile(freedom) * math.sqrt(variance)
