import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.errors import CourseError
from course_lib.losses import Supervision, distillation_loss, soft_cross_entropy


def logits(seed, n=5, k=4, scale=3.0):
    return torch.randn(n, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


def test_the_distillation_loss_is_the_one_worked_by_hand():
    # Teacher probabilities at T = 2: logits (2 ln 3, 0) / 2 -> (3/4, 1/4). Student: (1/2, 1/2).
    teacher, student = torch.tensor([[2 * math.log(3), 0.0]]), torch.zeros(1, 2)
    by_hand = 4 * (0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5))
    assert distillation_loss(student, teacher, 2.0).item() == pytest.approx(by_hand, rel=1e-6)


def test_soft_cross_entropy_is_the_one_worked_by_hand():
    student = torch.tensor([[math.log(3), 0.0]])  # probabilities (3/4, 1/4)
    by_hand = -(0.25 * math.log(0.75) + 0.75 * math.log(0.25))
    assert soft_cross_entropy(student, torch.tensor([[0.25, 0.75]])).item() == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_values_and_gradients_agree_with_torchs_own_kl_divergence(temperature):
    ours, theirs = logits(0).requires_grad_(), logits(0).requires_grad_()
    distillation_loss(ours, logits(1), temperature).backward()
    expected = torch.nn.functional.kl_div(
        (theirs / temperature).log_softmax(1), (logits(1) / temperature).softmax(1), reduction="batchmean"
    )
    (temperature**2 * expected).backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-10, atol=1e-12)


def test_on_labels_soft_cross_entropy_is_torchs_cross_entropy():
    labels = torch.tensor([0, 1, 2, 3, 0])
    targets = torch.nn.functional.one_hot(labels, 4).double()
    torch.testing.assert_close(
        soft_cross_entropy(logits(0), targets), torch.nn.functional.cross_entropy(logits(0), labels)
    )


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 20.0))
def test_a_student_that_agrees_has_nothing_to_learn_and_any_other_has(seed, temperature):
    teacher, student = logits(seed), logits(seed + 1)
    assert distillation_loss(teacher, teacher, temperature).item() == 0
    assert distillation_loss(teacher + 7.0, teacher, temperature).item() == pytest.approx(0, abs=1e-10)
    assert distillation_loss(student, teacher, temperature).item() > 0


@pytest.mark.parametrize("temperature", [0.5, 2.0, 8.0])
def test_the_gradient_is_t_times_the_gap_of_softened_probabilities(temperature):
    student = logits(0, n=1).requires_grad_()
    distillation_loss(student, logits(1, n=1), temperature).backward()
    gap = (student / temperature).softmax(1) - (logits(1, n=1) / temperature).softmax(1)
    torch.testing.assert_close(student.grad, (temperature * gap).detach(), rtol=1e-10, atol=1e-12)


def test_at_high_temperature_the_loss_is_half_the_mean_squared_gap_of_centred_logits():
    student, teacher = logits(0), logits(1)
    centred = (student - student.mean(1, keepdim=True)) - (teacher - teacher.mean(1, keepdim=True))
    limit = (centred**2).mean(1).mean() / 2
    assert distillation_loss(student, teacher, 1e4).item() == pytest.approx(limit.item(), rel=1e-3)


def test_repeating_the_batch_changes_nothing():
    once = distillation_loss(logits(0), logits(1), 2.0)
    torch.testing.assert_close(distillation_loss(logits(0).repeat(3, 1), logits(1).repeat(3, 1), 2.0), once)


def test_extreme_logits_stay_finite():
    extreme = torch.tensor([[1e4, -1e4, 0.0]])
    assert torch.isfinite(distillation_loss(-extreme, extreme, 1.0))


def test_a_supervision_names_its_weighted_parts():
    student, teacher = logits(0), logits(1)
    targets = torch.eye(4, dtype=torch.float64)[[0, 1, 2, 3, 0]]
    parts = Supervision(label_weight=0.25, temperature=2.0)(student, teacher, targets)
    torch.testing.assert_close(parts["label"], 0.25 * soft_cross_entropy(student, targets))
    torch.testing.assert_close(parts["teacher"], 0.75 * distillation_loss(student, teacher, 2.0))


def test_a_part_without_weight_is_left_out():
    targets = torch.eye(4, dtype=torch.float64)[[0, 1, 2, 3, 0]]
    assert set(Supervision(0.0)(logits(0), logits(1), targets)) == {"teacher"}
    assert set(Supervision(1.0)(logits(0), None, targets)) == {"label"}


@pytest.mark.parametrize(("weight", "temperature"), [(-0.1, 1.0), (1.1, 1.0), (0.0, 0.0), (0.0, -2.0)])
def test_weights_and_temperatures_outside_their_range_are_refused(weight, temperature):
    with pytest.raises(CourseError, match="must"):
        Supervision(weight, temperature)


