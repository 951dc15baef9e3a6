"""The errors that are also called ECE: worked by hand, against other libraries, and where the definitions differ."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.calibration import calibration_curve

from course_lib.calibration import (
    adaptive_ece,
    by_group,
    classwise_ece,
    debiased_l2,
    equal_mass_index,
    expected_calibration_error,
    measure,
    measure_variants,
    smooth_ece,
)
from course_lib.errors import CourseError
from course_lib.predictions import (
    accuracy,
    brier_score,
    confidence_and_correct,
    log_of_probs,
    negative_log_likelihood,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the packages that it loads
    import relplot


def answers(n=400, seed=0, power=1.5):
    """Confidences, and answers that are right with probability confidence ** power: overconfident for power > 1."""
    rng = np.random.default_rng(seed)
    confidence = rng.random(n)
    return torch.from_numpy(confidence), torch.from_numpy(rng.random(n) < confidence**power)


def problem(n=300, k=5, seed=0, scale=2.0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k)) * scale
    labels = np.where(rng.random(n) < 0.6, logits.argmax(1), rng.integers(0, k, n))
    return torch.from_numpy(logits), torch.from_numpy(labels)


VARIANTS = [adaptive_ece, debiased_l2, smooth_ece]


# ---- one pass ----


@pytest.mark.parametrize("scale", [0.01, 2.0, 50.0, 1e4])
def test_one_pass_gives_what_each_measure_gives_alone(scale):
    logits, labels = problem(scale=scale)
    found = measure(logits, labels)
    confidence, correct = confidence_and_correct(logits, labels)
    assert found.accuracy == accuracy(logits, labels)
    assert found.nll == pytest.approx(negative_log_likelihood(logits, labels), rel=1e-12)
    assert found.brier == pytest.approx(brier_score(logits, labels), abs=1e-12)
    assert found.ece == pytest.approx(expected_calibration_error(confidence, correct), abs=1e-12)
    assert found.signed_gap == pytest.approx((confidence.mean() - correct.double().mean()).item(), abs=1e-12)


def test_slices_change_nothing(monkeypatch):
    logits, labels = problem(n=1_000, k=7)
    whole = measure(logits, labels), measure_variants(logits, labels)
    monkeypatch.setattr("course_lib.predictions.CELLS_AT_ONCE", 7 * 64)
    cut = measure(logits, labels), measure_variants(logits, labels)
    for a, b in zip(whole, cut, strict=True):
        for name, value in vars(a).items():
            assert getattr(b, name) == pytest.approx(value, abs=1e-12), name


def test_measuring_leaves_the_logits_as_they_were():
    logits, labels = problem()
    before = logits.clone()
    measure(logits, labels), measure_variants(logits, labels)
    assert torch.equal(logits, before)


def test_of_tied_classes_the_first_is_the_answer_in_one_pass_too():
    logits = torch.tensor([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0]])
    for labels, right in (([0, 1], 1.0), ([1, 2], 0.0), ([0, 2], 0.5)):
        assert measure(logits, torch.tensor(labels)).accuracy == right == accuracy(logits, torch.tensor(labels))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_logits_of_any_precision_are_measured_in_float64(dtype):
    logits, labels = problem()
    logits = logits.to(dtype)
    assert measure(logits, labels) == measure(logits.double(), labels)
    assert measure_variants(logits, labels) == measure_variants(logits.double(), labels)


# ---- adaptive ----


def test_equal_counts_are_cut_as_array_split_does():
    confidence = torch.tensor([0.7, 0.1, 0.5, 0.3, 0.9, 0.8, 0.2])
    by_hand = np.empty(7, dtype=int)
    for place, rows in enumerate(np.array_split(np.argsort(confidence.numpy()), 3)):
        by_hand[rows] = place
    assert equal_mass_index(confidence, 3).tolist() == by_hand.tolist() == [1, 0, 1, 0, 2, 2, 0]


def test_equal_confidences_join_the_bin_of_the_first_of_them():
    assert equal_mass_index(torch.tensor([1.0, 1.0, 0.2, 1.0]), 4).tolist() == [1, 1, 0, 1]
    assert equal_mass_index(torch.full((5,), 0.4), 3).tolist() == [0] * 5


def test_adaptive_ece_is_the_one_worked_by_hand():
    # two bins of 3 and 2: mean confidence .3 and .85, right 1/3 and 1/2 -> 3/5 * |.3 - 1/3| + 2/5 * .35
    confidence, correct = torch.tensor([0.2, 0.9, 0.3, 0.8, 0.4]), torch.tensor([0, 1, 1, 0, 0])
    assert adaptive_ece(confidence.double(), correct, 2) == pytest.approx(0.6 * (1 / 3 - 0.3) + 0.4 * 0.35)


@pytest.mark.parametrize("seed", range(3))
def test_adaptive_ece_agrees_with_scikit_learns_quantile_curve(seed):
    confidence, correct = answers(n=400, seed=seed)  # 400 distinct values in 10 bins of 40
    share, mean = calibration_curve(correct.numpy(), confidence.numpy(), n_bins=10, strategy="quantile")
    assert adaptive_ece(confidence, correct, 10) == pytest.approx(np.abs(share - mean).mean(), abs=2 / 400)


def test_with_as_many_bins_as_images_every_image_stands_alone():
    confidence, correct = answers(n=30)
    alone = (confidence - correct.double()).abs().mean().item()
    assert adaptive_ece(confidence, correct, 30) == pytest.approx(alone)
    assert adaptive_ece(confidence, correct, 100) == pytest.approx(alone)  # the others stay empty


def test_a_uniform_guess_is_one_bin_however_many_there_may_be():
    # 1/4 said of every answer, 5 of 8 right; all ties, so one bin
    confidence, correct = torch.full((8,), 0.25, dtype=torch.float64), torch.arange(8) < 5
    assert adaptive_ece(confidence, correct) == pytest.approx(5 / 8 - 1 / 4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9, 1.0]), min_size=1, max_size=40), st.integers(1, 20))
def test_equal_counts_are_those_of_array_split_but_for_ties(values, n_bins):
    confidence = torch.tensor(values, dtype=torch.float64)
    found, ordered = equal_mass_index(confidence, n_bins), np.sort(confidence.numpy())
    of_place = np.concatenate([np.full(len(part), m) for m, part in enumerate(np.array_split(ordered, n_bins))])
    for value, place in zip(values, found.tolist(), strict=True):
        assert place == of_place[np.flatnonzero(ordered == value)[0]]


# ---- debiased ----


def test_debiased_l2_is_the_one_worked_by_hand():
    # one bin of 4: confidence .9, right 1/2 -> .16 - .25 / 3 = .0766667
    confidence, correct = torch.full((4,), 0.9, dtype=torch.float64), torch.tensor([1, 0, 1, 0])
    assert debiased_l2(confidence, correct, 1) == pytest.approx((0.16 - 0.25 / 3) ** 0.5)


def test_bins_of_one_image_are_left_out_of_the_debiased_error():
    assert debiased_l2(torch.tensor([0.9, 0.1]), torch.tensor([0, 1]), n_bins=2) == 0.0


def test_the_debiased_error_is_not_biased_where_the_plain_one_is():
    """A calibrated model, many small test sets: the mean of the squared error before the cut at 0 is 0."""
    rng = np.random.default_rng(0)
    plain, kept = [], []
    for _ in range(400):
        confidence = np.sort(rng.choice([0.6, 0.7, 0.8, 0.9], 200))
        correct = rng.random(200) < confidence
        share = np.array([correct[confidence == c].mean() for c in (0.6, 0.7, 0.8, 0.9)])
        count = np.array([(confidence == c).sum() for c in (0.6, 0.7, 0.8, 0.9)])
        gap = share - [0.6, 0.7, 0.8, 0.9]
        plain.append((count / 200 * gap**2).sum())
        kept.append((count / 200 * (gap**2 - share * (1 - share) / (count - 1))).sum())
    assert np.mean(plain) > 5 * abs(np.mean(kept))
    assert abs(np.mean(kept)) < 4 * np.std(kept) / 20


# ---- classwise ----


def classwise_by_definition(logits, labels, n_bins):
    probs = logits.double().softmax(1)
    errors = []
    for k in range(logits.shape[1]):
        place = np.clip(np.ceil(probs[:, k].numpy() * n_bins) - 1, 0, n_bins - 1)
        gaps = [abs((probs[place == m, k].numpy() - (labels[place == m] == k).numpy()).sum()) for m in range(n_bins)]
        errors.append(sum(gaps) / len(labels))
    return np.mean(errors)


@pytest.mark.parametrize(("k", "scale"), [(2, 1.0), (5, 2.0), (40, 4.0)])
def test_classwise_ece_is_that_of_its_definition(k, scale):
    logits, labels = problem(k=k, scale=scale)
    assert classwise_ece(logits, labels) == pytest.approx(classwise_by_definition(logits, labels, 15), abs=1e-12)


def test_a_uniform_guess_has_the_classwise_error_worked_by_hand():
    # 1/4 said of every class; seen 1/2, 1/2, 0, 0: mean of four gaps of 1/4
    assert classwise_ece(torch.zeros(4, 4), torch.tensor([0, 1, 0, 1])) == pytest.approx(0.25)


def test_of_two_classes_both_have_the_same_gaps():
    """With K = 2, p_1 = 1 - p_0: the bins of one class are those of the other in reverse, so one suffices."""
    logits, labels = problem(k=2)
    first = logits.softmax(1)[:, 0]
    assert classwise_ece(logits, labels) == pytest.approx(expected_calibration_error(first, labels == 0), abs=1e-9)


def test_of_two_classes_the_classwise_error_is_the_mean_of_two_binary_errors():
    logits, labels = problem(k=2)
    probs = logits.softmax(1)
    each = [expected_calibration_error(probs[:, k].contiguous(), labels == k) for k in (0, 1)]
    assert classwise_ece(logits, labels) == pytest.approx(np.mean(each), abs=1e-12)


@pytest.mark.parametrize(("k", "n_bins"), [(4, 10), (7, 15)])
def test_classwise_ece_agrees_with_scikit_learns_curve_of_each_class(k, n_bins):
    logits, labels = problem(k=k)
    errors = []
    for of_class, probs in enumerate(logits.softmax(1).numpy().T):
        seen, said = calibration_curve(labels.numpy() == of_class, probs, n_bins=n_bins, strategy="uniform")
        counts = np.bincount(np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], probs), minlength=n_bins)
        errors.append((counts[counts > 0] / len(probs) * np.abs(seen - said)).sum())
    assert classwise_ece(logits, labels, n_bins) == pytest.approx(np.mean(errors), abs=1e-9)


def test_with_one_bin_the_classwise_error_is_that_of_the_class_shares():
    logits, labels = problem(k=3)
    shares = torch.bincount(labels, minlength=3) / len(labels)
    expected = (logits.softmax(1).mean(0) - shares).abs().mean().item()
    assert classwise_ece(logits, labels, n_bins=1) == pytest.approx(expected, abs=1e-7)


def test_always_sure_of_one_class_and_wrong_is_the_worst_classwise_error():
    logits = torch.tensor([[1000.0, 0.0, 0.0, 0.0]] * 3)
    assert classwise_ece(logits, torch.tensor([1, 1, 1])) == pytest.approx(2 / 4)
    assert classwise_ece(logits, torch.tensor([0, 0, 0])) == 0


def test_repeating_and_reordering_the_images_changes_no_classwise_error():
    logits, labels = problem(k=6)
    order = torch.from_numpy(np.random.default_rng(1).permutation(len(labels)))
    expected = pytest.approx(classwise_ece(logits, labels), abs=1e-12)
    assert classwise_ece(logits[order], labels[order]) == expected
    assert classwise_ece(logits.repeat(3, 1), labels.repeat(3)) == expected


def test_labels_drawn_from_the_probabilities_leave_hardly_any_error():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(100_000, 5, generator=generator, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    for name, value in vars(measure_variants(logits, labels)).items():
        assert value < 0.01, name


def test_a_thousand_classes_are_measured():
    logits, labels = problem(n=2_000, k=1_000, scale=5.0)
    found, variants = measure(logits, labels), measure_variants(logits, labels)
    assert found.classes == 1_000 and 0 < variants.classwise_ece <= 2 / 1_000


# ---- smooth ----


def smooth_by_quadrature(confidence, correct):
    """The definition, with a kernel that is folded at 0 and 1, integrated numerically and bisected."""
    residual = (confidence - correct.double()).numpy() / len(confidence)
    centres = np.concatenate([2 * fold + sign * confidence.numpy() for fold in range(-3, 4) for sign in (1, -1)])
    weights = np.tile(residual, 14)

    def smoothed(sigma):
        points = np.linspace(0, 1, 2_001)
        density = (weights * norm.pdf(points[:, None], centres, sigma)).sum(1)
        return np.trapezoid(np.abs(density), points)

    low, high = 1e-3, 1.0
    for _ in range(25):
        middle = (low + high) / 2
        low, high = (middle, high) if smoothed(middle) > middle else (low, middle)
    return middle


@pytest.mark.parametrize("seed", range(3))
def test_smooth_ece_is_that_of_its_definition(seed):
    confidence, correct = answers(n=60, seed=seed)
    assert smooth_ece(confidence, correct) == pytest.approx(smooth_by_quadrature(confidence, correct), abs=1e-4)


def test_a_reflected_gaussian_holds_all_its_mass():
    mass, _ = quad(
        lambda t: sum(norm.pdf(t, 2 * fold + sign * 0.05, 0.3) for fold in (-1, 0, 1) for sign in (1, -1)), 0, 1
    )
    assert mass == pytest.approx(1)  # what the two tests before rest on


@pytest.mark.parametrize("n", [50, 500, 5_000])
@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_smooth_ece_agrees_with_relplot(n, power):
    confidence, correct = answers(n=n, power=power)
    theirs = relplot.smECE(confidence.numpy(), correct.double().numpy())
    assert smooth_ece(confidence, correct) == pytest.approx(theirs, abs=1.5e-3)  # its bisection stops at 0.001


def test_gaps_of_one_sign_do_not_cancel_however_they_are_smoothed():
    assert smooth_ece(torch.full((10,), 0.8), torch.tensor([1, 0] * 5)) == pytest.approx(0.3, abs=1e-6)


def test_always_sure_and_always_wrong_is_the_worst_smooth_error():
    for error in VARIANTS:
        assert error(torch.ones(5), torch.zeros(5)) == 1.0
        assert error(torch.ones(5), torch.ones(5)) == 0.0


# ---- of all ----


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80), st.floats(0.2, 5))
def test_all_lie_in_0_1_and_order_changes_nothing(seed, n, power):
    confidence, correct = answers(n, seed, power)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(n))
    for error in VARIANTS:
        value = error(confidence, correct)
        assert 0 <= value <= 1
        assert error(confidence[order], correct[order]) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("error", VARIANTS)
def test_many_answers_of_a_calibrated_model_have_hardly_any_error(error):
    assert error(*answers(n=200_000, power=1.0)) < 0.01
    assert error(*answers(n=200_000, power=2.0)) > 0.1


@pytest.mark.parametrize("error", [smooth_ece, lambda c, a: adaptive_ece(c, a, 5)])
def test_repeating_every_answer_changes_nothing(error):
    confidence, correct = answers(n=100)
    assert error(confidence.repeat(4), correct.repeat(4)) == pytest.approx(error(confidence, correct), abs=1e-9)


@pytest.mark.parametrize("error", VARIANTS)
def test_what_is_no_confidence_is_refused(error):
    for value in (-0.1, 1.1, float("nan")):
        with pytest.raises(CourseError, match="no probability"):
            error(torch.tensor([0.5, value]), torch.tensor([1, 0]))
    with pytest.raises(ValueError, match="must both be"):
        error(torch.tensor([0.5]), torch.tensor([1, 0]))
    with pytest.raises(ValueError, match="N at least 1"):
        error(torch.empty(0), torch.empty(0))


# ---- groups ----


@pytest.mark.parametrize("groups", [3, 1_000])
def test_the_calibration_of_a_group_is_that_of_its_images_alone(groups):
    confidence, correct = answers(n=3_000)
    group = torch.from_numpy(np.random.default_rng(1).integers(0, groups, 3_000))
    found = by_group(confidence, correct, group, groups)
    assert found.count.sum() == 3_000
    for g in (0, groups // 2, groups - 1):
        inside = group == g
        if inside.any():
            alone = expected_calibration_error(confidence[inside], correct[inside])
            assert found.ece[g].item() == pytest.approx(alone)
            gap = confidence[inside].mean() - correct[inside].double().mean()
            assert found.signed_gap[g].item() == pytest.approx(gap.item())


def test_of_mixed_images_the_target_mass_of_the_answer_is_its_correctness():
    # two images of a lambda bin, .8 sure: the answered class holds .75 and .25 of the mixture
    found = by_group(torch.full((2,), 0.8).double(), torch.tensor([0.75, 0.25]), torch.tensor([0, 0]), n_groups=1)
    assert found.accuracy.tolist() == [0.5]
    assert found.signed_gap[0].item() == found.ece[0].item() == pytest.approx(0.3)


def test_what_is_no_group_is_refused():
    half, right = torch.full((2,), 0.5), torch.tensor([1, 0])
    for group in (-1, 3):
        with pytest.raises(ValueError, match=f"group {group} at place 1 is none of 0..2"):
            by_group(half, right, torch.tensor([0, group]), n_groups=3)
    with pytest.raises(ValueError, match="must all be"):
        by_group(half, right, torch.tensor([0]), n_groups=3)


def test_an_empty_group_is_no_group_without_error():
    found = by_group(torch.tensor([0.5]), torch.tensor([1]), torch.tensor([1]), n_groups=2)
    assert found.count.tolist() == [0, 1] and found.ece.isnan().tolist() == [True, False]


# ---- where the definitions of others differ ----


def netcal_bin(confidence, n_bins):
    """netcal's rule, by hand: clipped to (eps, 1 - eps), then [lo, hi)."""
    eps = np.finfo(np.float64).eps
    return int(np.digitize(np.clip(confidence, eps, 1 - eps), np.linspace(0, 1, n_bins + 1)) - 1)


