import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy

from course_lib.dark_knowledge import entropy
from course_lib.vicinal import (
    by_lambda,
    confusion,
    confusion_mass,
    dark_knowledge_of_classes,
    draw_pairs,
    entropy_split,
    jensen_shannon,
    kl_divergence,
    lambda_bin,
    linear_prediction,
    linearity_gain,
    normalised_nonlinearity,
    structure,
    vicinal_nonlinearity,
)

SEEDS = st.integers(0, 100_000)


def drawn(seed, n=8, k=5):
    """Probabilities on images and mixtures, lambdas, partners and labels; partners are no permutation."""
    rng = np.random.default_rng(seed)
    probs, mixed = (torch.from_numpy(rng.dirichlet(np.full(k, 0.5), size=n)).clamp_min(1e-12) for _ in range(2))
    lam, partner = torch.from_numpy(rng.random(n)), torch.from_numpy(rng.integers(0, n, n))
    return probs, mixed, lam, partner, torch.from_numpy(rng.integers(0, k, n))


# ---- linearity ----


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_a_model_that_is_linear_in_probabilities_has_no_nonlinearity(seed):
    probs, _, lam, partner, _ = drawn(seed)
    linear = lam[:, None] * probs + (1 - lam[:, None]) * probs[partner]
    for form in (vicinal_nonlinearity, normalised_nonlinearity):
        assert form(probs, linear, lam, partner).abs().max() < 1e-12
    assert jensen_shannon(linear_prediction(probs, lam, partner), linear).max() < 1e-12


def test_a_constant_model_has_none_either_which_is_why_a_control_is_needed():
    probs = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64).expand(4, 3)
    lam, partner = torch.rand(4, dtype=torch.float64), torch.tensor([1, 2, 3, 0])
    assert vicinal_nonlinearity(probs, probs, lam, partner).abs().max() < 1e-12


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_at_either_end_the_mixture_is_an_image_and_nothing_is_left(end):
    probs, _, _, partner, _ = drawn(0)
    lam = torch.full((8,), end, dtype=torch.float64)
    there = probs if end == 1 else probs[partner]
    assert vicinal_nonlinearity(probs, there, lam, partner).abs().max() < 1e-12