def test_mistaken_shapes_are_refused():
    with pytest.raises(ValueError, match="must agree"):
        distillation_loss(torch.zeros(2, 3), torch.zeros(2, 4), 1.0)
    with pytest.raises(ValueError, match="must agree"):
        soft_cross_entropy(torch.zeros(2, 3), torch.zeros(1, 3))
    with pytest.raises(ValueError, match="positive"):
        distillation_loss(torch.zeros(2, 3), torch.zeros(2, 3), 0.0)
    with pytest.raises(ValueError, match="teacher's logits on the same images are needed"):
        Supervision(0.0)(torch.zeros(2, 3), None, torch.zeros(2, 3))


def half_and_half(probs):
    return (probs + probs.flip(0)) / 2


def test_the_mix_of_clean_outputs_is_mixed_as_probabilities_and_worked_by_hand():
    # The teacher says (3/4, 1/4) and (1/4, 3/4) of two images; half and half it says (1/2, 1/2) of their mixture.
    clean = torch.tensor([[math.log(3), 0.0], [0.0, math.log(3)]], dtype=torch.float64)
    student = torch.tensor([[math.log(3), 0.0]] * 2, dtype=torch.float64)  # (3/4, 1/4)
    supervision = Supervision(label_weight=0.0, clean_share=1.0)
    parts = supervision(student, None, torch.eye(2), clean_logits=clean, mix=half_and_half)
    by_hand = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert set(parts) == {"teacher_clean"} and parts["teacher_clean"].item() == pytest.approx(by_hand)


@settings(max_examples=25, deadline=None)
@given(label_weight=st.floats(0, 1), clean_share=st.floats(0, 1), temperature=st.sampled_from([0.5, 1.0, 4.0]))
def test_any_sum_of_the_three_signals_is_convex(label_weight, clean_share, temperature):
    """The whole is the sum of the pure signals, each with its weight; the weights sum to 1."""
    student, teacher, clean = logits(0), logits(1), logits(2)
    targets = logits(3).softmax(1)

    def total(weight, share):
        supervision = Supervision(weight, temperature, share)
        return sum(supervision(student, teacher, targets, clean_logits=clean, mix=half_and_half).values())

    pure = {"labels": total(1.0, 0.0), "mixed": total(0.0, 0.0), "clean": total(0.0, 1.0)}
    expected = (
        label_weight * pure["labels"]
        + (1 - label_weight) * (1 - clean_share) * pure["mixed"]
        + (1 - label_weight) * clean_share * pure["clean"]
    )
    torch.testing.assert_close(torch.as_tensor(total(label_weight, clean_share)), torch.as_tensor(expected))


def test_the_teacher_is_asked_only_for_what_weighs_something():
    assert (Supervision(1.0).hears_mixed, Supervision(1.0, clean_share=0.5).hears_clean) == (False, False)
    assert (Supervision(0.0).hears_mixed, Supervision(0.0).hears_clean) == (True, False)
    assert (Supervision(0.0, clean_share=1.0).hears_mixed, Supervision(0.0, clean_share=1.0).hears_clean) == (
        False,
        True,
    )


def test_standardised_logits_teach_no_scale():
    supervision = Supervision(0.0, standardised=True)
    student, teacher = logits(0), logits(1)
    once = supervision(student, teacher, None)["teacher"]
    torch.testing.assert_close(once, supervision(7 * student, 0.3 * teacher + 5, None)["teacher"])
    torch.testing.assert_close(supervision(3 * teacher, teacher, None)["teacher"], torch.zeros((), dtype=torch.float64))


def test_standardised_logits_are_those_of_numpy_with_the_population_deviation():
    student, teacher = logits(0).numpy(), logits(1).numpy()

    def log_softmax(z):
        z = z / z.std(axis=1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True))

    log_p, log_q = log_softmax(teacher), log_softmax(student)
    expected = (np.exp(log_p) * (log_p - log_q)).sum(axis=1).mean()
    ours = Supervision(0.0, standardised=True)(logits(0), logits(1), None)["teacher"]
    assert ours.item() == pytest.approx(expected)


def test_equal_logits_have_a_gradient_when_standardised():
    student = torch.zeros(2, 3, requires_grad=True)
    Supervision(0.0, standardised=True)(student, torch.eye(3)[:2], None)["teacher"].backward()
    assert torch.isfinite(student.grad).all()


def test_a_temperature_beside_standardised_logits_is_refused():
    with pytest.raises(CourseError, match="not both"):
        Supervision(0.0, temperature=2.0, standardised=True)
    with pytest.raises(CourseError, match="share of the mix"):
        Supervision(0.0, clean_share=1.1)
    with pytest.raises(ValueError, match="clean images"):
        Supervision(0.0, clean_share=1.0)(logits(0), logits(1), None)
