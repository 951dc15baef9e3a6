import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from course_lib.geometry import linear_cka, nearest_neighbour_accuracy, penultimate, within_between_ratio
from course_lib.models import build


def drawn(seed=0, n=60, d=7):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    return torch.from_numpy(rng.normal(size=(n, d)) + 1.5 * np.eye(3, d)[labels]), torch.from_numpy(labels)


def turned(features, seed=1):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(features.shape[1],) * 2))
    return features @ torch.from_numpy(q)


# ---- CKA ----


def test_turning_moving_and_scaling_leave_features_alike():
    x, _ = drawn()
    assert linear_cka(x, 5 * turned(x) - 3) == pytest.approx(1.0)


@pytest.mark.parametrize("e", [3, 7, 20])
def test_cka_is_that_of_the_gram_matrices(e):
    """The same number from N x N similarities, by way of HSIC."""
    x, y = drawn()[0].numpy(), drawn(seed=5, d=e)[0].numpy()
    centring = np.eye(60) - 1 / 60
    gram_x, gram_y = (centring @ (z @ z.T) @ centring for z in (x, y))
    by_hsic = (gram_x * gram_y).sum() / np.sqrt((gram_x**2).sum() * (gram_y**2).sum())
    assert linear_cka(torch.from_numpy(x), torch.from_numpy(y)) == pytest.approx(by_hsic)
    assert linear_cka(torch.from_numpy(y), torch.from_numpy(x)) == pytest.approx(by_hsic)
    assert 0 <= by_hsic <= 1


def test_cka_is_the_one_worked_by_hand():
    # centred, y has columns (-1, 2, -1) / 3 and x itself: X'X = 2, Y'Y = diag(2/3, 2), Y'X = (0, 2)
    x, y = torch.tensor([[-1.0], [0.0], [1.0]]), torch.tensor([[0.0, 4.0], [1.0, 5.0], [0.0, 6.0]])
    assert linear_cka(x, y) == pytest.approx(4 / (2 * np.sqrt((2 / 3) ** 2 + 2**2)))


def test_features_that_are_at_right_angles_have_no_cka():
    x, y = torch.tensor([[-1.0], [0.0], [1.0]]), torch.tensor([[0.0], [1.0], [0.0]])
    assert linear_cka(x, y) == pytest.approx(0.0, abs=1e-15)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 100_000))
def test_cka_is_never_above_1_by_rounding(seed):
    x = torch.from_numpy(np.random.default_rng(seed).random((30, 6)))
    assert linear_cka(x, x) <= 1 and linear_cka(x, 3 * x) <= 1 and linear_cka(x.float(), turned(x)) <= 1


def test_features_that_are_no_numbers_are_like_nothing():
    x = torch.eye(4)
    assert np.isnan(linear_cka(x, torch.where(x > 0, torch.nan, 0.0)))


def test_features_that_have_nothing_to_do_with_each_other_are_not_alike():
    rng = np.random.default_rng(0)
    x, y = (torch.from_numpy(rng.normal(size=(5_000, 4))) for _ in range(2))
    assert linear_cka(x, y) < 0.01


def test_features_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="3 images"):
        linear_cka(torch.zeros(3, 2), torch.zeros(4, 2))
    with pytest.raises(ValueError, match="all features are the same"):
        linear_cka(torch.ones(3, 2), torch.eye(3))
    with pytest.raises(ValueError, match="all features are the same"):
        linear_cka(torch.ones(1, 2), torch.zeros(1, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [3, 5, 6, 7, 11, 60])
@pytest.mark.parametrize("level", [0.1, 1.7, -2.3, 3.3e-3])
def test_features_that_are_all_the_same_are_refused_though_their_mean_is_rounded(level, n, dtype):
    constant = torch.full((n, 3), level, dtype=dtype)
    with pytest.raises(ValueError, match="all features are the same"):
        linear_cka(constant, torch.arange(float(n))[:, None])
    with pytest.raises(ValueError, match="the same mean"):
        within_between_ratio(constant, torch.arange(n) % 2)


# ---- neighbours ----


@pytest.mark.parametrize("seed", range(3))
def test_neighbours_are_those_of_scikit_learn(seed):
    x, labels = drawn(seed)
    theirs = cross_val_score(KNeighborsClassifier(1), x.numpy(), labels.numpy(), cv=LeaveOneOut()).mean()
    assert nearest_neighbour_accuracy(x, labels) == pytest.approx(theirs)


def test_pieces_of_the_distances_change_nothing(monkeypatch):
    x, labels = drawn()
    whole = nearest_neighbour_accuracy(x, labels)
    monkeypatch.setattr("course_lib.geometry.ROWS_AT_ONCE", 7)
    assert nearest_neighbour_accuracy(x, labels) == whole


def test_distances_far_from_the_origin_are_exact():
    x, labels = drawn()
    assert nearest_neighbour_accuracy(x + 1e7, labels) == nearest_neighbour_accuracy(x, labels)


def test_of_equally_near_neighbours_the_first_counts():
    line = torch.tensor([[0.0], [1.0], [2.0]])
    assert nearest_neighbour_accuracy(line, torch.tensor([0, 0, 1])) == pytest.approx(2 / 3)  # the middle goes to 0
    assert nearest_neighbour_accuracy(line, torch.tensor([1, 0, 0])) == pytest.approx(1 / 3)
    assert nearest_neighbour_accuracy(torch.zeros(4, 2), torch.tensor([0, 0, 0, 1])) == 0.75  # all at one point


def test_an_image_is_not_its_own_neighbour():
    assert nearest_neighbour_accuracy(torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1])) == 0
    with pytest.raises(ValueError, match="at least 2"):
        nearest_neighbour_accuracy(torch.zeros(1, 2), torch.zeros(1))


