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


def test_an_empty_group_is_no_group_without_error():
    found = by_group(torch.tensor([0.5]), torch.tensor([1]), torch.tensor([1]), n_groups=2)
    assert found.count.tolist() == [0, 1] and found.ece.isnan().tolist() == [True, False]


# ---- where the definitions of others differ ----


def test_ace_has_three_meanings_and_three_values():
    """Nixon et al.: every class, equal counts. torch-uncertainty: the top label, equal counts (our adaptive_ece).
    netcal: the top label, equal widths, every filled bin weighing the same.
    """
    probs = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 0, 1])
    confidence, correct = confidence_and_correct(log_of_probs(probs), labels)
    equal_counts = adaptive_ece(confidence, correct, 2)  # {.6, .7}: .65 - .5; {.8, .9}: .85 - 1
    assert equal_counts == pytest.approx(0.15)
    unweighted = np.mean([0.6, 1 - 0.7, 1 - 0.8, 1 - 0.9])  # ten equal widths: each image has its own bin
    assert expected_calibration_error(confidence, correct, 10) == pytest.approx(unweighted)  # here all weigh the same
    repeated = torch.cat([confidence, confidence[:1].repeat(6)]), torch.cat([correct, correct[:1].repeat(6)])
    assert expected_calibration_error(*repeated, 10) == pytest.approx((0.6 + 0.3 + 0.2 + 7 * 0.1) / 10)
    assert unweighted == pytest.approx(0.3)  # netcal's stays: its bins do not weigh what they hold
    nixon = np.mean([adaptive_ece(probs[:, k], labels == k, 4) for k in (0, 1)])  # four bins: each image alone
    assert nixon == pytest.approx(np.mean([0.1, 0.2, 0.3, 0.6]))
    assert (
        len({round(value, 6) for value in (equal_counts, expected_calibration_error(*repeated, 10), unweighted)}) == 3
    )


def netcal_bin(confidence, n_bins):
    """netcal's rule, by hand: clipped to (eps, 1 - eps), then [lo, hi)."""
    eps = np.finfo(np.float64).eps
    return int(np.digitize(np.clip(confidence, eps, 1 - eps), np.linspace(0, 1, n_bins + 1)) - 1)


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
