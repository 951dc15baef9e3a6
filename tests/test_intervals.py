import math
from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy import stats

from course_lib.calibration import bin_index
from course_lib.intervals import ADDITIVE, BINNED, ece_interval, ece_interval_coverage, paired_difference
from course_lib.predictions import Predictions


def models(seeds, n=400, k=4, scale=2.0, shift=0.0, start=0, index_hash="h"):
    """Predictions of one way of training: one set of images, other noise for each seed."""
    images = torch.Generator().manual_seed(99)
    labels = torch.randint(0, k, (n,), generator=images)
    hard = torch.randn(n, k, generator=images)
    truth = torch.nn.functional.one_hot(labels, k) * (1.5 + shift)
    noises = [torch.randn(n, k, generator=torch.Generator().manual_seed(start + seed)) for seed in range(seeds)]
    return [
        Predictions(scale * (truth + hard + 0.3 * noise), labels, "test", f"m{seed}", index_hash)
        for seed, noise in enumerate(noises)
    ]


def test_with_one_seed_the_accuracy_interval_is_the_paired_t_interval_of_scipy():
    first, second = models(1), models(1, start=50, scale=0.7)
    right = [(m[0].logits.argmax(1) == m[0].labels).double().numpy() for m in (first, second)]
    theirs = stats.ttest_rel(*right).confidence_interval(0.95)
    ours = paired_difference(first, second, "accuracy")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize("name", [*ADDITIVE, *BINNED])
def test_swapping_the_models_turns_the_interval_around(name):
    first, second = models(3), models(3, start=50, scale=4.0)
    there, back = paired_difference(first, second, name), paired_difference(second, first, name)
    assert (there.estimate, there.low, there.high) == pytest.approx((-back.estimate, -back.high, -back.low))
    assert there.low <= there.estimate <= there.high


@pytest.mark.parametrize("name", [*ADDITIVE, *BINNED])
def test_a_model_does_not_differ_from_itself(name):
    difference = paired_difference(models(3), models(3), name)
    assert difference.estimate == 0 and not difference.decided


def test_a_large_difference_is_decided_with_its_sign():
    sharp, flat = models(3, scale=8.0), models(3, scale=2.0)
    assert paired_difference(sharp, flat, "signed_gap").low > 0
    assert paired_difference(sharp, flat, "nll").low > 0
    assert paired_difference(flat, sharp, "ece").high < 0


def test_unpaired_predictions_are_refused():
    with pytest.raises(ValueError, match="different images"):
        paired_difference(models(2), models(2, index_hash="other"), "nll")
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_difference(models(2), models(3), "nll")
    with pytest.raises(ValueError, match="no number is called"):
        paired_difference(models(2), models(2), "f1")


def test_an_ece_interval_reaches_down_by_the_bias_of_a_bin_worked_by_hand():
    # One filled bin, 100 answers at 0.8, 90 right: gap -0.1. The bias takes the larger variance, 0.8 * 0.2 of
    # calibrated answers against 0.9 * 0.1; the reach that of 92 right among 104, as 2 right and 2 wrong are added.
    confidence, correct = torch.full((100,), 0.8, dtype=torch.float64), torch.arange(100) < 90
    noise = math.sqrt(0.16 / 100) * math.sqrt(2 / math.pi)
    reach = stats.t.ppf(0.975, 99) * math.sqrt(92 / 104 * 12 / 104 / 99)
    interval = ece_interval(confidence, correct)
    assert interval.estimate == pytest.approx(0.1)
    assert (interval.low, interval.high) == pytest.approx((0.1 - noise - reach, 0.1 + reach))


@pytest.mark.parametrize("n", [20, 100, 300])
@pytest.mark.parametrize("sure", [0.5, 0.95, 0.999, 1.0])
def test_with_one_confidence_the_exact_coverage_is_at_least_nine_tenths(n, sure):
    """No simulation: the number of right answers is binomial, so the coverage is a sum over its n + 1 values."""
    confidence = torch.full((n,), sure, dtype=torch.float64)
    intervals = [ece_interval(confidence, torch.arange(n) < right) for right in range(n + 1)]
    low, high = np.array([(i.low, i.high) for i in intervals]).T
    for chance in (0.05, 0.3, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.9995, 1.0):
        truth = abs(sure - chance)
        held = (low - 1e-12 <= truth) & (truth <= high + 1e-12)
        assert stats.binom.pmf(np.arange(n + 1), n, chance) @ held >= 0.9


def test_answers_that_are_all_right_leave_room_for_doubt():
    interval = ece_interval(torch.ones(100, dtype=torch.float64), torch.ones(100, dtype=torch.bool))
    assert interval.estimate == interval.low == 0
    assert 0.01 < interval.high < 0.05


def with_right(sure, right, n=100):
    """One model of two classes that is ``sure`` of every answer, the first ``right`` of which are right."""
    margin = math.log(sure / (1 - sure)) if sure < 1 else 1000.0
    sign = torch.where(torch.arange(n) < right, 1.0, -1.0).double()
    logits = torch.stack([margin * sign, torch.zeros(n).double()], dim=1)
    return [Predictions(logits, torch.zeros(n, dtype=torch.int64), "test", "m", "h")]