# ---- neural collapse ----


@pytest.mark.parametrize("seed", range(3))
def test_nc1_is_that_of_its_definition(seed):
    x, labels = (each.numpy() for each in drawn(seed))
    means = np.stack([x[labels == k].mean(0) for k in range(3)])
    within = sum(np.outer(row - means[k], row - means[k]) for row, k in zip(x, labels, strict=True)) / len(x)
    centred = means - means.mean(0)
    between = centred.T @ centred / 3
    by_definition = np.trace(within @ np.linalg.pinv(between, rcond=1e-10)) / 3
    assert within_between_ratio(*drawn(seed)) == pytest.approx(by_definition, rel=1e-6)


def test_turning_moving_and_scaling_leave_nc1_as_it_is():
    x, labels = drawn()
    ratio = within_between_ratio(x, labels)
    assert within_between_ratio(4 * turned(x) + 9, labels) == pytest.approx(ratio, rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100_000), st.integers(2, 5), st.integers(1, 8))
def test_nc1_of_classes_of_unequal_size_is_that_of_its_definition(seed, k, d):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(k), rng.integers(0, k, 30)])
    x = rng.normal(size=(len(labels), d)) + rng.normal(size=(k, d))[labels]
    means = np.stack([x[labels == c].mean(0) for c in range(k)])
    within = (x - means[labels]).T @ (x - means[labels]) / len(x)
    between = np.cov(means.T, bias=True).reshape(d, d)
    by_definition = np.trace(within @ np.linalg.pinv(between, rcond=1e-10)) / k
    assert within_between_ratio(torch.from_numpy(x), torch.from_numpy(labels)) == pytest.approx(by_definition, rel=1e-5)


def test_tighter_classes_have_a_smaller_nc1_by_the_square():
    _, labels = drawn()
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(60, 7)))
    noise = noise - torch.stack([noise[labels == k].mean(0) for k in range(3)])[labels]
    corners = torch.eye(3, 7, dtype=torch.float64)[labels]
    wide, tight = (within_between_ratio(corners + size * noise, labels) for size in (0.5, 0.05))
    assert wide == pytest.approx(100 * tight)


def test_classes_with_one_mean_have_no_spread_to_measure_by():
    with pytest.raises(ValueError, match="the same mean"):
        within_between_ratio(torch.tensor([[0.0], [2.0], [0.0], [2.0]]), torch.tensor([0, 0, 1, 1]))


def test_classes_that_collapse_to_points_have_none():
    _, labels = drawn()
    assert within_between_ratio(torch.eye(3, dtype=torch.float64)[labels], labels) == pytest.approx(0, abs=1e-12)


def test_a_class_without_images_is_refused():
    with pytest.raises(ValueError, match="must have an image"):
        within_between_ratio(torch.eye(3), torch.tensor([0, 0, 2]))
    with pytest.raises(ValueError, match="2 or more"):
        within_between_ratio(torch.eye(3), torch.tensor([0, 0, 0]))


# ---- features ----


@pytest.mark.parametrize("name", ["cnn4", "resnet8", "mlp16"])
def test_penultimate_features_are_what_the_last_layer_turns_into_logits(name):
    size = 1 if name == "mlp16" else 8
    network = build(name, 10, 1, seed=0).eval()
    views = torch.rand(9, 1, size, size, generator=torch.Generator().manual_seed(0))
    features = penultimate(network, views, batch_size=4)
    last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    torch.testing.assert_close(last(features), network(views))


def seeded(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


def test_penultimate_features_are_those_of_the_layers_run_by_hand():
    network = build("cnn4", 10, 1, seed=0)
    views, features = seeded(6, 1, 8, 8), penultimate(network, seeded(6, 1, 8, 8), batch_size=4)
    x = views
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for stage, (convolution, norm) in enumerate(zip(convolutions, norms, strict=True)):
        x = nn.functional.conv2d(x, convolution.weight, padding=1)
        assert norm.running_mean is not None and norm.running_var is not None
        shown = (each[:, None, None] for each in (norm.running_mean, norm.running_var, norm.weight, norm.bias))
        mean, variance, weight, bias = shown
        x = ((x - mean) / (variance + norm.eps).sqrt() * weight + bias).clamp_min(0)
        if stage < 2:
            x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(4, 5))  # the largest of each 2 by 2
    assert features.shape == (6, 16)
    torch.testing.assert_close(features, x.mean(dim=(2, 3)))


def test_every_module_is_left_in_the_mode_that_it_was_in():
    network = build("resnet8", 10, 1, seed=0).train()
    frozen = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)][::2]
    for module in frozen:
        module.eval()
    before = [module.training for module in network.modules()]
    penultimate(network, seeded(3, 1, 8, 8))
    with pytest.raises(RuntimeError):
        penultimate(network, seeded(3, 4, 8, 8))
    assert [module.training for module in network.modules()] == before and any(before) and not all(before)


def test_a_network_is_asked_in_evaluation_mode_and_left_as_it_was():
    network = build("cnn4", 10, 1, seed=0).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    penultimate(network, seeded(4, 1, 8, 8))
    assert network.training and all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    with pytest.raises(RuntimeError):
        penultimate(network, seeded(4, 5, 8, 8))
    assert all(not module._forward_pre_hooks for module in network.modules()) and network.training


def test_a_network_without_a_linear_layer_is_refused():
    with pytest.raises(ValueError, match="no linear layer"):
        penultimate(nn.Conv2d(1, 1, 1), seeded(1, 1, 2, 2))
