"""relations: what goes together across models.

    transfer     student gap = slope * teacher gap + constant, by least squares; and Pearson's correlation
    partial      the correlation that is left once both are freed of what a third number predicts of them
    front        the models that no other beats in accuracy and calibration at once

Sources: the transfer of calibration is claim C6 of arXiv 2606.12171, the measure is ours; the bootstrap, Efron,
"Bootstrap methods: another look at the jackknife", 1979, https://doi.org/10.1214/aos/1176344552.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.intervals import LEVEL, Interval

REPLICATIONS = 5_000


def calibration_transfer(teacher_gaps: Tensor, student_gaps: Tensor) -> tuple[float, float]:
    """How the students' signed gaps follow those of their teachers.

    Args:
        teacher_gaps: (M,) float, not all equal, M at least 2.
        student_gaps: (M,) float, one student per teacher.

    Returns:
        Slope of the least-squares line with intercept, and Pearson's correlation; 0 where no student differs.

    Raises:
        ValueError: If the shapes differ or all teachers have the same gap.

    Example:
        >>> teachers = torch.tensor([-0.25, 0.0, 0.25])
        >>> slope, correlation = calibration_transfer(teachers, teachers / 2)
        >>> slope, round(correlation, 6)
        (0.5, 1.0)
    """
    if teacher_gaps.shape != student_gaps.shape or teacher_gaps.ndim != 1:
        shapes = f"{tuple(teacher_gaps.shape)} and {tuple(student_gaps.shape)}"
        raise ValueError(f"one gap per teacher and per student is needed, as (M,), got {shapes}")
    x, y = (gaps.double() - gaps.double().mean() for gaps in (teacher_gaps, student_gaps))
    if not bool(x.any()):
        raise ValueError("all teachers have the same gap: nothing can follow it")
    correlation = (x @ y / (x.norm() * y.norm())).item() if bool(y.any()) else 0.0
    return (x @ y / (x @ x)).item(), correlation


def partial_correlation(x: Tensor, y: Tensor, given: Tensor) -> float:
    """Correlation of two numbers after a line in a third is taken from both.

    Args:
        x: (M,) float.
        y: (M,) float.
        given: (M,) float.

    Returns:
        A float in [-1, 1]; NaN where nothing is left of one of them.

    Example:
        >>> given = torch.tensor([0.0, 1.0, 2.0, 3.0])
        >>> noise = torch.tensor([1.0, -1.0, -1.0, 1.0])
        >>> round(partial_correlation(given + noise, 5 * given - noise, given), 6)
        -1.0
    """
    design = torch.stack([torch.ones_like(given), given], dim=1).double()
    numbers = torch.stack([x, y], dim=1).double()
    left = numbers - design @ torch.linalg.lstsq(design, numbers, driver="gelsd").solution
    norms = left.norm(dim=0)
    if bool((norms <= 1e-12 * numbers.norm(dim=0).clamp_min(1e-300)).any()):
        return float("nan")
    return (left[:, 0] @ left[:, 1] / norms.prod()).item()


def bootstrap(
    statistic: Callable[[Tensor], float], n: int, rng: np.random.Generator, replications: int = REPLICATIONS
) -> Interval:
    """A percentile interval over things that were drawn, teachers for instance.

    Args:
        statistic: Places of n things, (n,) int64 with repetitions, to a number; NaN where it is not defined.
        n: Things.
        rng: Where the randomness comes from; it is advanced.
        replications: Draws with replacement.

    Returns:
        The statistic of all things, and the middle 95 % of its values over the draws in which it is defined.

    Raises:
        ValueError: If it is defined in fewer than half of the draws.
    """
    drawn = np.array([statistic(torch.from_numpy(rng.integers(n, size=n))) for _ in range(replications)])
    defined = drawn[np.isfinite(drawn)]
    if len(defined) < replications / 2:
        raise ValueError(f"the statistic is defined in only {len(defined)} of {replications} draws")
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(statistic(torch.arange(n)), float(low), float(high))


def pareto_front(accuracy: Tensor, ece: Tensor) -> Tensor:
    """The models that no other beats: at least as accurate and as well calibrated, and better in one of the two.

    Args:
        accuracy: (M,) float; more is better.
        ece: (M,) float, or any other number of which less is better.

    Returns:
        Their places, int64, ascending; of equal models all stay.

    Example:
        >>> pareto_front(torch.tensor([0.9, 0.8, 0.9]), torch.tensor([0.1, 0.2, 0.05])).tolist()
        [2]
    """
    as_good = (accuracy[:, None] >= accuracy) & (ece[:, None] <= ece)  # row j is as good as column i in both
    better = (accuracy[:, None] > accuracy) | (ece[:, None] < ece)
    return (~(as_good & better).any(dim=0)).nonzero().squeeze(1)
