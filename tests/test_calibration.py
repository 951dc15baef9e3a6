import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.calibration import (
    bin_index,
    expected_calibration_error,
    maximum_calibration_error,
    measure,
    overconfidence_error,
    reliability_bins,
    signed_gap,
)
from course_lib.errors import CourseError

# Published bins of a ResNet-50 student distilled from a ViT-B/16 on CIFAR-100: repository JoseLMedinaC/KD-Mixup,
# checkpoints/students/cifar100/single_teacher/resnet50/T2/ece_resnet50_vitbase.txt
COUNT = [0, 15, 40, 75, 99, 119, 182, 257, 267, 293, 259, 361, 392, 686, 6955]
ACCURACY = [
    *(0, 0.266667, 0.300000, 0.333333, 0.414141, 0.344538, 0.423077, 0.509728),
    *(0.471910, 0.617747, 0.602317, 0.722992, 0.785714, 0.827988, 0.979583),
]
CONFIDENCE = [
    *(0, 0.110567, 0.171004, 0.236435, 0.305080, 0.368423, 0.435669, 0.501630),
    *(0.567080, 0.635562, 0.700768, 0.767965, 0.834277, 0.904176, 0.988977),
]


def from_bins(counts, accuracies, confidences):
    """Predictions that fall into bins with these counts, accuracies and mean confidences."""
    confidence = torch.cat([torch.full((n,), c, dtype=torch.float64) for n, c in zip(counts, confidences, strict=True)])
    right = [round(n * a) for n, a in zip(counts, accuracies, strict=True)]
    correct = torch.cat([torch.arange(n) < r for n, r in zip(counts, right, strict=True)])
    return confidence, correct


def test_the_published_fixture_gives_its_published_numbers():
    confidence, correct = from_bins(COUNT, ACCURACY, CONFIDENCE)
    assert reliability_bins(confidence, correct).count.tolist() == COUNT
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.02417789, abs=5e-7)
    assert correct.double().mean().item() == 0.8744
    assert confidence.mean().item() == pytest.approx(0.893048, abs=1e-6)  # printed cut, not rounded
    assert signed_gap(confidence, correct) == pytest.approx(0.893048 - 0.8744, abs=1e-6)
    assert overconfidence_error(confidence, correct) == pytest.approx(0.01779, abs=5e-6)
    assert maximum_calibration_error(confidence, correct) == pytest.approx(0.156, abs=5e-4)


def test_one_bin_sure_at_nine_tenths_and_right_half_the_time():
    confidence, correct = torch.full((10,), 0.9), torch.arange(10) < 5
    assert expected_calibration_error(confidence, correct, 1) == pytest.approx(0.4, abs=1e-7)
    assert overconfidence_error(confidence, correct, 1) == pytest.approx(0.36, abs=1e-7)


def test_an_underconfident_model_has_no_overconfidence_error_however_bad_its_ece():
    confidence, correct = torch.full((10,), 0.5), torch.ones(10, dtype=torch.bool)
    assert overconfidence_error(confidence, correct) == 0
    assert expected_calibration_error(confidence, correct) == 0.5
    assert signed_gap(confidence, correct) == -0.5


@pytest.mark.parametrize("n_bins", [1, 2, 10, 15, 16, 100])
def test_an_edge_belongs_to_the_lower_bin_and_zero_to_the_first(n_bins):
    edges = torch.tensor([k / n_bins for k in range(n_bins + 1)], dtype=torch.float64)
    assert bin_index(edges, n_bins).tolist() == [0, *range(n_bins)]
    just_above = torch.nextafter(edges[:-1], torch.ones(n_bins, dtype=torch.float64))
    assert bin_index(just_above, n_bins).tolist() == list(range(n_bins))


def test_the_four_confidences_that_good_people_binned_wrongly():
    assert bin_index(torch.tensor([0.0, 0.1, 0.5, 1.0], dtype=torch.float64), 10).tolist() == [0, 0, 4, 9]


@pytest.mark.parametrize("value", [-0.1, 1.0001, math.nan])
def test_a_confidence_that_is_no_probability_is_refused(value):
    with pytest.raises(CourseError, match="no probability"):
        bin_index(torch.tensor([0.5, value]))


def test_lengths_that_differ_and_empty_sets_are_refused():
    with pytest.raises(ValueError, match="must both be"):
        reliability_bins(torch.ones(3), torch.ones(2, dtype=torch.bool))
    with pytest.raises(ValueError, match="at least 1"):
        reliability_bins(torch.ones(0), torch.ones(0, dtype=torch.bool))


@st.composite
def answers(draw):
    n = draw(st.integers(1, 60))
    values = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0, *(k / 15 for k in range(16))]))
    confidence = torch.tensor(draw(st.lists(values, min_size=n, max_size=n)), dtype=torch.float64)
    return confidence, torch.tensor(draw(st.lists(st.booleans(), min_size=n, max_size=n)))


@settings(max_examples=200, deadline=None)
@given(answers(), st.integers(1, 30))
def test_the_numbers_keep_their_order_and_bounds(drawn, n_bins):
    confidence, correct = drawn
    ece = expected_calibration_error(confidence, correct, n_bins)
    assert abs(signed_gap(confidence, correct)) <= ece + 1e-12
    assert 0 <= overconfidence_error(confidence, correct, n_bins) <= ece + 1e-12
    assert ece <= maximum_calibration_error(confidence, correct, n_bins) + 1e-12 <= 1 + 2e-12
    assert reliability_bins(confidence, correct, n_bins).count.sum() == len(confidence)


@settings(max_examples=100, deadline=None)
@given(answers())
def test_order_and_repetition_change_nothing(drawn):
    confidence, correct = drawn
    shuffled = torch.randperm(len(confidence), generator=torch.Generator().manual_seed(0))
    expected = pytest.approx(expected_calibration_error(confidence, correct), abs=1e-12)
    assert expected_calibration_error(confidence[shuffled], correct[shuffled]) == expected
    assert expected_calibration_error(confidence.repeat(3), correct.repeat(3)) == expected


@settings(max_examples=100, deadline=None)
@given(answers())
def test_with_one_bin_ece_is_the_size_of_the_signed_gap(drawn):
    assert expected_calibration_error(*drawn, 1) == pytest.approx(abs(signed_gap(*drawn)), abs=1e-12)


def test_measure_brings_the_same_numbers_together():
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(500, 5, generator=generator)
    labels = torch.randint(0, 5, (500,), generator=generator)
    numbers = measure(logits, labels)
    confidence, correct = logits.double().softmax(1).amax(1), logits.argmax(1) == labels
    assert numbers.ece == pytest.approx(expected_calibration_error(confidence, correct))
    assert numbers.ece == pytest.approx(numbers.ece_over + numbers.ece_under)
    assert numbers.overconfidence_error == pytest.approx(overconfidence_error(confidence, correct))
    assert numbers.overconfidence_error <= numbers.ece_over
    assert numbers.mce == pytest.approx(maximum_calibration_error(confidence, correct))
    assert (numbers.n, numbers.classes, numbers.accuracy) == (500, 5, correct.double().mean().item())


def test_a_model_that_says_what_it_does_tends_to_no_error():
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(400_000, generator=generator, dtype=torch.float64)
    correct = torch.rand(400_000, generator=generator, dtype=torch.float64) < confidence
    assert expected_calibration_error(confidence, correct) < 0.005
