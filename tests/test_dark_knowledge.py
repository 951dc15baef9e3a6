import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy as scipy_entropy

from course_lib.dark_knowledge import (
    dark_knowledge_share,
    dial_teacher,
    entropy,
    flatten_dark_knowledge,
    permute_dark_knowledge,
    softmax_with_temperature,
    standardise,
    wrong_relatives,
)

SEEDS = st.integers(0, 100_000)


def drawn(seed, n=6, k=5):
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(np.full(k, 0.4), size=n))


@pytest.mark.parametrize("temperature", [0.05, 1.0, 4.0, 1e3])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_the_softened_softmax_is_scipys_at_any_size(temperature, scale):
    logits = np.random.default_rng(0).normal(size=(7, 5)) * scale
    found = softmax_with_temperature(torch.from_numpy(logits), temperature)
    np.testing.assert_allclose(found, softmax(logits / temperature, axis=1), atol=1e-12)
    assert torch.isfinite(found).all()


def test_adding_a_constant_to_a_row_changes_no_probability():
    logits = torch.tensor([[1.0, 2.0, 4.0]])
    torch.testing.assert_close(softmax_with_temperature(logits, 3.0), softmax_with_temperature(logits + 1e3, 3.0))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    for function in (softmax_with_temperature, dial_teacher):
        with pytest.raises(ValueError, match="must be positive"):
            function(torch.zeros(1, 2), temperature)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_the_entropy_is_scipys(seed):
    np.testing.assert_allclose(entropy(drawn(seed)), scipy_entropy(drawn(seed).numpy(), axis=1), atol=1e-12)


def test_the_entropy_runs_from_0_to_log_k():
    assert entropy(torch.eye(4)).tolist() == [0.0] * 4
    assert entropy(torch.full((1, 4), 0.25)).item() == pytest.approx(math.log(4))


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(2, 50))
def test_the_entropy_lies_between_0_and_log_k(seed, k):
    found = entropy(drawn(seed, k=k))
    assert ((found >= 0) & (found <= math.log(k) + 1e-12)).all()


def test_the_share_of_dark_knowledge_is_the_one_worked_by_hand():
    # (0.6, 0.3, 0.1): among the others (3/4, 1/4), so 0.4 H(3/4, 1/4) of H(0.6, 0.3, 0.1)
    probs = torch.tensor([[0.6, 0.3, 0.1]], dtype=torch.float64)
    by_hand = 0.4 * scipy_entropy([0.75, 0.25]) / scipy_entropy([0.6, 0.3, 0.1])
    assert dark_knowledge_share(probs).item() == pytest.approx(by_hand)


def test_a_certain_answer_has_no_dark_knowledge_and_neither_have_two_classes():
    assert dark_knowledge_share(torch.eye(3)).tolist() == [0.0] * 3
    assert dark_knowledge_share(torch.tensor([[0.7, 0.3]])).item() == pytest.approx(0.0, abs=1e-6)


