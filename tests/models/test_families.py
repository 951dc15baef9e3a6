import pytest
import torch

from course_lib.errors import CourseError
from course_lib.models import build, count_parameters, names, parse_name
from course_lib.models.published import PREFIX

LITERATURE = {  # for 100 classes; Tian, Krishnan and Isola, ICLR 2020
    "resnet8": 83_892,
    "resnet20": 278_324,
    "resnet56": 861_620,
    "resnet110": 1_736_564,
    "resnet8x4": 1_233_540,
    "resnet32x4": 7_433_860,
    "wrn-16-2": 703_284,
    "wrn-40-1": 569_780,
    "wrn-40-2": 2_255_156,
    "vgg8": 3_965_028,
    "vgg13": 9_462_180,
}
BUILT_HERE = [name for name in names() if not name.startswith(PREFIX)]


@pytest.mark.parametrize(("name", "parameters"), LITERATURE.items())
def test_parameter_counts_are_those_of_the_literature(name, parameters):
    assert count_parameters(build(name, 100, seed=0)) == parameters


def test_parameter_count_of_a_small_network_is_that_worked_by_hand():
    # convolutions 1x4x9, 4x8x9, 8x16x9; BatchNorm 2(4 + 8 + 16); linear 16x10 + 10
    assert count_parameters(build("cnn4", 10, channels=1, seed=0)) == 36 + 288 + 1152 + 56 + 170


@pytest.mark.parametrize("name", BUILT_HERE)
def test_every_network_gives_one_logit_a_class(name):
    size = 1 if name.startswith("mlp") else 16  # pixels on a side; rows of numbers are images of one pixel
    network = build(name, 7, seed=0).eval()
    with torch.no_grad():
        logits = network(torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (2, 7)
    assert not torch.allclose(logits.sum(dim=1), torch.ones(2))  # logits, not probabilities
    assert not torch.equal(logits[0], logits[1])


@pytest.mark.parametrize("name", ["cnn3", "resnet8", "wrn-16-1", "vgg8"])
@pytest.mark.parametrize("size", [8, 28, 64])
def test_any_size_from_eight_pixels_on_is_taken(name, size):
    assert build(name, 5, channels=1, seed=0)(torch.zeros(2, 1, size, size)).shape == (2, 5)


@pytest.mark.parametrize("name", ["cnn8", "resnet8", "wrn-16-2", "vgg11"])
def test_weights_depend_on_the_seed_alone(name):
    torch.manual_seed(1)
    first = build(name, 10, seed=3).state_dict()
    torch.manual_seed(2)
    again = build(name, 10, seed=3).state_dict()
    other = build(name, 10, seed=4).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_building_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    build("resnet8", 10, seed=5)
    assert torch.equal(before, torch.get_rng_state())


def test_normalisation_is_exact():
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    mean, std = [0.5, 0.25, 0.125], [0.25, 0.5, 2.0]
    network = build("cnn4", 10, seed=0, mean=mean, std=std).eval()
    by_hand = torch.stack([(images[:, c] - mean[c]) / std[c] for c in range(3)], dim=1)
    assert torch.equal(network(images), network.inner(by_hand))


def test_without_mean_and_std_images_pass_unchanged():
    images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    network = build("cnn4", 10, channels=1, seed=0).eval()
    assert torch.equal(network(images), network.inner(images))


def test_a_channel_without_spread_is_refused():
    with pytest.raises(ValueError, match="std must be positive"):
        build("cnn4", 10, channels=1, seed=0, mean=[0.5], std=[0.0])


def test_a_residual_block_without_residual_is_a_rectifier():
    network = build("resnet8", 10, seed=0).eval()
    block = network.inner.layer1[0]
    torch.nn.init.zeros_(block.bn2.weight)
    x = torch.randn(2, 16, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(x), x.relu())


def test_a_preactivation_block_without_residual_is_the_identity():
    network = build("wrn-40-1", 10, seed=0).eval()
    block = network.inner.block1.layer[1]
    torch.nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 16, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(x), x)


@pytest.mark.parametrize("name", ["resnet9", "cnn0", "cnn", "wrn-16-3", "mlp"])
def test_an_unknown_name_lists_what_exists(name):
    with pytest.raises(CourseError, match=f"unknown model '{name}'.*torchvision:NAME"):
        build(name, 10, seed=0)


@pytest.mark.parametrize("name", ["", "@DEFAULT", "resnet8@"])
def test_half_a_name_is_refused(name):
    with pytest.raises(CourseError, match="NAME@WEIGHTS"):
        parse_name(name)


def test_a_path_may_hold_an_at_sign():
    assert parse_name("resnet8@runs/a@b.pth") == ("resnet8", "runs/a@b.pth")


def _digits_accuracy(name, seed):
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None]
    labels = torch.tensor(digits.target)
    rng = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=rng)
    train, test = order[:400], order[1000:]
    network = build(name, 10, channels=1, seed=seed, mean=[0.3], std=[0.38])
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=20 * 13)
    for _ in range(20):
        for rows in train[torch.randperm(400, generator=rng)].split(32):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(images[rows]), labels[rows]).backward()
            optimizer.step()
            schedule.step()
    network.eval()
    with torch.no_grad():
        return float((network(images[test]).argmax(dim=1) == labels[test]).float().mean())


@pytest.mark.verify
def test_a_wide_network_is_a_teacher_and_a_narrow_one_has_something_to_gain():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # networks this small are slower on more
    teacher, student = _digits_accuracy("cnn32", seed=0), _digits_accuracy("cnn3", seed=0)
    torch.set_num_threads(threads)
    assert teacher > 0.95
    assert student < teacher - 0.02


@pytest.mark.parametrize(("width", "features", "classes"), [(16, 20, 8), (1, 3, 2)])
def test_a_plain_network_has_the_parameters_worked_by_hand(width, features, classes):
    network = build(f"mlp{width}", classes, channels=features, seed=0)
    by_hand = features * width + 2 * width + width * width + 2 * width + width * classes + classes
    assert count_parameters(network) == by_hand
    assert network(torch.zeros(5, features, 1, 1)).shape == (5, classes)
