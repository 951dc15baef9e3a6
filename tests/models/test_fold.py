"""Folding changes the work, not the answers."""

import pytest
import torch
from torch import nn

from course_lib.models import build
from course_lib.models.fold import folded


def lived_in(network, seed=0):
    """A network whose batch norms are those of a network that has trained."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low, high in (
                (module.running_mean, -0.2, 0.2),
                (module.running_var, 0.5, 2.0),
                (module.weight.data, 0.5, 1.5),
                (module.bias.data, -0.5, 0.5),
            ):
                values.copy_(torch.rand(values.shape, generator=generator) * (high - low) + low)
    return network.eval()


def batch_norms(network):
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


CASES = [("resnet8", 32, 0), ("wrn-16-2", 32, 6), ("vgg8", 32, 0), ("cnn8", 28, 0), ("resnet8x4", 32, 0)]


@pytest.mark.parametrize(("name", "side", "left"), CASES)
def test_a_folded_network_gives_the_same_logits(name, side, left):
    network = lived_in(build(name, 10, seed=1))
    images = torch.rand(8, 3, side, side, generator=torch.Generator().manual_seed(2))
    twin = folded(network)
    with torch.inference_mode():
        before, after = network(images), twin(images)
    assert float((before - after).abs().max()) <= 1e-5 * float(before.abs().max())
    assert batch_norms(network) > left == batch_norms(twin)  # only those that no convolution precedes are left


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "densenet121", "convnext_tiny"])
def test_networks_of_torchvision_fold_too(name):
    network = lived_in(build(f"torchvision:{name}", 10, seed=1))
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        before, after = network(images), folded(network)(images)
    assert float((before - after).abs().max()) <= 1e-5 * float(before.abs().max())


def test_folding_one_convolution_is_the_formula_worked_by_hand():
    convolution, norm = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0.0)
    convolution.weight.data.fill_(2.0)
    convolution.bias.data.fill_(1.0)
    norm.running_mean.fill_(3.0)
    norm.running_var.fill_(4.0)
    norm.weight.data.fill_(6.0)
    norm.bias.data.fill_(0.5)
    twin = folded(nn.Sequential(convolution, norm).eval())
    (found,) = [module for module in twin.modules() if isinstance(module, nn.Conv2d)]
    assert found.weight.item() == 6.0 / 2.0 * 2.0  # gamma / sqrt(var) W
    assert found.bias.item() == 6.0 / 2.0 * (1.0 - 3.0) + 0.5


def test_folding_leaves_the_network_as_it_was_and_a_frozen_one_frozen():
    network = lived_in(build("resnet8", 10, seed=1)).requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    twin = folded(network)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(parameter.requires_grad for parameter in twin.parameters())
    assert not any(module.training for module in twin.modules())


def test_a_network_in_training_mode_is_not_folded():
    with pytest.raises(ValueError, match="evaluation mode"):
        folded(build("resnet8", 10, seed=0))
