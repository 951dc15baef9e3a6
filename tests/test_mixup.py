import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.mixup import Mix, cut_and_paste, mix, mix_labels


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


def pasted(lam, y, x, size=(4, 8)):
    """CutMix of a black image with a white partner: which pixels are white, and the share kept."""
    images = torch.stack([torch.zeros(1, *size), torch.ones(1, *size)])
    weights = torch.tensor([lam, 1.0])
    mixed, kept = cut_and_paste(images, weights, torch.tensor([1, 0]), torch.tensor([y, 0.5]), torch.tensor([x, 0.5]))
    assert torch.equal(mixed[1], images[1]) and kept[1] == 1  # lambda 1: nothing is pasted
    return mixed[0, 0], kept[0].item()


def test_the_box_of_cutmix_is_the_one_drawn_by_hand():
    # sqrt(1 - 0.75) = 1/2: a box of 2 rows and 4 columns around row 1, column 6 of 4 x 8 pixels
    box, kept = pasted(0.75, y=0.25, x=0.75)
    by_hand = torch.zeros(4, 8)
    by_hand[0:2, 4:8] = 1
    assert torch.equal(box, by_hand) and kept == 1 - 8 / 32


def test_what_the_border_cuts_off_is_not_pasted_and_lambda_says_so():
    box, kept = pasted(0.75, y=0.0, x=0.0)  # a quarter of the box is left: 1 row, 2 columns
    assert box.sum() == 2 and box[0, :2].all() and kept == 1 - 2 / 32


@settings(max_examples=50, deadline=None)
@given(lam=st.floats(0, 1), y=st.floats(0, 0.999), x=st.floats(0, 0.999))
def test_cutmix_keeps_the_share_of_pixels_that_it_says(lam, y, x):
    box, kept = pasted(lam, y, x)
    assert 1 - box.mean().item() == pytest.approx(kept, abs=1e-6)
    assert kept >= lam - 0.4  # pixels are whole: on 4 x 8 of them the box is rounded


def test_cutmix_leaves_its_batch_as_it_was():
    images, lam, partner = batch()
    before = images.clone()
    cut_and_paste(images, lam, partner, torch.full((6,), 0.5), torch.full((6,), 0.5))
    assert torch.equal(images, before)
