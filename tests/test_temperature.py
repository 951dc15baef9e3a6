import math

import numpy as np
import pytest
import torch

from course_lib.errors import CourseError
from course_lib.predictions import Predictions, negative_log_likelihood
from course_lib.temperature import (
    HIGHEST,
    LOWEST,
    find_temperature,
    fit_on,
    fit_temperature,
    nll_at_temperature,
    nll_slope,
)


def drawn(seed, n=300, k=5, scale=3.0):
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(size=(n, k))) * scale
    sampled = (logits.softmax(1).cumsum(1) < torch.from_numpy(rng.random((n, 1)))).sum(1).clamp_max(k - 1)
    return logits, sampled  # labels drawn from the model's own probabilities: calibrated


def test_four_answers_sure_as_nine_tenths_and_right_three_times_need_the_temperature_worked_by_hand():
    # log-odds 2 log 3 at T = 1; three of four right asks for log-odds log 3, so T = 2
    logits = torch.tensor([[2 * math.log(3), 0.0]] * 4, dtype=torch.float64)
    assert fit_temperature(logits, torch.tensor([0, 0, 0, 1])) == pytest.approx(2.0, rel=1e-9)


@pytest.mark.parametrize("factor", [0.05, 0.5, 2.0, 40.0])
def test_multiplying_logits_multiplies_the_temperature(factor):
    logits, labels = drawn(0)
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor * fit_temperature(logits, labels), rel=1e-8)


def test_a_calibrated_model_needs_a_temperature_near_one():
    assert fit_temperature(*drawn(0, n=50_000)) == pytest.approx(1.0, abs=0.02)


def test_the_slope_is_the_derivative_of_the_nll_in_one_over_t():
    logits, labels = drawn(1)
    for b in (0.2, 1.0, 3.0):
        numeric = (
            nll_at_temperature(logits, labels, 1 / (b + 1e-5)) - nll_at_temperature(logits, labels, 1 / (b - 1e-5))
        ) / 2e-5
        assert nll_slope(logits, labels, b) == pytest.approx(numeric, rel=1e-5, abs=1e-7)


def test_the_slope_agrees_with_automatic_differentiation():
    logits, labels = drawn(2)
    b = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.cross_entropy(b * logits, labels).backward()
    assert nll_slope(logits, labels, 0.7) == pytest.approx(b.grad.item(), rel=1e-10)


def test_at_temperature_one_the_nll_is_the_nll():
    assert nll_at_temperature(*drawn(3), 1.0) == negative_log_likelihood(*drawn(3))


def test_scaled_logits_are_not_taken_for_probabilities():
    logits = 2 * torch.eye(2)  # over T = 2 the rows are (1, 0) and (0, 1)
    assert nll_at_temperature(logits, torch.tensor([0, 1]), 2.0) == pytest.approx(math.log(1 + math.exp(-1)))


def test_a_common_offset_of_each_row_costs_no_digits():
    logits, labels = drawn(6)
    logits = (logits * 2**10).round() / 2**20  # so that adding the offset is exact
    moved = logits + 2.0**30
    assert nll_at_temperature(moved, labels, 0.003) == pytest.approx(
        nll_at_temperature(logits, labels, 0.003), abs=1e-12
    )
    assert fit_temperature(moved, labels) == pytest.approx(fit_temperature(logits, labels), rel=1e-9)


def test_constant_logits_leave_the_temperature_at_one():
    fit = find_temperature(torch.full((5, 3), 2.5), torch.tensor([0, 1, 2, 0, 1]))
    assert fit.temperature == 1.0 and not fit.at_bound and "constant" in fit.reason


def test_separable_logits_end_at_the_lower_bound_and_say_so():
    fit = find_temperature(10 * torch.eye(3), torch.arange(3))
    assert fit.temperature == LOWEST and fit.at_bound and "lower bound" in fit.reason


def test_logits_worse_than_a_guess_end_at_the_upper_bound_and_say_so():
    fit = find_temperature(10 * torch.eye(3), torch.tensor([1, 2, 0]))
    assert fit.temperature == HIGHEST and fit.at_bound and "upper bound" in fit.reason


def test_the_certificate_is_a_narrow_bracket_with_slopes_of_opposite_sign():
    fit = find_temperature(*drawn(4))
    assert fit.slopes[0] < 0 < fit.slopes[1] and fit.certified
    assert fit.bracket[0] < fit.temperature < fit.bracket[1] and fit.width < 1e-8
    assert abs(fit.final_slope) <= max(-fit.slopes[0], fit.slopes[1])
    assert fit.evaluations < 60


def test_a_temperature_is_never_fitted_on_test():
    logits, labels = drawn(5)
    with pytest.raises(CourseError, match="never fitted on test"):
        fit_on(Predictions(logits.float(), labels, "test", "a model", "h"))
    assert fit_on(Predictions(logits.float(), labels, "calib", "a model", "h")).temperature > 0


def test_a_temperature_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="positive"):
        nll_at_temperature(*drawn(0), 0.0)


GRID = torch.linspace(math.log(LOWEST), math.log(HIGHEST), 60, dtype=torch.float64).exp()


def lowest_nll_on_the_grid(logits, labels):
    log_probs = (logits / GRID[:, None, None]).log_softmax(2)
    return -log_probs[:, torch.arange(len(labels)), labels].mean(1).max().item()


def check(rng):
    """One drawn problem: whatever it is, the fit is finite, in bounds, certified, and no worse than a dense grid."""
    n, k = int(rng.integers(1, 80)), int(rng.integers(2, 101))
    logits = rng.normal(size=(n, k)) * 10.0 ** rng.uniform(-4, 4)
    kind = rng.integers(6)
    labels = rng.integers(0, k, n)
    if kind == 1:  # separable
        labels = logits.argmax(1)
    elif kind == 2:  # ties
        logits = np.round(logits / (abs(logits).max() + 1e-300) * 3)
    elif kind == 3:  # mostly right
        labels = np.where(rng.random(n) < 0.8, logits.argmax(1), labels)
    elif kind == 4:  # saturated float32
        logits = logits.astype(np.float32).astype(float) + 1e4 * np.eye(k)[labels]
    elif kind == 5:  # a common offset in every row
        logits += 1e5 * rng.normal(size=(n, 1))
    z, y = torch.from_numpy(logits), torch.from_numpy(labels)
    fit = find_temperature(z, y)
    assert LOWEST <= fit.temperature <= HIGHEST
    nll = nll_at_temperature(z, y, fit.temperature)
    best = lowest_nll_on_the_grid(z, y)
    assert math.isfinite(nll) and nll <= best + 1e-9 * max(1.0, abs(best))
    if fit.at_bound:
        assert fit.temperature in (LOWEST, HIGHEST)
        assert fit.slopes[0] >= 0 if fit.temperature == LOWEST else fit.slopes[1] <= 0
    elif fit.slopes != (0.0, 0.0):
        assert fit.certified and fit.width < 1e-6


@pytest.mark.parametrize("problems", [500, pytest.param(10_000, marks=pytest.mark.soak)])
def test_no_drawn_problem_fails_or_diverges(problems):
    rng = np.random.default_rng(0)
    for _ in range(problems):
        check(rng)
