import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import data
from course_lib.data import pixels
from course_lib.decode import EncodedImages
from course_lib.errors import CourseError

COLOURS = {"blue": (0, 0, 200), "green": (0, 200, 0), "red": (200, 0, 0)}


def draw(path, size=(20, 20), colour=(0, 0, 0), number=0):
    """A PNG of one colour with a mark that makes it unlike the others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, colour)
    image.putpixel((size[0] // 2, size[1] // 2), (number, number, number))
    image.save(path)


@pytest.fixture
def folder(tmp_path):
    """Three classes of ten training and four test images, 20x20."""
    root = tmp_path / "colours"
    for split, n in (("train", 10), ("test", 4)):
        for name, colour in COLOURS.items():
            for number in range(n):
                draw(root / split / name / f"{number:02}.png", colour=colour, number=number + 100 * (split == "test"))
    return root


def test_a_folder_becomes_three_splits(folder):
    splits = data.load(str(folder))
    assert splits.source == "colours"
    assert splits.class_names == ("blue", "green", "red")
    assert splits.skipped == splits.notes == ()
    assert (len(splits.train), len(splits.calib), len(splits.test)) == (24, 6, 12)
    assert splits.train.labels.bincount().tolist() == [8, 8, 8]
    assert splits.calib.labels.bincount().tolist() == [2, 2, 2]
    assert not set(splits.train.indices.tolist()) & set(splits.calib.indices.tolist())
    for split in (splits.train, splits.calib, splits.test):
        assert split.images.shape == (len(split), 3, 20, 20)
        assert split.images.dtype == torch.uint8
        assert split.labels.dtype == split.indices.dtype == torch.int64
        corners = [tuple(image[:, 0, 0].tolist()) for image in split.images]
        assert corners == [list(COLOURS.values())[label] for label in split.labels.tolist()]
        marks = split.images[:, 0, 10, 10].tolist()  # the number of each image in its folder
        per_class = 4 if split.name == "test" else 10
        assert [mark % 100 for mark in marks] == [index % per_class for index in split.indices.tolist()]


def test_val_stands_in_for_test_and_is_left_out_beside_it(folder):
    shutil.copytree(folder / "test", folder / "val")
    assert "val/ is left out" in data.load(str(folder)).notes[0]
    shutil.rmtree(folder / "test")
    splits = data.load(str(folder))
    assert len(splits.test) == 12
    assert splits.notes == ()


def test_the_same_whatever_the_limit_is(folder):
    whole, small = data.load(str(folder)), data.load(str(folder), limit=9)
    assert whole.calib.index_hash == small.calib.index_hash
    assert whole.test.index_hash == small.test.index_hash
    assert whole.train.index_hash != small.train.index_hash
    assert torch.equal(whole.calib.images, small.calib.images)
    assert len({whole.train.index_hash, whole.calib.index_hash, whole.test.index_hash}) == 3


def test_hashes_follow_the_content(folder):
    before = data.load(str(folder))
    draw(folder / "test" / "red" / "00.png", colour=(1, 2, 3))
    after = data.load(str(folder))
    assert before.test.index_hash != after.test.index_hash
    assert before.calib.index_hash == after.calib.index_hash


def test_only_chosen_images_are_decoded(folder):
    chosen = {int(index) for index in data.load(str(folder), limit=6).train.indices}
    whole = data.load(str(folder)).train.indices.tolist()
    left_out = next(index for index in whole if index not in chosen)
    path = folder / "train" / list(COLOURS)[left_out // 10] / f"{left_out % 10:02}.png"
    path.write_bytes(b"damaged")
    assert len(data.load(str(folder), limit=6).train) == 6
    with pytest.raises(CourseError, match=f"{path.name}"):
        data.load(str(folder))


def test_images_on_disk_and_in_memory_have_the_same_pixels(folder, monkeypatch):
    in_memory = data.load(str(folder), image_size=16)
    monkeypatch.setattr(pixels, "IN_MEMORY_BYTES", 1000)
    on_disk = data.load(str(folder), image_size=16)
    for name in ("train", "calib", "test"):
        a, b = getattr(in_memory, name), getattr(on_disk, name)
        assert isinstance(b.images, EncodedImages)
        assert tuple(a.images.shape) == b.images.shape
        rows = torch.tensor([3, 0, 5])
        assert torch.equal(a.images[rows], b.images[rows])
        assert torch.equal(a.labels, b.labels) and torch.equal(a.indices, b.indices)
    assert on_disk.train.index_hash == data.load(str(folder), image_size=16).train.index_hash
    assert on_disk.train.index_hash != on_disk.calib.index_hash


def test_large_images_are_stored_with_room_for_a_crop(tmp_path):
    for split in ("train", "val"):
        for name in ("a", "b"):
            for number in range(2):
                draw(tmp_path / split / name / f"{number}.jpg", size=(90, 120))
    assert data.load(str(tmp_path)).train.images.shape == (2, 3, 256, 256)
    assert data.load(str(tmp_path), image_size=112).train.images.shape == (2, 3, 128, 128)
    assert data.load(str(tmp_path), image_size=32).train.images.shape == (2, 3, 32, 32)


def test_a_first_grey_image_makes_the_set_grey(folder):
    for path in folder.rglob("*.png"):
        Image.open(path).convert("L").save(path)
    assert data.load(str(folder)).test.images.shape == (12, 1, 20, 20)


def test_hidden_and_other_files_are_no_images_and_folders_may_be_nested(folder):
    (folder / "train" / ".cache").mkdir()
    (folder / "train" / "red" / "._00.png").write_bytes(b"resource fork")
    (folder / "train" / "red" / "boxes.txt").write_text("1 2 3")
    (folder / "train" / "red" / "images").mkdir()
    os.replace(folder / "train" / "red" / "00.png", folder / "train" / "red" / "images" / "00.PNG")
    assert len(data.load(str(folder)).train) == 24


def test_progress_counts_all_images_to_decode(folder):
    seen = []
    data.load(str(folder), limit=6, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (24, 24)  # 6 to train, 6 to calibrate, 12 to test


def test_unreadable_images_are_left_out_on_request_and_listed(folder):
    whole = data.load(str(folder))
    bad = [
        folder / "test" / "red" / "01.png",
        folder / "train" / "blue" / "02.png",
        folder / "train" / "blue" / "00.png",
    ]
    for path in bad:
        path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(CourseError, match="cannot read the image"):
        data.load(str(folder))
    splits = data.load(str(folder), skip_unreadable=True)
    assert sorted(splits.skipped) == ["test/red/01.png", "train/blue/00.png", "train/blue/02.png"]
    assert len(splits.train) + len(splits.calib) == 28
    assert set(splits.train.indices.tolist()) == set(whole.train.indices.tolist()) - {0, 2}
    assert set(splits.calib.indices.tolist()) == set(whole.calib.indices.tolist()) - {0, 2}


def test_a_class_without_any_readable_training_image_is_named(folder):
    for path in (folder / "train" / "green").iterdir():
        path.write_bytes(b"")
    with pytest.raises(CourseError, match="no train image of class green can be read"):
        data.load(str(folder), skip_unreadable=True)


def without(*parts):
    return lambda root: shutil.rmtree(root.joinpath(*parts))


def emptied(*parts):
    def empty(root):
        for path in root.joinpath(*parts).iterdir():
            path.unlink()

    return empty


def one_class(root):
    for split in ("train", "test"):
        shutil.rmtree(root / split / "red")
        shutil.rmtree(root / split / "blue")


def one_image(root):
    for path in sorted((root / "train" / "red").iterdir())[1:]:
        path.unlink()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda root: [shutil.rmtree(root / split) for split in ("train", "test")], "colours has no folder train/, te"),
        (without("test"), "has neither test/ nor val/"),
        (emptied("train", "green"), "train/green holds no images"),
        (emptied("test", "red"), "test/red holds no images"),
        (without("test", "blue"), "only train/ has blue"),
        (without("train", "blue"), "only test/ has blue"),
        (one_class, "has 1 class folders, at least 2"),
        (one_image, "class red has 1 training image; at least 2"),
    ],
)
def test_a_folder_that_cannot_be_used_says_why(folder, harm, said):
    harm(folder)
    with pytest.raises(CourseError, match=said):
        data.load(str(folder))


def test_too_high_a_limit_says_how_many_there_are(folder):
    with pytest.raises(CourseError, match="there are only 24 training images"):
        data.load(str(folder), limit=25)


@pytest.mark.verify
def test_real_photographs_load_balanced_and_fast():
    root = data.data_folder() / "cifar10-jpeg"
    if not root.is_dir():
        pytest.skip("COURSE_DATA has no cifar10-jpeg")
    splits = data.load("cifar10-jpeg", limit=5000)
    assert splits.source == "cifar10-jpeg"
    assert splits.train.images.shape == (5000, 3, 32, 32)
    assert splits.train.labels.bincount().tolist() == [500] * 10
    assert splits.calib.labels.bincount().tolist() == [500] * 10
    assert splits.test.labels.bincount().tolist() == [1000] * 10
    index = int(splits.test.indices[1234])
    path = sorted((root / "test" / splits.class_names[index // 1000]).iterdir())[index % 1000]
    assert np.array_equal(splits.test.images[1234].permute(1, 2, 0).numpy(), np.asarray(Image.open(path)))


@pytest.mark.verify
def test_real_large_photographs_are_stored_at_256(tmp_path):
    sample = data.data_folder() / "imagenet1k-sample" / "val"
    if not sample.is_dir():
        pytest.skip("COURSE_DATA has no imagenet1k-sample")
    for number, folder in enumerate(sorted(sample.iterdir())[:40]):
        target = tmp_path / ("train" if number % 10 < 8 else "val") / str(number // 10)
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(next(folder.iterdir()), target)
    splits = data.load(str(tmp_path))
    assert splits.test.images.shape == (8, 3, 256, 256)
    assert len(splits.train) + len(splits.calib) == 32


def test_a_folder_without_training_images_is_half_calib_and_half_test(folder):
    whole = data.load(str(folder)).test
    shutil.rmtree(folder / "train")
    splits = data.load(str(folder))
    assert len(splits.train) == 0 and splits.train.images.shape[1:] == whole.images.shape[1:]
    assert len(splits.calib) + len(splits.test) == len(whole)
    together = torch.cat([splits.calib.indices, splits.test.indices])
    assert sorted(together.tolist()) == list(range(len(whole)))
    for split in (splits.calib, splits.test):
        assert torch.equal(split.images, whole.images[split.indices])
        assert torch.equal(split.labels, whole.labels[split.indices])
    assert splits.calib.index_hash != splits.test.index_hash
    assert "has no train/" in splits.notes[-1]
    with pytest.raises(CourseError, match="no training images"):
        data.count(str(folder))