def netcal_ace(confidence, correct, n_bins):
    """netcal's ACE, by hand: the mean over filled bins, whatever they hold."""
    place = np.array([netcal_bin(value, n_bins) for value in confidence.tolist()])
    residual = (confidence - correct.double()).numpy()
    return np.mean([abs(residual[place == m].mean()) for m in np.unique(place)])


def nixon_ace(probs, labels, n_bins):
    """Nixon et al.'s ACE, by hand: every class, bins of equal counts, the mean over both."""
    errors = []
    for k in range(probs.shape[1]):
        order = np.argsort(probs[:, k].numpy())
        residual = (probs[:, k] - (labels == k).double()).numpy()[order]
        errors += [abs(part.mean()) for part in np.array_split(residual, n_bins)]
    return np.mean(errors)


def test_ace_has_three_meanings_and_three_values():
    probs = torch.tensor([[0.95, 0.05], [0.85, 0.15], [0.75, 0.25], [0.62, 0.38]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 0, 1])
    confidence, correct = confidence_and_correct(log_of_probs(probs), labels)
    # torch-uncertainty, the top label in bins of equal counts: {.62, .75} is .685 - .5, {.85, .95} is .9 - 1
    assert adaptive_ece(confidence, correct, 2) == pytest.approx((0.185 + 0.1) / 2)
    # netcal, ten equal widths, each image alone: .62 - 0, .75 - 1, .85 - 1, .95 - 1
    alone = (0.62 + 0.25 + 0.15 + 0.05) / 4
    assert netcal_ace(confidence, correct, 10) == pytest.approx(alone)
    # Nixon et al., every class in two bins of equal counts: of class 0 as above, of class 1 the same in reverse
    assert nixon_ace(probs, labels, 2) == pytest.approx((0.185 + 0.1 + 0.1 + 0.185) / 4)
    # netcal's does not move when the first image is there seven times; what weighs bins by their images does
    more, right = torch.cat([confidence, confidence[:1].repeat(6)]), torch.cat([correct, correct[:1].repeat(6)])
    assert netcal_ace(more, right, 10) == pytest.approx(alone)
    assert expected_calibration_error(more, right, 10) == pytest.approx((0.62 + 0.25 + 0.15 + 7 * 0.05) / 10)