def test_the_nonlinearity_is_the_one_worked_by_hand():
    # certain of either image, undecided between: q = (3/4, 1/4), p = (1/2, 1/2)
    probs, lam, partner = torch.eye(2, dtype=torch.float64), torch.tensor([0.75, 0.25]), torch.tensor([1, 0])
    by_hand = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    values = vicinal_nonlinearity(probs, torch.full((2, 2), 0.5, dtype=torch.float64), lam.double(), partner)
    torch.testing.assert_close(values, torch.full((2,), by_hand, dtype=torch.float64))


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_every_form_agrees_with_scipy(seed):
    probs, mixed, lam, partner, _ = drawn(seed)
    linear = (lam[:, None] * probs + (1 - lam[:, None]) * probs[partner]).numpy()
    kl = scipy_entropy(linear, mixed.numpy(), axis=1)
    np.testing.assert_allclose(vicinal_nonlinearity(probs, mixed, lam, partner), kl, atol=1e-9)
    js = jensenshannon(linear, mixed.numpy(), axis=1) ** 2
    np.testing.assert_allclose(jensen_shannon(torch.from_numpy(linear), mixed), js, atol=1e-9)
    expected = kl / scipy_entropy(linear, axis=1)
    np.testing.assert_allclose(normalised_nonlinearity(probs, mixed, lam, partner), expected, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_swapping_the_pair_and_lambda_changes_nothing(seed):
    probs, mixed, lam, _, _ = drawn(seed)
    partner = torch.tensor([1, 0, 3, 2, 5, 4, 7, 6])
    lam, mixed = lam.view(4, 2)[:, :1].expand(4, 2).reshape(8), mixed.view(4, 2, 5)[:, :1].expand(4, 2, 5).reshape(8, 5)
    lam = torch.where(torch.arange(8) % 2 == 0, lam, 1 - lam)
    values = vicinal_nonlinearity(probs, mixed, lam, partner)
    torch.testing.assert_close(values[::2], values[1::2])
    assert (values >= 0).all()


def test_jensen_shannon_is_symmetric_and_bounded():
    p, q, *_ = drawn(3)
    torch.testing.assert_close(jensen_shannon(p, q), jensen_shannon(q, p))
    apart = torch.eye(2, dtype=torch.float64)
    torch.testing.assert_close(jensen_shannon(apart, apart.flip(0)), torch.full((2,), math.log(2), dtype=torch.float64))


def test_an_impossible_answer_is_infinitely_far_in_kl_and_not_in_jensen_shannon():
    certain, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert kl_divergence(certain, other).item() == math.inf
    assert kl_divergence(certain, certain).item() == 0.0
    assert math.isfinite(jensen_shannon(certain, other).item())


def test_between_equal_certainties_the_normalised_form_is_0():
    certain = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert normalised_nonlinearity(certain, certain, torch.tensor([0.5, 0.5]), torch.tensor([1, 0])).tolist() == [0, 0]


def test_the_gain_is_positive_when_the_student_is_more_linear():
    probs, mixed, lam, partner, _ = drawn(1)
    linear = linear_prediction(probs, lam, partner)
    mean = vicinal_nonlinearity(probs, mixed, lam, partner).mean().item()
    assert linearity_gain(probs, mixed, probs, linear, lam, partner) == pytest.approx(mean) and mean > 0
    assert linearity_gain(probs, linear, probs, mixed, lam, partner) == pytest.approx(-mean)


# ---- pairs ----


def test_cross_class_partners_are_of_another_class_and_uniform_over_it():
    labels = torch.tensor([0, 2, 2, 1, 0, 2])
    pairs = draw_pairs(labels, rounds=6_000, rng=np.random.default_rng(0))
    assert (labels[pairs.first] != labels[pairs.second]).all()
    assert pairs.first.bincount().tolist() == [6_000] * 6
    for image, others in ((0, [1, 2, 3, 5]), (1, [0, 3, 4])):
        count = pairs.second[pairs.first == image].bincount(minlength=6)
        assert count.sum() == count[others].sum()
        assert (count[others] / 6_000 - 1 / len(others)).abs().max() < 0.03  # five standard errors


def test_pairs_of_any_class_may_be_of_one_image():
    pairs = draw_pairs(torch.zeros(3, dtype=torch.int64), 200, np.random.default_rng(0), cross_class=False)
    assert set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == {
        (i, j) for i in range(3) for j in range(3)
    }


def test_lambdas_are_uniform_and_the_same_generator_draws_the_same_pairs():
    labels = torch.arange(10) % 2
    first, second = (draw_pairs(labels, 500, np.random.default_rng(7)) for _ in range(2))
    assert torch.equal(first.lam, second.lam) and torch.equal(first.second, second.second)
    assert (torch.histc(first.lam, 10, 0, 1) / 5_000 - 0.1).abs().max() < 0.02


def test_without_a_second_class_there_are_no_cross_class_pairs():
    with pytest.raises(ValueError, match="one class"):
        draw_pairs(torch.ones(4, dtype=torch.int64), 1, np.random.default_rng(0))


# ---- confusion and structure ----


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.booleans())
def test_the_three_parts_sum_to_the_entropy(seed, zeros):
    _, mixed, _, partner, labels = drawn(seed)
    if zeros:
        mixed = torch.where(mixed < 0.15, 0.0, mixed)
        mixed = mixed / mixed.sum(1, keepdim=True)
    parts = entropy_split(mixed, labels, partner)
    torch.testing.assert_close(sum(parts), entropy(mixed), atol=1e-12, rtol=0)
    assert all((part >= 0).all() for part in parts)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_each_part_is_that_of_its_definition(seed):
    _, mixed, _, partner, labels = drawn(seed)
    parts = entropy_split(mixed, labels, partner)
    for i in range(8):
        pair = sorted({int(labels[i]), int(labels[partner[i]])})
        rest = [k for k in range(5) if k not in pair]
        p = mixed[i].numpy()
        m = p[pair].sum()
        assert parts.within_pair[i].item() == pytest.approx(m * scipy_entropy(p[pair]), abs=1e-9)
        assert parts.off_pair[i].item() == pytest.approx((1 - m) * scipy_entropy(p[rest]), abs=1e-9)
        assert parts.leak[i].item() == pytest.approx(scipy_entropy([m, 1 - m]), abs=1e-9)
        assert confusion_mass(mixed, labels, partner)[i].item() == pytest.approx(1 - m, abs=1e-9)


