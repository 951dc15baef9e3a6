import json
import os

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import data
from course_lib.data import pixels
from course_lib.data.pack import pack
from course_lib.decode import EncodedImages
from course_lib.errors import CourseError
from course_lib.packed import PackedImages, read_pack

SPLITS = ("train", "calib", "test")


def scene(number, height, width):
    """A smooth colour image, unlike those of other numbers."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 100 * np.sin((x * (1 + number % 3) + y * (c + 1)) / 15 + number) for c in range(3)]
    return Image.fromarray(np.stack(waves, axis=2).clip(0, 255).astype(np.uint8))


@pytest.fixture
def folder(tmp_path):
    """Three classes of ten training and four validation images, JPEG and PNG of several shapes."""
    root = tmp_path / "scenes"
    number = 0
    for split, n in (("train", 10), ("val", 4)):
        for name in ("cat", "dog", "elk"):
            (root / split / name).mkdir(parents=True)
            for place in range(n):
                number += 1
                suffix = "png" if place == 3 else "jpg"
                image = scene(number, 40 + number % 7, 60 - number % 11)
                image.save(root / split / name / f"{place}.{suffix}", **({"quality": 92} if suffix == "jpg" else {}))
    return root


def contents(root):
    return {path.name: path.read_bytes() for path in root.iterdir()}


def small(folder, destination, **options):
    return pack(str(folder), destination, **({"size": 24, "shard_images": 8} | options))


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_raw_pack_is_its_folder_bit_for_bit(folder, tmp_path, monkeypatch, in_memory):
    small(folder, tmp_path / "packed")
    if not in_memory:
        monkeypatch.setattr(pixels, "IN_MEMORY_BYTES", 1000)
    ours, theirs = data.load(str(tmp_path / "packed")), data.load(str(folder), image_size=24)
    assert ours.class_names == theirs.class_names == ("cat", "dog", "elk")
    assert ours.source == theirs.source == "scenes"
    for name in SPLITS:
        a, b = getattr(ours, name), getattr(theirs, name)
        assert isinstance(a.images, torch.Tensor if in_memory else PackedImages)
        assert torch.equal(a.images[:], b.images[:])
        assert torch.equal(a.labels, b.labels) and torch.equal(a.indices, b.indices)
        if in_memory:
            assert a.fingerprint == b.fingerprint and a.index_hash == b.index_hash


def test_a_jpeg_pack_is_about_its_folder(folder, tmp_path):
    small(folder, tmp_path / "packed", kind="jpeg")
    ours, theirs = data.load(str(tmp_path / "packed")), data.load(str(folder), image_size=24)
    for name in SPLITS:
        a, b = getattr(ours, name), getattr(theirs, name)
        assert (a.images.float() - b.images.float()).abs().mean() < 3
        assert torch.equal(a.labels, b.labels) and torch.equal(a.indices, b.indices)


def test_grey_folders_become_grey_packs(folder, tmp_path):
    for path in folder.rglob("*.*"):
        Image.open(path).convert("L").save(path)
    small(folder, tmp_path / "raw")
    small(folder, tmp_path / "jpeg", kind="jpeg")
    whole = data.load(str(folder), image_size=24).test.images
    assert torch.equal(data.load(str(tmp_path / "raw")).test.images, whole)
    about = data.load(str(tmp_path / "jpeg")).test.images
    assert about.shape == whole.shape == (12, 1, 24, 24)
    assert (about.float() - whole.float()).abs().mean() < 1.5


def test_limits_choose_the_same_images_of_pack_and_folder(folder, tmp_path, monkeypatch):
    small(folder, tmp_path / "packed")
    monkeypatch.setattr(pixels, "IN_MEMORY_BYTES", 1000)
    ours, theirs = data.load(str(tmp_path / "packed"), limit=6), data.load(str(folder), limit=6, image_size=24)
    assert isinstance(ours.train.images, PackedImages) and isinstance(theirs.train.images, EncodedImages)
    for name in SPLITS:
        assert torch.equal(getattr(ours, name).images[:], getattr(theirs, name).images[:])
    assert data.count(str(tmp_path / "packed")) == data.count(str(folder)) == (24, 3)


def test_fingerprints_of_packs_on_the_disk_follow_content_not_shards(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pixels, "IN_MEMORY_BYTES", 1000)
    small(folder, tmp_path / "a")
    small(folder, tmp_path / "b", shard_images=5)
    small(folder, tmp_path / "c", size=20)
    a, b, c = (data.load(str(tmp_path / name)) for name in "abc")
    assert a.train.index_hash == b.train.index_hash != c.train.index_hash
    assert len({a.train.index_hash, a.calib.index_hash, a.test.index_hash}) == 3


def test_a_pack_in_the_data_folder_is_known_by_its_name(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    pack("scenes", tmp_path / "scenes-24", size=24, shard_images=100)
    assert data.found()["scenes-24"] == str(tmp_path / "scenes-24")
    assert torch.equal(data.load("scenes-24").test.images, data.load("scenes", image_size=24).test.images)


def test_without_a_size_images_have_their_usual_one(folder, tmp_path):
    assert small(folder, tmp_path / "packed", size=None).pack.size == data.load(str(folder)).train.images.shape[2]


def test_packing_again_does_nothing(folder, tmp_path):
    first = small(folder, tmp_path / "packed")
    assert (first.done, first.total, first.shards_written, first.pack.complete) == (42, 42, 6, True)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "packed").iterdir()}
    again = small(folder, tmp_path / "packed")
    assert (again.done, again.shards_written, again.pack) == (42, 0, first.pack)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "packed").iterdir()}


@pytest.mark.parametrize("kind", ["raw", "jpeg"])
@pytest.mark.parametrize("after", [0, 1, 20, 41])
def test_stopped_and_begun_again_a_pack_has_the_same_bytes(folder, tmp_path, kind, after):
    whole = small(folder, tmp_path / "whole", kind=kind)
    asked, seen = [], []

    def stop():
        asked.append(1)
        return len(asked) > after

    part = small(
        folder, tmp_path / "part", kind=kind, stop=stop, on_progress=lambda *progress: seen.append(progress), workers=1
    )
    assert not part.pack.complete and part.done == (seen[-1][0] if seen else 0) <= after
    with pytest.raises(CourseError, match=r"half-finished pack \(\d+ of 42 images\): go on with `course data pack "):
        data.load(str(tmp_path / "part"))
    seen.clear()
    rest = small(folder, tmp_path / "part", kind=kind, on_progress=lambda *progress: seen.append(progress))
    assert rest.shards_written == 6 - len(part.pack.shards)
    assert seen[-1] == (42, 42) and seen == sorted(seen)
    assert contents(tmp_path / "part") == contents(tmp_path / "whole")
    assert rest.pack == whole.pack


def test_asked_to_stop_while_looking_at_a_whole_pack_leaves_it_whole(folder, tmp_path):
    small(folder, tmp_path / "packed")
    before = contents(tmp_path / "packed")
    assert small(folder, tmp_path / "packed", stop=lambda: True).pack.complete
    assert contents(tmp_path / "packed") == before


def harm(root, how):
    path = root / "train-00001.safetensors"
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        path.write_bytes(path.read_bytes() + b"0")


@pytest.mark.parametrize("how", ["missing", "truncated", "lengthened"])
def test_a_shard_of_another_size_is_noticed_at_opening_and_mended_by_packing_again(folder, tmp_path, how):
    root = tmp_path / "packed"
    small(folder, root)
    before = contents(root)
    harm(root, how)
    with pytest.raises(
        CourseError, match=r"train-00001\.safetensors is (missing|damaged).*mend the pack with `course "
    ):
        data.load(str(root))
    assert small(folder, root).shards_written == 1
    assert contents(root) == before


@pytest.mark.parametrize("kind", ["raw", "jpeg"])
def test_a_changed_byte_anywhere_is_noticed_and_mended(folder, tmp_path, kind):
    root = tmp_path / "packed"
    small(folder, root, kind=kind)
    path = root / "train-00001.safetensors"
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for place in np.random.default_rng(0).integers(header, len(whole), 25).tolist():
        harmed = bytearray(whole)
        harmed[place] ^= 0x10
        path.write_bytes(harmed)
        with pytest.raises(CourseError, match=r"train-00001\.safetensors.*mend the pack with `course data pack "):
            data.load(str(root))
    assert small(folder, root, kind=kind).shards_written == 1
    assert path.read_bytes() == whole


def test_a_damaged_image_is_named(folder, tmp_path):
    small(folder, tmp_path / "packed")
    path = tmp_path / "packed" / "test-00000.safetensors"
    images = read_pack(tmp_path / "packed")
    offset = path.read_bytes().index(data.load(str(tmp_path / "packed")).test.images[5].numpy().tobytes())
    with open(path, "r+b") as file:
        file.seek(offset + 7)
        file.write(b"\x00" if path.read_bytes()[offset + 7] else b"\x01")
    pool = PackedImages.of(tmp_path / "packed", images, "test")
    assert len(pool[torch.tensor([4, 6])]) == 2
    with pytest.raises(CourseError, match=r"test-00000\.safetensors: image 5 is damaged"):
        pool[torch.tensor([4, 5])]


def test_unreadable_images_stop_the_work_or_are_left_out_as_in_the_folder(folder, tmp_path):
    bad = ["train/cat/0.jpg", "train/dog/7.jpg", "val/elk/3.png"]
    for name in bad:
        (folder / name).write_bytes((folder / name).read_bytes()[:40])
    with pytest.raises(CourseError, match=r"cannot read the image .*0\.jpg.*--skip-unreadable"):
        small(folder, tmp_path / "packed")
    done = small(folder, tmp_path / "packed", skip_unreadable=True)
    assert done.pack.skipped == tuple(bad) and done.pack.complete
    ours, theirs = data.load(str(tmp_path / "packed")), data.load(str(folder), image_size=24, skip_unreadable=True)
    assert set(ours.skipped) == set(theirs.skipped) == set(bad)
    for name in SPLITS:
        a, b = getattr(ours, name), getattr(theirs, name)
        assert torch.equal(a.indices, b.indices) and a.index_hash == b.index_hash


def test_a_shard_without_any_readable_image_keeps_its_place(folder, tmp_path):
    for path in [*(folder / "train" / "cat").iterdir()][:-2]:
        path.write_bytes(b"damaged")
    done = small(folder, tmp_path / "packed", skip_unreadable=True, shard_images=1)
    assert len(done.pack.skipped) == 8
    assert data.load(str(tmp_path / "packed"), skip_unreadable=True).test.images.shape == (12, 3, 24, 24)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 20}, "was begun with --size 24, not 20"),
        ({"kind": "jpeg"}, "was begun with --format raw, not jpeg"),
        ({"shard_images": 9}, "was begun with --shard-images 8, not 9"),
    ],
)
def test_other_options_are_not_mixed_into_a_pack(folder, tmp_path, options, message):
    small(folder, tmp_path / "packed")
    with pytest.raises(CourseError, match=message):
        small(folder, tmp_path / "packed", **options)


def test_other_images_are_not_mixed_into_a_pack(folder, tmp_path):
    small(folder, tmp_path / "packed")
    os.replace(folder / "val" / "elk" / "0.jpg", folder / "val" / "elk" / "9.jpg")
    with pytest.raises(CourseError, match=r"was begun from .*scenes with other images"):
        small(folder, tmp_path / "packed")
    assert data.load(str(tmp_path / "packed")).test.images.shape == (12, 3, 24, 24)


def test_the_same_images_elsewhere_go_on_with_a_pack(folder, tmp_path):
    small(folder, tmp_path / "packed")
    os.replace(folder, tmp_path / "moved")
    again = small(tmp_path / "moved", tmp_path / "packed")
    assert again.shards_written == 0 and again.pack.origin == str(tmp_path / "moved")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"size": 0}, "--size 0"), ({"shard_images": 0}, "--shard-images 0"), ({"kind": "png"}, "--format png")],
)
def test_options_that_make_no_sense_are_refused(folder, tmp_path, options, message):
    with pytest.raises(CourseError, match=message):
        small(folder, tmp_path / "packed", **options)
    assert not (tmp_path / "packed").exists()


def test_what_is_no_folder_of_images_is_refused(folder, tmp_path):
    small(folder, tmp_path / "packed")
    for source, message in [
        ("digits", "packing is for folders of images"),
        (str(tmp_path / "packed"), "is a pack already"),
        (str(tmp_path / "nowhere"), "there is no folder"),
    ]:
        with pytest.raises(CourseError, match=message):
            pack(source, tmp_path / "new")
    with pytest.raises(CourseError, match="holds other files"):
        small(folder, folder)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 1}', '{"format": 99}'])
def test_a_damaged_or_foreign_record_is_said(folder, tmp_path, content):
    small(folder, tmp_path / "packed")
    (tmp_path / "packed" / "pack.json").write_text(content)
    for act in (lambda: data.load(str(tmp_path / "packed")), lambda: small(folder, tmp_path / "packed")):
        with pytest.raises(CourseError, match=r"pack\.json"):
            act()


def test_without_its_record_a_pack_is_made_anew(folder, tmp_path):
    root = tmp_path / "packed"
    small(folder, root)
    before = contents(root)
    (root / "pack.json").unlink()
    with pytest.raises(CourseError, match=r"no pack\.json"):
        data.load(str(root))
    assert small(folder, root).shards_written == 6
    assert contents(root) == before


def test_a_record_that_claims_too_much_is_not_believed(folder, tmp_path):
    root = tmp_path / "packed"
    small(folder, root)
    record = json.loads((root / "pack.json").read_text())
    record["shards"].pop()
    (root / "pack.json").write_text(json.dumps(record))
    with pytest.raises(CourseError, match="half-finished"):
        data.load(str(root))


def test_a_pack_has_one_size(folder, tmp_path):
    small(folder, tmp_path / "packed", size=128)
    assert data.load(str(tmp_path / "packed"), image_size=112).train.images.shape == (24, 3, 128, 128)
    with pytest.raises(CourseError, match=r"--image-size 56 needs images stored with 56 pixels, but .* has 128"):
        data.load(str(tmp_path / "packed"), image_size=56)


def test_two_do_not_pack_into_one_folder(folder, tmp_path):
    def meanwhile(done, total):
        with pytest.raises(CourseError, match="another process packs into"):
            small(folder, tmp_path / "packed")

    assert small(folder, tmp_path / "packed", on_progress=meanwhile).pack.complete
