import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from course_lib import predictions
from course_lib.errors import CourseError
from course_lib.predictions import (
    Predictions,
    accuracy,
    brier_score,
    check_logits,
    collect,
    confidence_and_correct,
    log_of_probs,
    negative_log_likelihood,
)

CPU = torch.device("cpu")


def drawn(seed=0, n=200, k=7, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, k, generator=generator, dtype=torch.float64) * scale
    return logits, torch.randint(0, k, (n,), generator=generator)


def test_nll_and_brier_are_the_ones_worked_by_hand():
    logits = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]])  # probabilities (3/4, 1/4) and (1/2, 1/2)
    labels = torch.tensor([1, 0])
    assert negative_log_likelihood(logits, labels) == pytest.approx((math.log(4) + math.log(2)) / 2)
    assert brier_score(logits, labels) == pytest.approx((0.75**2 + 0.75**2 + 0.5**2 + 0.5**2) / 2)
    assert accuracy(logits, labels) == 0.5


@pytest.mark.parametrize("k", [2, 10, 1000])
def test_a_uniform_guess_scores_log_k_and_one_minus_one_over_k(k):
    logits, labels = torch.full((3, k), 0.7), torch.arange(3) % k
    assert negative_log_likelihood(logits, labels) == pytest.approx(math.log(k))
    assert brier_score(logits, labels) == pytest.approx(1 - 1 / k)


@pytest.mark.parametrize("scale", [0.1, 3.0, 300.0])
def test_nll_and_brier_agree_with_scikit_learn(scale):
    logits, labels = drawn(scale=scale)
    probs = logits.softmax(1).numpy()
    if scale < 100:  # scikit-learn clips probabilities near 0, we do not
        assert negative_log_likelihood(logits, labels) == pytest.approx(
            log_loss(labels, probs, labels=range(7)), abs=1e-9
        )
    from sklearn.metrics import brier_score_loss

    theirs = brier_score_loss(labels.numpy(), probs, labels=list(range(7)), scale_by_half=False)
    assert brier_score(logits, labels) == pytest.approx(theirs, abs=1e-9)


def test_slices_change_nothing(monkeypatch):
    logits, labels = drawn()
    whole = [f(logits, labels) for f in (accuracy, negative_log_likelihood, brier_score)]
    sure = confidence_and_correct(logits, labels)[0]
    monkeypatch.setattr(predictions, "CELLS_AT_ONCE", 21)
    assert [f(logits, labels) for f in (accuracy, negative_log_likelihood, brier_score)] == pytest.approx(
        whole, abs=1e-12
    )
    assert torch.equal(confidence_and_correct(logits, labels)[0], sure)


def test_extreme_logits_are_exact_where_float32_would_overflow():
    logits = torch.tensor([[1e30, 0.0], [-1e5, 0.0]])
    assert negative_log_likelihood(logits, torch.tensor([0, 0])) == pytest.approx(5e4)
    assert confidence_and_correct(logits, torch.tensor([0, 1]))[0].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([[1.0, math.nan], [0.0, 1.0]], [0, 0], r"NaN or infinite logits in 1 of 2 rows, first in row 0"),
        ([[1.0, 2.0], [0.0, math.inf]], [0, 0], "first in row 1"),
        ([[1.0, 2.0]], [2], r"label 2 in row 0 is no class: labels must lie in 0\.\.1"),
        ([[1.0, 2.0]], [-1], "label -1"),
        ([[0.5, 0.5], [0.1, 0.9]], [0, 0], "--probs"),
        ([[1.0], [2.0]], [0, 0], "2 classes"),
        ([[1.0, 2.0]], [0, 0], "must be"),
    ],
)
def test_what_cannot_be_predictions_is_refused(logits, labels, message):
    with pytest.raises(CourseError, match=message):
        check_logits(torch.tensor(logits), torch.tensor(labels))


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 5, 36])
def test_one_broken_logit_is_found_wherever_it_stands(broken, place):
    logits, labels = drawn(k=37)
    logits[3, place] = broken
    with pytest.raises(CourseError, match="in 1 of 200 rows, first in row 3"):
        check_logits(logits.float(), labels)


def test_the_largest_numbers_there_are_can_be_logits():
    largest = torch.finfo(torch.float32).max
    check_logits(torch.tensor([[largest, largest, -largest]]), torch.tensor([0]))


def test_logits_that_only_partly_look_like_probabilities_are_taken():
    check_logits(torch.tensor([[0.5, 0.5], [0.5, 0.6]]), torch.tensor([0, 0]))


def test_the_logarithm_of_probabilities_gives_them_back():
    probs = drawn()[0].softmax(1)
    torch.testing.assert_close(log_of_probs(probs).softmax(1), probs)
    certain = log_of_probs(torch.tensor([[1.0, 0.0]]))
    assert torch.isfinite(certain).all() and certain.softmax(1).tolist() == [[1.0, pytest.approx(0.0)]]
    with pytest.raises(CourseError, match="not probabilities"):
        log_of_probs(torch.tensor([[0.5, 0.6]]))


def test_predictions_come_back_from_their_file_bit_for_bit(tmp_path):
    logits, labels = drawn()
    saved = Predictions(logits.float(), labels, "test", "kd-T2-seed0", "abc")
    saved.save(tmp_path / "p.safetensors")
    loaded = Predictions.load(tmp_path / "p.safetensors")
    assert torch.equal(loaded.logits, saved.logits) and torch.equal(loaded.labels, labels)
    assert (loaded.split, loaded.model, loaded.index_hash) == ("test", "kd-T2-seed0", "abc")


def test_a_truncated_or_foreign_file_is_refused(tmp_path):
    Predictions(*drawn(), "test", "m", "h").save(tmp_path / "p.safetensors")
    whole = (tmp_path / "p.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CourseError, match="cannot read"):
        Predictions.load(tmp_path / "cut.safetensors")


class Moody(torch.nn.Module):
    """Answers differently in training mode."""

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Dropout(0.5)
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, images):
        return self.linear(self.inner(images.flatten(1)))


def gathered(network, batch_size, n=50):
    images = torch.arange(n * 4, dtype=torch.uint8).view(n, 1, 2, 2)
    labels = torch.arange(n) % 3
    settings = dict(split="test", model="m", index_hash="h", device=CPU, batch_size=batch_size)
    return collect(network, images, labels, lambda stored: stored.float() / 255, **settings)


def test_logits_are_collected_in_evaluation_mode_and_every_module_gets_its_mode_back():
    network = Moody().train()
    network.linear.eval()
    first, second = gathered(network, 50), gathered(network, 50)
    assert torch.equal(first.logits, second.logits)
    assert (network.training, network.inner.training, network.linear.training) == (True, True, False)
    assert not first.logits.requires_grad and not first.logits.is_inference()


def test_a_last_smaller_batch_weighs_as_much_as_it_holds():
    network = Moody()
    whole, parts = gathered(network, 50), gathered(network, 16)
    torch.testing.assert_close(whole.logits, parts.logits)
    assert accuracy(whole.logits, whole.labels) == accuracy(parts.logits, parts.labels)


def test_a_network_that_diverged_is_named():
    network = Moody()
    with torch.no_grad():
        network.linear.weight.fill_(np.nan)
    with pytest.raises(CourseError, match="m gives NaN or infinite logits: its training diverged"):
        gathered(network, 50)
