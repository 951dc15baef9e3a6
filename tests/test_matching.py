import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy as scipy_entropy
from sklearn.metrics import brier_score_loss

from course_lib.dark_knowledge import entropy
from course_lib.errors import CourseError
from course_lib.predictions import brier_score
from course_lib.temperature import brier_split, find_temperature, temperature_for_confidence, temperature_for_entropy


def problem(seed=0, n=500, k=6, scale=4.0):
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(size=(n, k)))
    labels = torch.from_numpy(np.where(rng.random(n) < 0.5, logits.numpy().argmax(1), rng.integers(0, k, n)))
    return scale * logits, labels


@pytest.mark.parametrize("target", [0.18, 0.3, 0.6, 0.95, 0.999])
def test_the_mean_confidence_is_the_one_that_was_asked_for(target):
    logits, _ = problem()
    temperature = temperature_for_confidence(logits, target)
    assert (logits / temperature).softmax(1).amax(1).mean().item() == pytest.approx(target, abs=1e-9)


@pytest.mark.parametrize("target", [0.001, 0.5, 1.2, math.log(6) - 1e-4])
def test_the_mean_entropy_is_the_one_that_was_asked_for(target):
    logits, _ = problem()
    temperature = temperature_for_entropy(logits, target)
    assert entropy((logits / temperature).softmax(1)).mean().item() == pytest.approx(target, abs=1e-9)


def test_a_surer_target_asks_for_a_lower_temperature():
    logits, _ = problem()
    by_confidence = [temperature_for_confidence(logits, target) for target in (0.3, 0.5, 0.9)]
    by_entropy = [temperature_for_entropy(logits, target) for target in (1.5, 1.0, 0.2)]
    assert by_confidence == sorted(by_confidence, reverse=True) and by_entropy == sorted(by_entropy, reverse=True)


def test_the_temperature_of_two_classes_is_the_one_worked_by_hand():
    # one row of odds e^z: a confidence of p needs odds of p / (1 - p)
    logits = torch.tensor([[1.5, -0.5], [-0.5, 1.5]], dtype=torch.float64)
    assert temperature_for_confidence(logits, 0.8) == pytest.approx(2 / math.log(4))
    by_hand = -0.8 * math.log(0.8) - 0.2 * math.log(0.2)
    assert temperature_for_entropy(logits, by_hand) == pytest.approx(2 / math.log(4))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100_000), st.floats(0.02, 0.98))
def test_scipy_finds_the_entropy_that_was_asked_for_in_float32_logits_too(seed, share):
    logits = problem(seed, n=40)[0].float()
    temperature = temperature_for_entropy(logits, share * math.log(6))
    probs = softmax(logits.numpy().astype(np.float64) / temperature, axis=1)
    assert scipy_entropy(probs, axis=1).mean() == pytest.approx(share * math.log(6), abs=1e-9)


def test_neither_an_offset_nor_the_order_of_classes_or_images_matters():
    logits, _ = problem()
    temperature = temperature_for_entropy(logits, 0.9)
    offset = torch.arange(500.0)[:, None] * 10
    for same in (logits + offset, logits.flip(0), logits.flip(1), logits.repeat(2, 1)):
        assert temperature_for_entropy(same, 0.9) == pytest.approx(temperature)


def test_matching_leaves_the_logits_as_they_were():
    logits, _ = problem()
    before = logits.clone()
    temperature_for_entropy(logits, 0.9), temperature_for_confidence(logits, 0.9)
    assert torch.equal(logits, before)


def test_scaling_the_logits_scales_the_temperature():
    logits, _ = problem()
    assert temperature_for_entropy(8 * logits, 0.7) == pytest.approx(8 * temperature_for_entropy(logits, 0.7))
    assert temperature_for_confidence(8 * logits, 0.7) == pytest.approx(8 * temperature_for_confidence(logits, 0.7))


def test_two_models_matched_in_entropy_are_equally_unsure():
    first, second = problem(0)[0], problem(1, scale=0.5)[0]
    target = entropy(first.softmax(1)).mean().item()
    matched = second / temperature_for_entropy(second, target)
    assert entropy(matched.softmax(1)).mean().item() == pytest.approx(target)


