import argparse

import pytest
import torch

from course_lib.errors import CourseError
from course_lib.files import save_tensors
from course_lib.models import build

IMAGES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def trained(name="resnet8", num_classes=10, **settings):
    """A network whose BatchNorm statistics are not the initial ones."""
    network = build(name, num_classes, seed=1, **settings)
    network(IMAGES)
    return network.eval()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_saved_network_comes_back_whole(tmp_path, memory_format):
    network = trained(mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.4]).to(memory_format=memory_format)
    save_tensors(tmp_path / "n.safetensors", network.state_dict(), {})
    loaded = build(f"resnet8@{tmp_path / 'n.safetensors'}", 10, seed=9).eval()
    assert loaded.weights == "outside"
    assert torch.equal(loaded.mean, network.mean)  # the file's normalisation, not that of the call
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    torch.testing.assert_close(loaded(IMAGES), network(IMAGES))


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s}, lambda s: {"model": s, "epoch": 240}])
@pytest.mark.parametrize("prefix", ["", "module.", "module._orig_mod."])
def test_checkpoints_of_other_projects_load(tmp_path, wrap, prefix):
    inner = trained("wrn-16-1").inner
    torch.save(wrap({prefix + name: tensor for name, tensor in inner.state_dict().items()}), tmp_path / "w.pth")
    loaded = build(f"wrn-16-1@{tmp_path / 'w.pth'}", 10, seed=9, mean=[0.5] * 3, std=[0.25] * 3).eval()
    torch.testing.assert_close(loaded(IMAGES), inner((IMAGES - 0.5) / 0.25))


def test_layers_are_named_as_in_the_checkpoints_of_the_literature():
    def keys(name):
        return set(build(name, 100, seed=0).inner.state_dict())

    assert {"conv1.weight", "layer2.0.downsample.1.running_mean", "fc.bias"} <= keys("resnet8x4")
    assert {"block1.layer.0.convShortcut.weight", "block3.layer.5.bn2.bias", "bn1.weight"} <= keys("wrn-40-2")
    assert {"block0.0.weight", "block0.4.running_var", "block4.3.bias", "classifier.weight"} <= keys("vgg13")


def test_old_checkpoints_without_batch_counters_load(tmp_path):
    weights = {k: v for k, v in trained().inner.state_dict().items() if not k.endswith("num_batches_tracked")}
    save_tensors(tmp_path / "w.safetensors", weights, {})
    assert build(f"resnet8@{tmp_path / 'w.safetensors'}", 10, seed=0).weights == "outside"


def test_another_number_of_classes_is_named(tmp_path):
    save_tensors(tmp_path / "w.safetensors", trained(num_classes=100).state_dict(), {})
    with pytest.raises(CourseError, match="trained for 100 classes, the data has 10"):
        build(f"resnet8@{tmp_path / 'w.safetensors'}", 10, seed=0)


def test_weights_of_another_network_name_the_first_keys(tmp_path):
    save_tensors(tmp_path / "w.safetensors", trained().state_dict(), {})
    with pytest.raises(CourseError, match=r"another network than resnet14: layer1.1.conv1.weight is missing; .* more"):
        build(f"resnet14@{tmp_path / 'w.safetensors'}", 10, seed=0)
    with pytest.raises(CourseError, match=r"conv1.weight is 16x3x3x3, not 16x1x3x3"):
        build(f"resnet8@{tmp_path / 'w.safetensors'}", 10, channels=1, seed=0)


def test_a_pickle_that_wants_to_run_code_is_refused(tmp_path):
    torch.save({"model": trained().state_dict(), "options": argparse.Namespace(lr=0.1)}, tmp_path / "w.pth")
    with pytest.raises(CourseError, match=r"cannot read .*w.pth as plain weights"):
        build(f"resnet8@{tmp_path / 'w.pth'}", 10, seed=0)


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.safetensors"])
def test_a_damaged_or_missing_file_is_named(tmp_path, name):
    with pytest.raises(CourseError, match=f"no file .*{name}"):
        build(f"resnet8@{tmp_path / name}", 10, seed=0)
    (tmp_path / name).write_bytes(b"not weights")
    with pytest.raises(CourseError, match=f"cannot read .*{name}"):
        build(f"resnet8@{tmp_path / name}", 10, seed=0)


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], torch.zeros(3)])
def test_a_file_without_named_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(CourseError, match="holds no named weights"):
        build(f"resnet8@{tmp_path / 'w.pth'}", 10, seed=0)


def test_only_torchvision_publishes_weights():
    with pytest.raises(CourseError, match="only torchvision:NAME has published weights"):
        build("resnet8@DEFAULT", 10, seed=0)