def test_a_linear_model_is_never_confused():
    probs, _, lam, partner, labels = drawn(2)
    linear = linear_prediction(probs, lam, partner)
    assert confusion(probs, linear, labels, lam, partner).abs().max() < 1e-12


def test_confusion_is_the_excess_worked_by_hand():
    # off-pair: 0.1 on the first image, 0.3 on the second; lambda 1/4 -> level 0.25; 0.6 on the mixture -> 0.35
    probs = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.6, 0.3]])
    mixed = torch.tensor([[0.2, 0.2, 0.6], [0.5, 0.5, 0.0]])
    found = confusion(probs, mixed, torch.tensor([0, 1]), torch.tensor([0.25, 1.0]), torch.tensor([1, 0]))
    torch.testing.assert_close(found, torch.tensor([0.35, -0.3]))


def test_of_a_pair_of_one_class_every_other_class_is_off_the_pair():
    mixed = torch.tensor([[0.5, 0.3, 0.2]])
    torch.testing.assert_close(confusion_mass(mixed, torch.tensor([0]), torch.tensor([0])), torch.tensor([0.5]))


def test_the_dark_knowledge_of_classes_is_the_mean_over_their_images():
    probs, *_ = drawn(4, n=12, k=3)
    labels = torch.arange(12) % 3
    found = dark_knowledge_of_classes(probs, labels)
    for k in range(3):
        torch.testing.assert_close(found[k], probs[labels == k].mean(0))


def of(rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_structure_is_1_where_the_rest_looks_as_it_should_whatever_the_pair_has():
    knowledge = of([[0.7, 0.1, 0.15, 0.05], [0.1, 0.7, 0.05, 0.15], [0.1, 0.1, 0.7, 0.1], [0.1, 0.1, 0.1, 0.7]])
    labels, partner, lam = torch.tensor([0, 1]), torch.tensor([1, 0]), of([0.5, 1.0])
    # half and half, classes 2 and 3 are equally likely: (0.15 + 0.05) / 2 each; all of class 1 alone: 1 to 3
    mixed = of([[0.5, 0.3, 0.1, 0.1], [0.2, 0.4, 0.1, 0.3]])
    torch.testing.assert_close(structure(mixed, knowledge, labels, lam, partner), of([1.0, 1.0]))


def test_structure_is_0_where_no_class_is_shared():
    knowledge = of([[0.6, 0.1, 0.3, 0.0], [0.1, 0.6, 0.3, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    mixed = of([[0.5, 0.4, 0.0, 0.1], [0.5, 0.4, 0.0, 0.1]])
    found = structure(mixed, knowledge, torch.tensor([0, 1]), of([0.5, 0.5]), torch.tensor([1, 0]))
    torch.testing.assert_close(found, of([0.0, 0.0]))


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_structure_lies_in_0_1(seed):
    probs, mixed, lam, partner, labels = drawn(seed)
    found = structure(mixed, probs[:5], labels, lam, partner)
    assert ((found >= -1e-12) & (found <= 1 + 1e-12)).all()


def test_two_classes_have_no_structure():
    with pytest.raises(ValueError, match="at least 3 classes"):
        structure(of([[0.5, 0.5]]), of([[0.5, 0.5]] * 2), torch.tensor([0]), of([0.5]), torch.tensor([0]))


# ---- along lambda ----


def test_bins_of_lambda_are_closed_above():
    assert lambda_bin(torch.tensor([0.0, 0.25, 0.2501, 0.5, 1.0], dtype=torch.float64), 4).tolist() == [0, 0, 1, 1, 3]


def test_means_along_lambda_are_those_worked_by_hand():
    values, lam = torch.tensor([1.0, 2.0, 6.0, 10.0]), torch.tensor([0.1, 0.46, 0.54, 0.9])
    found = by_lambda(values, lam, n_bins=5)
    assert found.count.tolist() == [1, 0, 2, 0, 1] and found.peak == pytest.approx(4.0)
    assert found.mean[[0, 2, 4]].tolist() == [1.0, 4.0, 10.0] and found.mean[[1, 3]].isnan().all()
    torch.testing.assert_close(found.lam, of([0.1, 0.3, 0.5, 0.7, 0.9]))


def test_without_pairs_in_the_middle_there_is_no_peak():
    assert math.isnan(by_lambda(torch.tensor([1.0]), torch.tensor([0.1])).peak)