def test_of_a_uniform_guess_all_but_the_first_yes_or_no_is_dark():
    by_hand = 0.75 * math.log(3) / math.log(4)
    assert dark_knowledge_share(torch.full((1, 4), 0.25)).item() == pytest.approx(by_hand, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_the_share_lies_in_0_1_and_the_rest_is_the_yes_or_no_of_the_answer(seed):
    probs = drawn(seed)
    share, m = dark_knowledge_share(probs), probs.amax(1)
    assert ((share >= 0) & (share <= 1)).all()
    yes_or_no = torch.from_numpy(scipy_entropy(torch.stack([m, 1 - m]).numpy()))
    torch.testing.assert_close((1 - share) * entropy(probs), yes_or_no, atol=1e-9, rtol=0)


def test_the_share_of_a_nearly_certain_answer_keeps_its_digits_in_float32():
    logits = torch.tensor([[18.0, 0.0, 0.0, 0.0], [25.0, 3.0, 1.0, 0.0], [60.0, 1.0, 0.0, 0.0]])  # 1 - m rounds, to 0
    exact = dark_knowledge_share(logits.double().softmax(1))
    torch.testing.assert_close(dark_knowledge_share(logits.softmax(1)).double(), exact, atol=1e-6, rtol=0)
    m, among = 1 / (1 + 3 * math.exp(-18)), math.log(3)  # the first row by hand: three others alike
    total = -m * math.log(m) - (1 - m) * math.log(1 - m) + (1 - m) * among
    assert exact[0].item() == pytest.approx((1 - m) * among / total, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_flattening_keeps_the_answer_and_its_confidence_and_nothing_else(seed):
    probs = drawn(seed)
    flat = flatten_dark_knowledge(probs)
    assert torch.equal(flat.argmax(1), probs.argmax(1)) and torch.equal(flat.amax(1), probs.amax(1))
    torch.testing.assert_close(flat.sum(1), torch.ones(6, dtype=torch.float64))
    others = flat.scatter(1, probs.argmax(1, keepdim=True), math.nan).sort(1).values[:, :4]  # NaN is last
    torch.testing.assert_close(others, ((1 - probs.amax(1)) / 4)[:, None].expand(6, 4))


def test_of_tied_answers_the_first_is_kept():
    torch.testing.assert_close(flatten_dark_knowledge(torch.tensor([[0.4, 0.4, 0.2]])), torch.tensor([[0.4, 0.3, 0.3]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [2, 7, 10, 100, 1000])
def test_flattening_a_uniform_guess_gives_no_other_answer_by_rounding(k, dtype):
    uniform = torch.full((1, k), 1 / k, dtype=dtype)
    flat = flatten_dark_knowledge(uniform)
    assert flat.argmax(1).item() == 0
    torch.testing.assert_close(flat, uniform)


def test_of_a_certain_answer_there_is_nothing_to_flatten():
    assert torch.equal(flatten_dark_knowledge(torch.eye(4)), torch.eye(4))


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(2, 12))
def test_permuting_keeps_answer_confidence_and_entropy(seed, k):
    probs = drawn(seed, k=k)
    permuted = permute_dark_knowledge(probs, wrong_relatives(k, seed))
    torch.testing.assert_close(permuted.sort(1).values, probs.sort(1).values)
    assert torch.equal(permuted.amax(1), probs.amax(1)) and torch.equal(permuted.argmax(1), probs.argmax(1))
    torch.testing.assert_close(entropy(permuted), entropy(probs))


def test_the_same_answer_is_always_permuted_alike_and_other_answers_otherwise():
    table = wrong_relatives(10, seed=0)
    assert torch.equal(table, wrong_relatives(10, seed=0)) and not torch.equal(table, wrong_relatives(10, seed=1))
    assert torch.equal(table.diagonal(), torch.arange(10))
    orders = {tuple(value for value in row if value != answer) for answer, row in enumerate(table.tolist())}
    assert len(orders) == 10


def test_every_class_is_given_to_every_other_equally_often():
    count = torch.zeros(4, 4)
    for seed in range(2_000):
        count += torch.nn.functional.one_hot(wrong_relatives(4, seed)[1], 4)
    assert count[1].tolist() == [0, 2_000, 0, 0]
    others = count[[0, 2, 3]][:, [0, 2, 3]]
    assert (others / 2_000 - 1 / 3).abs().max() < 0.055  # five standard errors


def test_with_two_classes_there_is_no_wrong_relative():
    assert wrong_relatives(2, seed=0).tolist() == [[0, 1], [0, 1]]


def test_a_tied_answer_keeps_its_place_among_the_largest():
    permuted = permute_dark_knowledge(
        torch.tensor([[0.1, 0.4, 0.4, 0.1]]), torch.tensor([[0, 1, 2, 3], [2, 1, 3, 0]] * 2)
    )
    assert permuted.tolist() == [pytest.approx([0.4, 0.4, 0.1, 0.1])]


def test_tables_leave_torchs_global_state_alone():
    state = torch.random.get_rng_state()
    wrong_relatives(5, seed=3)
    assert torch.equal(state, torch.random.get_rng_state())


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.floats(0.1, 10))
def test_a_dial_changes_how_sure_a_teacher_is_and_no_answer(seed, tau):
    logits = drawn(seed).clamp_min(1e-9).log()
    dialled = dial_teacher(logits, tau)
    assert torch.equal(dialled.argmax(1), logits.argmax(1))
    before, after = logits.softmax(1).amax(1), dialled.softmax(1).amax(1)
    assert ((after <= before + 1e-12) if tau >= 1 else (after >= before - 1e-12)).all()


def test_standardised_rows_have_deviation_1_and_forget_their_scale():
    logits = torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = standardise(logits)
    torch.testing.assert_close(found.std(1, correction=0), torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(found, standardise(30 * logits - 7))
    expected = (logits.numpy() - logits.numpy().mean(1, keepdims=True)) / logits.numpy().std(1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [1, 3, 7, 10, 100])
@pytest.mark.parametrize("level", [0.0, 0.1, 1.7, -2.3, 1e4 + 0.1])
def test_equal_logits_become_0_though_their_mean_is_rounded(level, k, dtype):
    row = torch.full((1, k), level, dtype=dtype)
    assert not standardise(row).any()
    with_another = torch.cat([row, torch.arange(float(k), dtype=dtype)[None]])
    assert torch.equal(standardise(with_another)[1:], standardise(with_another[1:]))


def test_a_row_of_equal_logits_gives_no_gradient_that_is_not_a_number():
    logits = torch.tensor([[0.1, 0.1, 0.1], [1.0, 2.0, 4.0]], requires_grad=True)
    (standardise(logits) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert logits.grad is not None and logits.grad.isfinite().all()


def test_the_gradient_of_a_standardised_row_is_that_of_differences():
    logits = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    assert torch.autograd.gradcheck(standardise, logits)


def test_nothing_changes_its_input():
    probs = drawn(0)
    before = probs.clone()
    for function in (entropy, dark_knowledge_share, flatten_dark_knowledge, standardise):
        function(probs)
    permute_dark_knowledge(probs, wrong_relatives(5, 0)), dial_teacher(probs, 2.0), softmax_with_temperature(probs, 2.0)
    assert torch.equal(probs, before)
