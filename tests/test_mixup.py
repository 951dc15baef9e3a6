import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.mixup import Mix, mix, mix_labels


def batch(seed=0, n=6):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(n, 3, 4, 4, generator=generator)
    lam = torch.rand(n, generator=generator)
    return images, lam, torch.randperm(n, generator=generator)


def test_the_mix_of_two_examples_is_the_combination_worked_by_hand():
    images = torch.tensor([[0.0, 1.0], [1.0, 0.5]])
    mixed = mix(images, lam=torch.tensor([0.25, 1.0]), partner=torch.tensor([1, 0]))
    torch.testing.assert_close(mixed, torch.tensor([[0.75, 0.625], [1.0, 0.5]]))


def test_partners_need_not_be_a_permutation():
    mixed = mix(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([0.5, 0.5, 0.5]), torch.tensor([2, 2, 2]))
    torch.testing.assert_close(mixed, torch.tensor([[1.0], [1.5], [2.0]]))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_mixed_targets_still_sum_to_one_and_weigh_as_their_images(seed):
    _, lam, partner = batch(seed)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    targets = mix_labels(labels, lam, partner, num_classes=4)
    torch.testing.assert_close(targets.sum(1), torch.ones(6))
    for i in range(6):
        own = lam[i] + (1 - lam[i]) * (labels[partner[i]] == labels[i])
        torch.testing.assert_close(targets[i, labels[i]], own)


def test_lambda_one_changes_nothing():
    images, _, partner = batch()
    assert torch.equal(mix(images, torch.ones(6), partner), images)


def test_swapping_the_pair_and_lambda_gives_the_same_mix():
    images, _, _ = batch()
    lam = torch.tensor([0.1, 0.7, 0.5, 0.5, 0.3, 0.9])  # lam of a partner is 1 - lam
    mixed = mix(images, lam, partner=torch.arange(6).flip(0))
    torch.testing.assert_close(mixed, mixed.flip(0))


def test_a_mix_treats_images_and_targets_alike():
    images, lam, partner = batch()
    one_mix = Mix(lam, partner)
    assert torch.equal(one_mix(images), mix(images, lam, partner))
    assert torch.equal(one_mix(images[:, :, 0, 0]), one_mix(images)[:, :, 0, 0])


def test_the_input_is_left_as_it_was_and_the_dtype_kept():
    images, lam, partner = batch()
    before = images.clone()
    assert mix(images.double(), lam, partner).dtype == torch.float64
    mix(images, lam, partner).zero_()
    assert torch.equal(images, before)


def test_integers_and_wrong_lengths_are_refused_with_advice():
    with pytest.raises(TypeError, match="one-hot"):
        mix(torch.tensor([1, 2]), torch.ones(2), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="must agree"):
        mix(torch.ones(3, 2), torch.ones(2), torch.tensor([0, 1]))
