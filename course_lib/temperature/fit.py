"""temperature: one number that repairs confidence.

    p(T) = softmax(logits / T)        T minimises  NLL(T) = - mean_i log p_i(T)[y_i]   on the calib images

In b = 1/T the NLL is convex, with slope  mean_i (sum_k p_ik z_ik - z_iy).  So there is one minimum, where the slope
changes sign. We look for it in log T between two bounds by a method that always keeps a bracket: it cannot diverge, T
is positive by construction, and a narrow bracket around the answer certifies it. Accuracy never changes.

Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017,
https://arxiv.org/abs/1706.04599, section 4.2.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from course_lib.errors import CourseError
from course_lib.predictions import Predictions, check_logits, negative_log_likelihood, slices

LOWEST, HIGHEST = 1e-3, 1e3
HALF_WIDTH = 5e-10  # of the certifying bracket, relative; wider only where rounding hides the sign


@dataclass(frozen=True)
class TemperatureFit:
    """A temperature and its certificate.

    Attributes:
        temperature: In [1e-3, 1e3].
        at_bound: Whether the best temperature lies at or beyond a bound.
        reason: What was found, in words.
        bracket: Two temperatures between which the minimum lies.
        slopes: Slope of the NLL in log T at both; a minimum lies between a slope below 0 and one above.
        final_slope: Slope at ``temperature``.
        evaluations: How often the slope was computed.
    """

    temperature: float
    at_bound: bool
    reason: str
    bracket: tuple[float, float]
    slopes: tuple[float, float]
    final_slope: float
    evaluations: int

    @property
    def width(self) -> float:
        """Width of the bracket, relative to the temperature."""
        return (self.bracket[1] - self.bracket[0]) / self.temperature

    @property
    def certified(self) -> bool:
        """Whether the slopes at the ends of the bracket prove that the minimum lies between them."""
        return self.slopes[0] < 0 < self.slopes[1]


def scaled_logits(logits: Tensor, temperature: float) -> Tensor:
    """Logits over a temperature, moved in each row so that the largest is 0.

    The move changes no probability. It keeps digits that a large common offset would cost, and scaled logits from
    being taken for probabilities: ``[[2, 0], [0, 2]]`` over 2 would otherwise have rows that sum to 1.

    Args:
        logits: (N, K) float.
        temperature: Above 0.

    Returns:
        (N, K) float64.

    Raises:
        ValueError: If the temperature is not positive.

    Example:
        >>> import torch
        >>> scaled_logits(torch.tensor([[2.0, 0.0]]), 2.0)
        tensor([[ 0., -1.]], dtype=torch.float64)
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    return _centred(logits).div_(temperature)


def nll_at_temperature(logits: Tensor, labels: Tensor, temperature: float) -> float:
    """Negative log-likelihood of ``softmax(logits / temperature)``; (N, K) and (N,) to nats."""
    check_logits(logits, labels)
    return negative_log_likelihood(scaled_logits(logits, temperature), labels)


def nll_slope(logits: Tensor, labels: Tensor, inverse_temperature: float) -> float:
    """Derivative of the NLL in b = 1/T: mean logit under the model minus that of the true class.

    Args:
        logits: (N, K) float.
        labels: (N,) int64.
        inverse_temperature: At least 0.

    Returns:
        A float, in nats; it never falls as b rises.

    Example:
        >>> import torch
        >>> nll_slope(torch.tensor([[2.0, 0.0]]), torch.tensor([0]), inverse_temperature=0.0)  # (2 + 0) / 2 - 2
        -1.0
    """
    check_logits(logits, labels)
    return _slope(_centred(logits), labels, inverse_temperature)


def _centred(logits: Tensor) -> Tensor:
    """Logits below the largest of their row: neither probabilities nor differences change, and nothing overflows."""
    return logits.double() - logits.double().amax(dim=1, keepdim=True)


def _slope(centred: Tensor, labels: Tensor, inverse_temperature: float) -> float:
    total = 0.0
    for rows in slices(centred):
        part = centred[rows]
        expected = ((inverse_temperature * part).softmax(dim=1) * part).sum(dim=1)
        total += (expected - part.gather(1, labels[rows, None]).squeeze(1)).sum().item()
    return total / len(labels)


def find_temperature(logits: Tensor, labels: Tensor) -> TemperatureFit:
    """The temperature with the lowest NLL, and the proof that it is.

    Logits that separate the classes perfectly want T = 0, logits worse than a guess want T without end: both end at a
    bound, and the result says so. Logits that are constant in each row fit every temperature equally; T is then 1.

    Args:
        logits: (N, K) float, of calib images.
        labels: (N,) int64.

    Returns:
        The temperature and its certificate.

    Raises:
        CourseError: If the arrays cannot be predictions.

    Example:
        >>> import torch
        >>> logits = 2 * torch.log(torch.tensor([[0.75, 0.25]] * 4))  # sure as 0.9, right 3 times out of 4
        >>> round(find_temperature(logits, torch.tensor([0, 0, 0, 1])).temperature, 6)
        2.0
    """
    check_logits(logits, labels)
    centred = _centred(logits)
    if not centred.any():
        reason = "every row is constant: no temperature changes the probabilities"
        return TemperatureFit(1.0, False, reason, (LOWEST, HIGHEST), (0.0, 0.0), 0.0, evaluations=0)

    def slope(log_t: float) -> float:
        return -math.exp(-log_t) * _slope(centred, labels, math.exp(-log_t))

    low, high = math.log(LOWEST), math.log(HIGHEST)
    ends = slope(low), slope(high)
    if ends[0] >= 0:
        reason = "at the lower bound: the NLL still falls as T does, as it does where no answer is wrong"
        return TemperatureFit(LOWEST, True, reason, (LOWEST, HIGHEST), ends, ends[0], evaluations=2)
    if ends[1] <= 0:
        reason = "at the upper bound: the NLL still falls as T rises, as it does for answers no better than a guess"
        return TemperatureFit(HIGHEST, True, reason, (LOWEST, HIGHEST), ends, ends[1], evaluations=2)
    return _certified_root(slope, low, high)


def _certified_root(slope: Callable[[float], float], low: float, high: float) -> TemperatureFit:
    """The root of a slope that is negative at ``low`` and positive at ``high``, and a narrow bracket around it.

    Brent's method finds it; the bracket is then drawn around the answer, wide enough for the rounding of the slope.
    """
    from scipy.optimize import brentq

    root, details = brentq(slope, low, high, xtol=1e-13, full_output=True)
    half_width, evaluations = HALF_WIDTH, details.function_calls + 3
    while True:  # it ends: at low and high themselves the slopes have these signs
        left, right = max(low, root - half_width), min(high, root + half_width)
        slopes = slope(left), slope(right)
        evaluations += 2
        if slopes[0] < 0 < slopes[1]:
            bracket = math.exp(left), math.exp(right)
            reason = "the slope changes sign here"
            return TemperatureFit(math.exp(root), False, reason, bracket, slopes, slope(root), evaluations)
        half_width *= 10


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature with the lowest NLL, in [1e-3, 1e3]; ``find_temperature`` says how sure that is."""
    return find_temperature(logits, labels).temperature


def fit_on(predictions: Predictions) -> TemperatureFit:
    """The temperature of a model, fitted on the predictions of a split that is not reported.

    Raises:
        CourseError: If these are predictions of the test split.
    """
    if predictions.split == "test":
        raise CourseError(f"{predictions.model}: a temperature is never fitted on test, which is reported: use calib")
    return find_temperature(predictions.logits, predictions.labels)