@pytest.mark.parametrize("name", BINNED)
def test_a_difference_has_doubt_for_bins_without_an_error_worked_by_hand(name):
    # Always sure and always right: gap 0, no spread, no bias; yet 102 right of 104 once 2 right and 2 wrong are added.
    # Sure at 0.8, right 70 times: gap 0.1, seen variance 0.7 * 0.3 over 99, against 72 of 104. OE weighs both by 0.8.
    weight = 1.0 if name == "ece" else 0.8
    hidden = 102 / 104 * 2 / 104 + weight**2 * (72 / 104 * 32 / 104 - 0.7 * 0.3)
    reach = stats.t.ppf(0.975, 99) * math.sqrt((weight**2 * 0.7 * 0.3 * 100 / 99 + hidden) / 100)
    noise = math.sqrt(0.7 * 0.3 / 100) * math.sqrt(2 / math.pi) * (1.0 if name == "ece" else 0.8 / 2)
    found = paired_difference(with_right(1.0, 100), with_right(0.8, 70), name)
    assert found.estimate == pytest.approx(-0.1 * weight)
    assert (found.low, found.high) == pytest.approx((-0.1 * weight - reach, -0.1 * weight + noise + reach))


@pytest.mark.parametrize("n", [50, 200])
@pytest.mark.parametrize("chance", [0.97, 0.99, 0.995, 0.998, 1.0])
def test_with_one_confidence_each_the_exact_coverage_of_a_difference_is_at_least_nine_tenths(n, chance):
    """No simulation: one model is always right, the other's right answers are binomial. Both are sure at 0.999."""
    truth = abs(0.999 - chance) - abs(0.999 - 1)
    flawless = with_right(0.999, n, n)
    few = range(int(0.8 * n), n + 1)  # what is below hardly ever happens
    intervals = [paired_difference(with_right(0.999, right, n), flawless, "ece") for right in few]
    held = np.array([i.low <= truth <= i.high for i in intervals])
    assert stats.binom.pmf(np.array(few), n, chance) @ held >= 0.9


@pytest.mark.parametrize(("confidence", "correct"), [([0.9], [True]), ([0.9, 0.8], [True])])
def test_arrays_that_give_no_interval_are_refused(confidence, correct):
    with pytest.raises(ValueError, match="N at least 2"):
        ece_interval(torch.tensor(confidence), torch.tensor(correct))


def calibrated_but_for(true_ece, n, rng):
    """Answers whose confidences exceed the chance to be right by exactly ``true_ece``, everywhere."""
    confidence = 0.15 + 0.85 * rng.beta(4, 1, size=n)
    return torch.from_numpy(confidence), torch.from_numpy(rng.random(n) < confidence - true_ece)


def coverage(true_ece, n, draws, rng):
    """Share of intervals that hold the truth, for ours and for the naive percentile bootstrap; mean ends of ours."""
    ours, ends = [], []
    for _ in range(draws):
        interval = ece_interval(*calibrated_but_for(true_ece, n, rng))
        ours.append(interval.low <= true_ece <= interval.high)
        ends.append((interval.low, interval.estimate, interval.high))
    return np.mean(ours), np.mean(ends, axis=0)


@pytest.mark.parametrize(
    "draws", [pytest.param(300, marks=pytest.mark.verify), pytest.param(5000, marks=pytest.mark.soak)]
)
def test_ece_intervals_cover_the_truth(draws):
    rng = np.random.default_rng(0)
    print(f"\nECE intervals, {draws} test sets each\n true ECE       n  coverage   mean low  plug-in  mean high")
    for true_ece in (0.0, 0.02, 0.1):
        for n in (500, 10_000):
            held, (low, plug_in, high) = coverage(true_ece, n, draws, rng)
            print(f"{true_ece:9.2f} {n:7d} {held:9.3f} {low:10.4f} {plug_in:8.4f} {high:10.4f}")
            assert held >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / draws)


def test_the_simulation_of_coverage_finds_what_it_should():
    rng = np.random.default_rng(0)
    confidence, correct = calibrated_but_for(0.02, 1000, rng)
    first = ece_interval_coverage(confidence, correct, replications=100, rng=np.random.default_rng(1))
    assert first == ece_interval_coverage(confidence, correct, replications=100, rng=np.random.default_rng(1))
    assert 0.9 <= first <= 1


def test_the_simulation_of_coverage_would_notice_a_bad_interval(monkeypatch):
    from course_lib.intervals import coverage as simulation

    whole = simulation.ece_and_ends
    monkeypatch.setattr(simulation, "ece_and_ends", lambda sums: (whole(sums)[0],) * 3)  # no width at all
    rng = np.random.default_rng(0)
    assert ece_interval_coverage(*calibrated_but_for(0.02, 500, rng), replications=50, rng=rng) < 0.5


def test_many_sets_at_once_have_the_ends_that_each_has_alone():
    from course_lib.intervals.ece import BinSums, bin_sums, ece_and_ends

    rng = np.random.default_rng(0)
    sets = [calibrated_but_for(0.05, 80, rng) for _ in range(3)]
    alone = [ece_interval(*each) for each in sets]
    sums = [bin_sums(bin_index(confidence), confidence, correct, 15) for confidence, correct in sets]
    names = [field.name for field in fields(BinSums)]
    ends = ece_and_ends(BinSums(*(torch.stack([getattr(s, name) for s in sums]) for name in names)))
    for i, interval in enumerate(alone):
        assert [end[i].item() for end in ends] == pytest.approx([interval.estimate, interval.low, interval.high])


@pytest.mark.verify
def test_paired_intervals_cover_a_true_difference_over_seeds_and_images():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):  # per-image differences: a truth, a part of the seed, a part of the image, their own noise
        n, seeds, truth = 300, 3, 0.05
        gaps = (
            truth
            + 0.03 * rng.normal(size=(seeds, 1))
            + 0.4 * rng.normal(size=(1, n))
            + 0.3 * rng.normal(size=(seeds, n))
        )
        from course_lib.intervals.mean import reach

        held += abs(gaps.mean() - truth) <= reach(torch.from_numpy(gaps))
    assert held / 400 >= 0.93