def test_the_ace_of_every_class_is_not_that_of_the_answer():
    probs = torch.tensor([[0.6, 0.3, 0.1], [0.5, 0.1, 0.4], [0.2, 0.7, 0.1]], dtype=torch.float64)
    labels = torch.tensor([0, 2, 1])
    confidence, correct = confidence_and_correct(log_of_probs(probs), labels)
    assert adaptive_ece(confidence, correct, 1) == pytest.approx(abs(0.6 - 2 / 3))
    # one bin: of the classes 1.3 is said, 1 seen; 1.1 and 1; 0.6 and 1; each over 3
    assert nixon_ace(probs, labels, 1) == pytest.approx((0.3 + 0.1 + 0.4) / 9)


def test_netcal_puts_an_edge_into_the_upper_bin_and_one_into_the_last():
    from course_lib.calibration import bin_index

    edges = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0], dtype=torch.float64)
    assert bin_index(edges, 4).tolist() == [0, 0, 1, 2, 3]  # (lo, hi], the first closed at 0
    assert [netcal_bin(edge, 4) for edge in edges.tolist()] == [0, 1, 2, 3, 3]
    between = torch.tensor([0.1, 0.4, 0.6, 0.9], dtype=torch.float64)
    assert bin_index(between, 4).tolist() == [netcal_bin(value, 4) for value in between.tolist()]


def test_gpleiss_drops_a_confidence_of_0():
    """Its bins are (lo, hi] with the first open at 0. A top probability is never 0, so it shows in classes only."""
    confidence, correct = torch.tensor([0.0, 0.5]), torch.tensor([1, 1])
    assert expected_calibration_error(confidence, correct, 2) == pytest.approx(abs(0.25 - 1))  # both in the first bin
    dropped = abs(0.5 - 1) / 2  # gpleiss: the second alone, still over N = 2
    assert dropped == pytest.approx(0.25)


def test_relplots_binned_error_gives_a_confidence_of_one_a_bin_of_its_own():
    confidence = np.array([0.95, 0.95, 1.0, 1.0])
    correct = np.array([1.0, 1.0, 1.0, 0.0])
    theirs = relplot.metrics.binnedECE(confidence, correct, nbins=10)
    assert theirs == pytest.approx(0.5 * 0.05 + 0.5 * 0.5)
    ours = expected_calibration_error(torch.from_numpy(confidence), torch.from_numpy(correct), 10)
    assert ours == pytest.approx(0.975 - 0.75)
