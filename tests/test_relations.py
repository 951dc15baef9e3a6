import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.relations import bootstrap, calibration_transfer, pareto_front, partial_correlation


def drawn(seed, n=12):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(3, n)))


@pytest.mark.parametrize("seed", range(5))
def test_slope_and_correlation_are_those_of_numpy(seed):
    x, y, _ = drawn(seed)
    slope, correlation = calibration_transfer(x, y)
    assert slope == pytest.approx(np.polyfit(x.numpy(), y.numpy(), 1)[0])
    assert correlation == pytest.approx(np.corrcoef(x.numpy(), y.numpy())[0, 1])


def test_a_constant_is_no_transfer():
    assert calibration_transfer(torch.tensor([0.0, 1.0]), torch.tensor([0.3, 0.3])) == (0.0, 0.0)
    with pytest.raises(ValueError, match="same gap"):
        calibration_transfer(torch.tensor([0.1, 0.1]), torch.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match="one gap per teacher"):
        calibration_transfer(torch.zeros(2), torch.zeros(3))


def test_the_papers_published_gaps_give_the_correlation_that_was_derived_from_them():
    # four teachers and their students, CIFAR-100: research notes on the authors' logs, r = 0.91
    teachers, students = [0.0616, 0.0122, -0.0028, -0.0288], [0.0386, 0.0186, 0.0048, -0.0477]
    assert calibration_transfer(torch.tensor(teachers), torch.tensor(students))[1] == pytest.approx(0.91, abs=0.005)


@pytest.mark.parametrize("seed", range(5))
def test_the_partial_correlation_is_that_of_the_textbook_formula(seed):
    x, y, z = (each.numpy() for each in drawn(seed))
    xy, xz, yz = np.corrcoef(x, y)[0, 1], np.corrcoef(x, z)[0, 1], np.corrcoef(y, z)[0, 1]
    by_formula = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert partial_correlation(*drawn(seed)) == pytest.approx(by_formula)


def test_what_is_wholly_explained_by_the_third_has_no_partial_correlation():
    x, y, _ = drawn(0)
    assert np.isnan(partial_correlation(x, y, 2 * x + 1))


def test_the_bootstrap_of_a_mean_agrees_with_the_normal_interval():
    values = drawn(1, n=400)[0]
    found = bootstrap(lambda places: values[places].mean().item(), 400, np.random.default_rng(0))
    reach = 1.96 * values.std().item() / 20
    assert found.estimate == pytest.approx(values.mean().item())
    assert found.low == pytest.approx(found.estimate - reach, abs=0.15 * reach)
    assert found.high == pytest.approx(found.estimate + reach, abs=0.15 * reach)


def test_the_bootstrap_refuses_a_statistic_that_is_hardly_ever_defined():
    with pytest.raises(ValueError, match="defined in only 0 of 100"):
        bootstrap(lambda places: float("nan"), 5, np.random.default_rng(0), replications=100)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=9))
def test_the_front_is_that_of_its_definition(points):
    accuracy, ece = (torch.tensor(column, dtype=torch.float64) for column in zip(*points, strict=True))

    def beaten(i):
        return any(a >= points[i][0] and e <= points[i][1] and (a, e) != points[i] for a, e in points)

    assert pareto_front(accuracy, ece).tolist() == [i for i in range(len(points)) if not beaten(i)]
