"""Whether numbers are evenly drawn is what scipy.stats says too."""

import numpy as np
import pytest
from scipy import special, stats

from course_lib.questions.chance import uniform_p_value


@pytest.mark.parametrize("power", [1.0, 1.02, 1.3])
def test_the_p_value_is_that_of_scipy(power):
    values = np.random.default_rng(0).random(2000) ** power
    theirs = stats.kstest(values, "uniform", mode="asymp").pvalue
    assert uniform_p_value(values) == pytest.approx(theirs, rel=1e-6, abs=1e-12)


def test_weights_become_even_by_their_own_distribution_function():
    weights = np.random.default_rng(1).beta(0.4, 0.4, 4000)
    assert uniform_p_value(special.betainc(0.4, 0.4, weights)) > 1e-3
    assert uniform_p_value(special.betainc(0.5, 0.5, weights)) < 1e-3


def test_numbers_that_are_no_probabilities_are_no_draw():
    assert uniform_p_value(np.full(600, 0.5)) < 1e-9 and uniform_p_value(np.linspace(-3, 4, 600)) < 1e-9
