import math

import numpy as np
import pytest
import torch
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
        (temperature_for_confidence, 0.1, r"mean confidence of 0.1: they reach 0.16\d+ to 1$"),
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


def test_no_rows_are_refused():
    with pytest.raises(CourseError, match="at least one row"):
        temperature_for_entropy(torch.zeros(0, 3), 0.5)


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
