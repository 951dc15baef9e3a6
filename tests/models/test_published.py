"""torchvision takes seconds to import, so all of this waits for `make verify`."""

from urllib.error import URLError

import pytest
import torch

from course_lib.errors import CourseError
from course_lib.models import build, count_parameters

pytestmark = pytest.mark.verify


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of published weights, and no network."""

    def offline(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    return checkpoints


def publish(hub, name):
    """Put random weights where torchvision's published ones would be."""
    from torchvision import models

    network = models.get_model(name, weights=None, **({"init_weights": False} if name == "googlenet" else {}))
    url = models.get_model_weights(name).DEFAULT.url
    torch.save(network.state_dict(), hub / url.rsplit("/", 1)[1])
    return network.eval()


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "squeezenet1_1", "googlenet"])
def test_torchvision_classifiers_give_logits_for_grey_and_colour_images(name):
    network = build(f"torchvision:{name}", 6, channels=1, seed=0)
    assert network(torch.rand(2, 1, 64, 64)).shape == (2, 6)
    assert network(torch.rand(2, 3, 64, 64)).shape == (2, 6)
    assert network.weights == "random"


def test_a_grey_image_is_repeated_to_three_channels():
    network = build("torchvision:resnet18", 6, channels=1, seed=0, mean=[0.5], std=[0.5]).eval()
    images = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(network(images), network.inner(((images - 0.5) / 0.5).repeat(1, 3, 1, 1)))


def test_counts_are_those_that_torchvision_states():
    from torchvision.models import ResNet18_Weights

    assert count_parameters(build("torchvision:resnet18", 1000, seed=0)) == ResNet18_Weights.DEFAULT.meta["num_params"]


def test_seeds_decide_and_the_global_state_stays():
    before = torch.get_rng_state()
    first, again = (build("torchvision:squeezenet1_1", 5, seed=2).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert torch.equal(before, torch.get_rng_state())


def test_published_weights_are_used_as_they_are(hub):
    published = publish(hub, "resnet18")
    network = build("torchvision:resnet18@DEFAULT", 1000, seed=0).eval()
    assert network.weights == "outside"
    assert [round(value, 3) for value in network.mean.tolist()] == [0.485, 0.456, 0.406]
    images = torch.rand(2, 3, 64, 64)
    normalised = (images - network.mean.view(3, 1, 1)) / network.std.view(3, 1, 1)
    torch.testing.assert_close(network(images), published(normalised))


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "mobilenet_v3_small", "googlenet"])
def test_other_classes_get_a_fresh_head_and_nothing_else(hub, name):
    published = publish(hub, name).state_dict()
    network = build(f"torchvision:{name}@IMAGENET1K_V1", 7, seed=0)
    assert network.weights == "outside, new head"
    assert network(torch.rand(2, 3, 64, 64)).shape == (2, 7)
    weights = network.inner.state_dict()
    fresh = [key for key in weights if weights[key].shape != published[key].shape]
    assert len(fresh) == 2  # a weight and a bias
    counters = [key for key in weights if key.endswith("num_batches_tracked")]
    running = [key for key in weights if "running" in key]  # moved by the batch above
    assert all(torch.equal(weights[key], published[key]) for key in weights if key not in (*fresh, *counters, *running))


def test_weights_that_cannot_be_had_say_which_file_to_put_where(hub):
    with pytest.raises(CourseError, match=rf"resnet18 .*https://\S+resnet18\S+\.pth .* put it at {hub}/resnet18"):
        build("torchvision:resnet18@DEFAULT", 1000, seed=0)


def test_damaged_published_weights_say_so(hub):
    from torchvision import models

    (hub / models.ResNet18_Weights.DEFAULT.url.rsplit("/", 1)[1]).write_bytes(b"half a download")
    with pytest.raises(CourseError, match="cannot get the published weights of resnet18"):
        build("torchvision:resnet18@DEFAULT", 1000, seed=0)


def test_unknown_names_get_the_nearest():
    with pytest.raises(CourseError, match=r"unknown torchvision classifier 'resnet17': did you mean .*resnet18"):
        build("torchvision:resnet17", 10, seed=0)
    with pytest.raises(CourseError, match="unknown torchvision classifier 'fcn_resnet50'"):
        build("torchvision:fcn_resnet50", 10, seed=0)
    with pytest.raises(CourseError, match=r"unknown weights .*IMAGENET1K_V3.*did you mean IMAGENET1K_V1"):
        build("torchvision:resnet18@IMAGENET1K_V3", 10, seed=0)
