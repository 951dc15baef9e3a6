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
    lam, partner = torch.tensor([0.1, 0.4, 0.7, 1.0]), torch.tensor([1, 2, 3, 0])
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


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_jensen_shannon_lies_in_0_log_2_and_forgets_the_names_of_the_classes(seed):
    p, q, *_ = drawn(seed)
    p, q = (torch.where(each < 0.1, 0.0, each) for each in (p, q))
    p, q = p / p.sum(1, keepdim=True), q / q.sum(1, keepdim=True)
    found = jensen_shannon(p, q)
    assert ((found >= 0) & (found <= math.log(2))).all()
    torch.testing.assert_close(found, jensen_shannon(p.flip(1), q.flip(1)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_smallest_probability_that_there_is_moves_jensen_shannon_by_nothing(dtype):
    smallest = torch.nextafter(torch.zeros((), dtype=dtype), torch.ones((), dtype=dtype)).item()
    p, q = torch.tensor([[1.0, smallest]], dtype=dtype), torch.tensor([[1.0, 0.0]], dtype=dtype)
    assert jensen_shannon(p, q).item() == jensen_shannon(q, p).item() == 0.0


def test_float32_loses_no_more_than_its_rounding():
    probs, mixed, lam, partner, labels = drawn(5, n=400)
    exact = vicinal_nonlinearity(probs, mixed, lam, partner)
    torch.testing.assert_close(
        vicinal_nonlinearity(probs.float(), mixed.float(), lam, partner).double(), exact, atol=1e-5, rtol=1e-5
    )
    rounded = entropy_split(mixed.float(), labels, partner)
    for part, whole in zip(rounded, entropy_split(mixed, labels, partner), strict=True):
        torch.testing.assert_close(part.double(), whole, atol=2e-6, rtol=1e-5)


def test_between_equal_certainties_the_normalised_form_is_0():
    certain = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert normalised_nonlinearity(certain, certain, torch.tensor([0.5, 0.5]), torch.tensor([1, 0])).tolist() == [0, 0]


def test_the_gain_is_positive_when_the_student_is_more_linear():
    probs, mixed, lam, partner, _ = drawn(1)
    linear = linear_prediction(probs, lam, partner)
    mean = vicinal_nonlinearity(probs, mixed, lam, partner).mean().item()
    assert linearity_gain(probs, mixed, probs, linear, lam, partner) == pytest.approx(mean) and mean > 0
    assert linearity_gain(probs, linear, probs, mixed, lam, partner) == pytest.approx(-mean)


def test_the_gain_is_the_one_worked_by_hand():
    # both are certain of either image. Half way the teacher says (9/10, 1/10), the student what a linear model would
    clean, half, partner = torch.eye(2, dtype=torch.float64), of([0.5, 0.5]), torch.tensor([1, 0])
    teacher, student = of([[0.9, 0.1]] * 2), of([[0.5, 0.5]] * 2)
    by_hand = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)  # 0.51 nats
    assert linearity_gain(clean, teacher, clean, student, half, partner) == pytest.approx(by_hand)
    in_nats_of_uncertainty = normalised_nonlinearity(clean, teacher, half, partner)
    torch.testing.assert_close(in_nats_of_uncertainty, of([by_hand / math.log(2)] * 2))


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


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0, 3, 4, 9]), min_size=2, max_size=12).filter(lambda labels: len(set(labels)) > 1))
def test_every_image_of_another_class_is_a_partner_sooner_or_later_and_no_other(labels):
    pairs = draw_pairs(torch.tensor(labels), rounds=400, rng=np.random.default_rng(0))
    n = len(labels)
    possible = {(i, j) for i in range(n) for j in range(n) if labels[i] != labels[j]}
    assert set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == possible