@pytest.mark.parametrize(
    ("match", "target", "reach"),
    [
        (temperature_for_confidence, 0.1, r"mean confidence of 0.1: they reach 0.16\d+ to 0.99\d+$"),
        (temperature_for_confidence, 1.5, "mean confidence of 1.5"),
        (temperature_for_entropy, 2.0, r"mean entropy of 2: they reach .* to 1.79\d+$"),
        (temperature_for_entropy, -0.1, "mean entropy of -0.1"),
        (temperature_for_entropy, float("nan"), "nan"),
    ],
)
def test_a_target_out_of_reach_is_refused_with_what_can_be_reached(match, target, reach):
    with pytest.raises(CourseError, match=reach):
        match(problem()[0], target)


def test_tied_logits_reach_no_certainty():
    with pytest.raises(CourseError, match=r"they reach 0.5 to 0.5"):
        temperature_for_confidence(torch.zeros(3, 2), 0.9)


def test_what_can_be_reached_is_said_with_the_digits_that_tell_it_from_the_target():
    # a gap of 0.01 is 10 at the lowest temperature, 0.001: a confidence of 1 / (1 + e^-10), which 4 digits call 1
    logits = torch.tensor([[0.01, 0.0]], dtype=torch.float64)
    reached = f"they reach 0.5000025 to {1 / (1 + math.exp(-10)):.9g}$"
    with pytest.raises(CourseError, match=rf"from 0.001 to 1000 .* a mean confidence of 1: {reached}"):
        temperature_for_confidence(logits, 1.0)


@pytest.mark.parametrize("shape", [(0, 3), (3, 1), (3, 0), (3,)])
def test_no_rows_and_a_single_class_are_refused(shape):
    with pytest.raises(CourseError, match="at least one row and 2 classes"):
        temperature_for_entropy(torch.zeros(shape), 0.5)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_logits_that_are_no_numbers_are_called_so(broken):
    with pytest.raises(CourseError, match="NaN or infinite logits"):
        temperature_for_confidence(torch.tensor([[broken, 0.0], [1.0, 0.0]]), 0.6)


def test_the_two_parts_are_the_brier_scores_of_scikit_learn_before_and_after():
    logits, labels = problem()
    found = brier_split(logits, labels, temperature=3.0)
    whole, after = (
        brier_score_loss(labels.numpy(), (logits / t).softmax(1).numpy(), scale_by_half=False) for t in (1.0, 3.0)
    )
    assert found.refinement == pytest.approx(after) and found.refinement + found.calibration == pytest.approx(whole)


def test_an_overconfident_model_has_a_calibration_part_and_a_scaled_one_none():
    logits, labels = problem(n=20_000, scale=8.0)
    temperature = find_temperature(logits[:10_000], labels[:10_000]).temperature
    test = logits[10_000:], labels[10_000:]
    assert brier_split(*test, temperature).calibration > 0.05
    again = brier_split(test[0] / temperature, test[1], 1.0)
    assert again.calibration == pytest.approx(0, abs=1e-12)
    assert again.refinement == pytest.approx(brier_score(test[0] / temperature, test[1]))


@pytest.mark.parametrize("scale", [0.2, 8.0])
def test_what_is_left_of_a_miscalibrated_model_is_the_score_of_the_calibrated_one(scale):
    """Labels are drawn from the softmax of the logits before they are scaled, so the right temperature is the scale."""
    rng = np.random.default_rng(0)
    true = torch.from_numpy(rng.normal(size=(20_000, 5)) * 2)
    labels = (true.softmax(1).cumsum(1) < torch.from_numpy(rng.random((20_000, 1)))).sum(1).clamp_max(4)
    temperature = find_temperature(scale * true[:10_000], labels[:10_000]).temperature
    assert temperature == pytest.approx(scale, rel=0.05)
    found = brier_split(scale * true[10_000:], labels[10_000:], temperature)
    assert found.refinement == pytest.approx(brier_score(true[10_000:], labels[10_000:]), abs=1e-3)
    assert found.calibration > 0.02


def test_a_temperature_that_harms_has_a_calibration_part_below_0():
    logits, labels = torch.tensor([[2.0, 0.0, 0.0]] * 4, dtype=torch.float64), torch.zeros(4, dtype=torch.int64)
    p, q = (math.exp(z) / (math.exp(z) + 2) for z in (2.0, 1.0))  # always right: any flattening costs
    before, after = ((1 - m) ** 2 + 2 * ((1 - m) / 2) ** 2 for m in (p, q))
    found = brier_split(logits, labels, temperature=2.0)
    assert found.refinement == pytest.approx(after) and found.calibration == pytest.approx(before - after)
    assert found.calibration < 0
