import numpy as np
import pytest
import torch
from torch import nn

from course_lib.studies.between import Probe
from course_lib.vicinal import draw_pairs


def probe(n=30, rounds=40, seed=0):
    labels = torch.arange(n) % 3
    views = torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return Probe(views, labels, draw_pairs(labels, rounds, np.random.default_rng(seed)), rounds)


def test_samples_have_the_mean_of_their_pairs():
    pairs = probe()
    values = torch.rand(len(pairs.pairs.lam), dtype=torch.float64)
    assert pairs.samples(values).mean().item() == pytest.approx(values.mean().item())
    near = (pairs.pairs.lam - 0.5).abs() <= 0.1
    assert pairs.peak_samples(values).mean().item() == pytest.approx(values[near].mean().item())


def test_what_an_image_adds_in_both_roles_is_its_own():
    """For f(i, j) = a_i + a_j the spread of the samples is that of 2 a: each image adds itself twice."""
    pairs = probe(n=300, rounds=200)
    a = torch.randn(300, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    samples = pairs.samples(a[pairs.pairs.first] + a[pairs.pairs.second])
    assert np.corrcoef(samples.numpy(), a.numpy())[0, 1] > 0.99
    assert samples.std().item() == pytest.approx(2 * a.std().item(), rel=0.05)


def test_a_network_is_asked_about_the_mixtures_of_its_pairs():
    pairs = probe(n=6, rounds=3)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))  # linear: the logits of a mixture are mixed logits
    answers = pairs.ask(network)
    lam = pairs.pairs.lam.float()[:, None]
    mixed = lam * answers.clean[pairs.pairs.first] + (1 - lam) * answers.clean[pairs.pairs.second]
    torch.testing.assert_close(answers.mixed, mixed.detach())
    assert not answers.mixed.is_inference()


def test_a_measure_of_each_pair_meets_the_lambda_and_partner_of_its_round():
    pairs = probe(n=6, rounds=3)
    answers = pairs.ask(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)))
    assert torch.equal(answers.each(lambda mixed, lam, partner: lam), pairs.pairs.lam)
    assert torch.equal(answers.each(lambda mixed, lam, partner: partner), pairs.pairs.second)
    sums = answers.each(lambda mixed, lam, partner: mixed.sum(1), temperature=3.0)
    torch.testing.assert_close(sums, torch.ones(18, dtype=torch.float64))
