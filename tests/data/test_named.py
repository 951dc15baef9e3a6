import gzip
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
import torch

from course_lib import data
from course_lib.data import named
from course_lib.data.records import Pool, Source
from course_lib.errors import CourseError


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """An empty data folder, and no Debian package."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(named, "DEBIAN", tmp_path / "nowhere")
    return tmp_path


def write_idx(path, array):
    content = struct.pack(f">BBBB{array.ndim}i", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_fashion(folder, suffix, n_train=60, n_test=20, num_classes=10):
    rng = np.random.default_rng(0)
    for part, n in (("train", n_train), ("t10k", n_test)):
        write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", (np.arange(n) % num_classes).astype(np.uint8))


def test_digits_are_scikit_learns_in_three_disjoint_parts():
    from sklearn.datasets import load_digits

    splits = data.load("digits")
    digits = load_digits()
    parts = (splits.train, splits.calib, splits.test)
    assert [len(part) for part in parts] == [959, 239, 599]
    ours = torch.cat([part.images for part in parts]).flatten(1)
    theirs = torch.from_numpy(np.rint(digits.images * 255 / 16)).flatten(1)
    assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, theirs.int().tolist()))
    assert set(splits.test.labels.bincount().tolist()) == {59, 60}
    assert set(splits.calib.labels.bincount().tolist()) <= {23, 24, 25}
    assert not set(splits.train.indices.tolist()) & set(splits.calib.indices.tolist())


def test_digits_limits_are_balanced_nested_and_leave_the_rest_alone():
    small, large = data.load("digits", limit=204), data.load("digits", limit=400)
    assert small.train.labels.bincount().tolist() == [21] * 4 + [20] * 6
    assert set(small.train.indices.tolist()) < set(large.train.indices.tolist())
    assert small.calib.index_hash == large.calib.index_hash
    assert small.test.index_hash == large.test.index_hash


def test_digits_fashion_and_folders_never_import_torchvision(data_folder):
    write_fashion(data_folder / "fashion-mnist", ".gz")
    script = (
        "import sys; from course_lib import data, models; data.load('digits', limit=100); data.load('fashion');"
        "models.build('cnn4', 10, 1, seed=0); assert 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("place", ["FashionMNIST/raw", "fashion-mnist"])
def test_fashion_is_read_from_where_it_lies(data_folder, place, suffix):
    write_fashion(data_folder / place, suffix)
    splits = data.load("fashion")
    assert splits.test.images.shape == (20, 1, 28, 28)
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28), dtype=np.uint8)
    assert np.array_equal(splits.train.images[:, 0].numpy(), images[splits.train.indices])
    assert torch.equal(splits.train.labels, splits.train.indices % 10)
    assert data.found()["fashion"] == str(data_folder / place)


def test_debians_fashion_mnist_is_the_whole_set():
    if not named.DEBIAN.is_dir():
        pytest.skip("the package dataset-fashion-mnist is not installed")
    source = named.read_fashion(download=False)
    assert source.train.pixels().shape == (60_000, 1, 28, 28)
    assert source.test.pixels().shape == (10_000, 1, 28, 28)
    assert source.train.labels.bincount().tolist() == [6000] * 10


@pytest.mark.parametrize("content", [b"", b"\x00\x00\x08\x03", gzip.compress(b"\x00" * 40)[:-9], b"no gzip"])
def test_a_damaged_file_is_named(data_folder, content):
    write_fashion(data_folder / "fashion-mnist", ".gz")
    (data_folder / "fashion-mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(CourseError, match=r"cannot read .*t10k-images-idx3-ubyte.gz"):
        data.load("fashion")


def test_labels_outside_the_classes_are_refused(data_folder):
    write_fashion(data_folder / "fashion-mnist", "", num_classes=12)
    with pytest.raises(CourseError, match=r"fashion: 10 training labels are outside 0..9, the first is 10"):
        data.load("fashion")


def test_as_many_labels_as_images_are_needed(monkeypatch):
    images = torch.zeros(20, 1, 8, 8, dtype=torch.uint8)
    pool, short = Pool(images, torch.arange(20) % 2), Pool(images, torch.arange(19) % 2)
    monkeypatch.setitem(named.READERS, "digits", lambda download: Source("digits", pool, short, ("a", "b")))
    with pytest.raises(CourseError, match="20 test images, but 19 labels"):
        data.load("digits")


@pytest.mark.parametrize("name", ["fashion", "cifar10", "cifar100", "imagenet"])
def test_a_set_that_is_not_there_says_where_and_how_to_get_it(data_folder, name):
    assert data.found()[name] is None
    with pytest.raises(CourseError, match=f"{name} is not on this machine .*{data_folder}.*COURSE_DATA") as refused:
        data.load(name)
    assert data.remedy(name) in str(refused.value)


def test_an_unknown_name_gets_the_nearest_folders_included(data_folder):
    (data_folder / "flowers" / "train").mkdir(parents=True)
    with pytest.raises(CourseError, match="unknown data 'flowerz': did you mean flowers"):
        data.load("flowerz")
    with pytest.raises(CourseError, match="unknown data 'cifar': did you mean cifar10"):
        data.load("cifar")
    with pytest.raises(CourseError, match=r"there is no folder \./flowers"):
        data.load("./flowers")
    with pytest.raises(CourseError, match="unknown data ''"):
        data.load("")


def test_the_data_folder_defaults_to_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data.data_folder() == tmp_path / "course_lib" / "data"


def test_found_lists_folders_too(data_folder):
    (data_folder / "flowers" / "train").mkdir(parents=True)
    (data_folder / "only-val" / "val").mkdir(parents=True)
    assert set(data.found()) == {"digits", "fashion", "cifar10", "cifar100", "imagenet", "flowers", "only-val"}


@pytest.mark.verify
def test_cifar_is_read_as_torchvision_keeps_it(data_folder, monkeypatch):
    from torchvision import datasets

    folder = data_folder / datasets.CIFAR10.base_folder
    folder.mkdir()
    rows = {}
    for number, (name, _) in enumerate([*datasets.CIFAR10.train_list, *datasets.CIFAR10.test_list]):
        rows[name] = np.random.default_rng(number).integers(0, 256, (20, 3072), dtype=np.uint8)
        batch = {"data": rows[name], "labels": [row % 10 for row in range(20)]}
        (folder / name).write_bytes(pickle.dumps(batch))
    names = [f"class {number}" for number in range(10)]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    with pytest.raises(CourseError, match=r"cannot get the data .*not found or corrupted"):  # the checksums differ
        data.load("cifar10")
    monkeypatch.setattr(datasets.cifar, "check_integrity", lambda *_: True)
    splits = data.load("cifar10")
    assert splits.class_names == tuple(names)
    assert np.array_equal(splits.test.images.numpy(), rows["test_batch"].reshape(20, 3, 32, 32))
    assert len(splits.train) + len(splits.calib) == 100


def test_tabular_holds_rows_of_numbers_as_images_of_one_pixel():
    splits = data.load("tabular", limit=800)
    assert splits.train.images.shape == (800, 20, 1, 1) and splits.train.images.dtype == torch.uint8
    assert (len(splits.calib), len(splits.test), len(splits.class_names)) == (500, 2000, 8)
    assert torch.equal(splits.train.labels.bincount(), torch.full((8,), 100))
    spread = splits.train.images.float().flatten(1)
    assert ((spread.mean(0) - 127.5).abs() < 5).all() and ((spread.std(0) - 32).abs() < 4).all()
    assert torch.equal(data.load("tabular", limit=800).test.images, splits.test.images)


def test_the_rows_of_tabular_are_those_of_scikit_learn_in_256_steps():
    from sklearn.datasets import make_classification

    features, labels = make_classification(
        6_000, 20, n_informative=12, n_redundant=4, n_classes=8, n_clusters_per_class=2, class_sep=1.5, flip_y=0.05,
        random_state=20_180_515,
    )  # fmt: skip
    source = named.read_tabular(download=False)
    pixels = torch.cat([source.train.pixels(), source.test.pixels()]).flatten(1).numpy()
    assert np.array_equal(torch.cat([source.train.labels, source.test.labels]).numpy(), labels)
    for column in range(20):  # equal but for rounding and for what is cut
        assert np.corrcoef(pixels[:, column], features[:, column])[0, 1] > 0.999


def test_tabular_is_never_cropped_or_mirrored():
    from course_lib.augment import View

    assert View.of((6_000, 20, 1, 1)) == View(size=1, padding=0, shift=0, flip=False)