class Fixed:
    """A generator whose uniform numbers are chosen: first those of the partners, then the lambdas."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def random(self, size):
        return np.full(size, self.numbers.pop(0))


@pytest.mark.parametrize("u", [0.0, 0.24, 0.26, 0.5, 0.75, 1 - 2**-53])
def test_a_partner_is_the_place_among_the_other_classes_that_the_generator_says(u):
    labels = [1, 0, 1, 2, 0, 2]
    by_class = sorted(range(6), key=lambda i: (labels[i], i))
    expected = [[j for j in by_class if labels[j] != labels[i]][int(4 * u)] for i in range(6)]
    pairs = draw_pairs(torch.tensor(labels), rounds=1, rng=Fixed(u, 0.5))
    assert pairs.second.tolist() == expected and pairs.lam.tolist() == [0.5] * 6


@pytest.mark.parametrize("labels", [[1, 1, 1, 1], [0], []])
def test_without_a_second_class_there_are_no_cross_class_pairs(labels):
    with pytest.raises(ValueError, match="one class"):
        draw_pairs(torch.tensor(labels, dtype=torch.int64), 1, np.random.default_rng(0))


def test_one_image_is_paired_with_itself_where_classes_do_not_matter():
    pairs = draw_pairs(torch.zeros(1, dtype=torch.int64), 3, np.random.default_rng(0), cross_class=False)
    assert pairs.first.tolist() == pairs.second.tolist() == [0, 0, 0]


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


def test_the_split_of_a_mixture_is_the_one_worked_by_hand():
    # the pair has 3/4 as 2/4 and 1/4; the rest 1/4 as 1/8 and 1/8
    mixed = of([[0.5, 0.25, 0.125, 0.125]])
    parts = entropy_split(mixed.expand(2, 4), torch.tensor([0, 1]), torch.tensor([1, 0]))
    among_two = 2 / 3 * math.log(3 / 2) + 1 / 3 * math.log(3)
    yes_or_no = 0.75 * math.log(4 / 3) + 0.25 * math.log(4)
    for part, by_hand in zip(parts, (0.75 * among_two, yes_or_no, 0.25 * math.log(2)), strict=True):
        torch.testing.assert_close(part, of([by_hand] * 2))


def test_a_pair_of_one_class_leaves_no_doubt_which_of_the_two():
    _, mixed, _, partner, _ = drawn(6)
    parts = entropy_split(mixed, torch.full((8,), 3), partner)
    assert parts.within_pair.max() < 1e-12
    torch.testing.assert_close(sum(parts), entropy(mixed), atol=1e-12, rtol=0)


def test_no_part_is_below_0_where_rounding_takes_the_pair_above_1():
    mixed = of([[0.5 + 2**-52, 0.5, 0.0]]).expand(2, 3)
    parts = entropy_split(mixed, torch.tensor([0, 1]), torch.tensor([1, 0]))
    assert mixed[0].sum() > 1 and all((part >= 0).all() for part in parts)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_a_linear_model_is_never_confused(seed):
    probs, _, lam, partner, labels = drawn(seed)
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


def test_the_mass_off_the_pair_is_the_sum_of_the_other_classes():
    mixed = of([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.25, 0.25, 0.25, 0.25]])
    found = confusion_mass(mixed, torch.tensor([0, 3, 2]), torch.tensor([1, 2, 0]))  # pairs 0 3, 3 2 and 2 0
    torch.testing.assert_close(found, of([0.5, 0.7, 0.5]))


def test_the_dark_knowledge_of_classes_is_the_mean_over_their_images():
    probs, *_ = drawn(4, n=12, k=3)
    labels = torch.arange(12) % 3
    found = dark_knowledge_of_classes(probs, labels)
    for k in range(3):
        torch.testing.assert_close(found[k], probs[labels == k].mean(0))


def test_a_class_without_images_has_no_dark_knowledge_and_spoils_no_other():
    found = dark_knowledge_of_classes(of([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]]), torch.tensor([0, 1]))
    assert found[2].isnan().all()
    torch.testing.assert_close(found[:2], of([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]]))


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


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_structure_is_that_of_its_definition(seed):
    probs, mixed, lam, partner, labels = drawn(seed)
    knowledge = probs[:5].numpy()
    found = structure(mixed, probs[:5], labels, lam, partner)
    for i in range(8):
        a, b, weight = int(labels[i]), int(labels[partner[i]]), lam[i].item()
        rest = [k for k in range(5) if k not in (a, b)]
        clean = weight * knowledge[a] + (1 - weight) * knowledge[b]
        js = jensenshannon(mixed[i].numpy()[rest], clean[rest]) ** 2  # scipy makes either sum to 1
        assert found[i].item() == pytest.approx(1 - js / math.log(2), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.floats(0.01, 0.99))
def test_how_much_the_pair_has_and_how_it_divides_it_is_no_matter_of_structure(seed, mass):
    probs, mixed, lam, partner, labels = drawn(seed)
    pair = torch.nn.functional.one_hot(labels, 5).bool() | torch.nn.functional.one_hot(labels[partner], 5).bool()
    rest = mixed.masked_fill(pair, 0.0)
    other = rest / rest.sum(1, keepdim=True) * (1 - mass) + pair / pair.sum(1, keepdim=True) * mass
    before, after = (structure(each, probs[:5], labels, lam, partner) for each in (mixed, other))
    torch.testing.assert_close(before, after, atol=1e-9, rtol=0)


def test_where_nothing_is_left_outside_the_pair_structure_is_nan_and_only_there():
    mixed, knowledge = of([[0.5, 0.5, 0.0, 0.0], [0.4, 0.4, 0.1, 0.1]]), torch.full((4, 4), 0.25, dtype=torch.float64)
    found = structure(mixed, knowledge, torch.tensor([0, 1]), of([0.5, 0.5]), torch.tensor([1, 0]))
    assert found[0].isnan() and found[1].item() == pytest.approx(1.0)


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


def test_the_ends_of_the_middle_do_not_belong_to_it():
    lam = torch.tensor([0.45, 0.5, 0.55], dtype=torch.float64)
    assert by_lambda(torch.tensor([100.0, 1.0, 100.0]), lam).peak == 1.0


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 20))
def test_the_counts_add_up_and_the_mean_of_all_is_that_of_the_bins(seed, n_bins):
    rng = np.random.default_rng(seed)
    values, lam = torch.from_numpy(rng.normal(size=50)), torch.from_numpy(rng.random(50))
    found = by_lambda(values, lam, n_bins)
    assert found.count.sum() == 50 and len(found.lam) == len(found.mean) == n_bins
    assert (found.count * found.mean).nansum().item() / 50 == pytest.approx(values.mean().item())
    inside = [values[(lam > b / n_bins) & (lam <= (b + 1) / n_bins)].mean() for b in range(n_bins)]
    torch.testing.assert_close(found.mean, torch.stack(inside), equal_nan=True)


def test_measures_leave_what_they_are_given_as_it_was():
    given_tensors = drawn(7)
    before = [each.clone() for each in given_tensors]
    probs, mixed, lam, partner, labels = given_tensors
    vicinal_nonlinearity(probs, mixed, lam, partner), normalised_nonlinearity(probs, mixed, lam, partner)
    entropy_split(mixed, labels, partner), confusion(probs, mixed, labels, lam, partner)
    structure(mixed, probs[:5], labels, lam, partner), by_lambda(lam, lam), jensen_shannon(probs, mixed)
    assert all(torch.equal(a, b) for a, b in zip(before, given_tensors, strict=True))
