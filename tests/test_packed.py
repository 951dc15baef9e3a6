import io
import json
import pickle
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.utils.data import DataLoader

from course_lib import files
from course_lib.errors import CourseError
from course_lib.packed import Pack, PackedImages, read_pack, write_record
from course_lib.packed.shard import NO_IMAGE, as_jpeg, write_shard

SIZE = 12


def pictures(n, size=SIZE, channels=3):
    return np.random.default_rng(n).integers(0, 256, (n, channels, size, size), dtype=np.uint8)


def write_pack(root, counts=(5, 5, 3), kind="raw", size=SIZE, missing=()):
    """A pack of random pictures in shards of given lengths; the test pool is the first shard again."""
    everything = pictures(sum(counts), size)
    shards, start = [], 0
    for pool, lengths in (("train", counts), ("test", counts[:1])):
        start = 0
        for number, length in enumerate(lengths):
            rows = range(start, start + length)
            stored = [everything[row] if kind == "raw" else as_jpeg(everything[row]) for row in rows]
            stored = [None if row in missing else image for row, image in zip(rows, stored, strict=True)]
            path = root / f"{pool}-{number:05}.safetensors"
            shards.append(write_shard(path, stored, torch.tensor(rows) % 4, [f"{row}.png" for row in rows]))
            start += length
    images = {"train": sum(counts), "test": counts[0]}
    pack = Pack("made", "/made up", kind, size, 3, counts[0], tuple("abcd"), images, "", (), (), tuple(shards), True)
    write_record(root, pack)
    return torch.from_numpy(everything)


def opened(root, pool="train"):
    return PackedImages.of(root, read_pack(root), pool)


@pytest.fixture
def pack_of_ten(tmp_path):
    write_pack(tmp_path, counts=(5, 5))
    return tmp_path


def test_rows_of_a_raw_pack_are_those_of_the_tensor(tmp_path):
    everything = write_pack(tmp_path)
    images = opened(tmp_path)
    assert len(images) == 13 and images.shape == (13, 3, SIZE, SIZE)
    for rows in (torch.tensor([12, 0, 5, 4, 4, 9]), torch.tensor([], dtype=torch.int64), torch.tensor([-1, -13])):
        assert torch.equal(images[rows], everything[rows])
    for rows in (slice(None), slice(3, 11), slice(None, None, 4), slice(0, 0), slice(2, 100)):
        assert torch.equal(images[rows], everything[rows])
    assert images[:2].dtype == torch.uint8
    assert images.labels().tolist() == [row % 4 for row in range(13)]
    assert torch.equal(opened(tmp_path, "test")[:], everything[:5])


def test_selected_rows_are_rows_of_rows(tmp_path):
    everything = write_pack(tmp_path)
    chosen = torch.tensor([2, 3, 7, 11, 12])
    images = opened(tmp_path).select(chosen)
    assert len(images) == 5
    assert torch.equal(images[torch.tensor([4, 0])], everything[torch.tensor([12, 2])])
    assert torch.equal(images.select(torch.tensor([1, 3]))[:], everything[torch.tensor([3, 11])])
    assert images.labels().tolist() == (chosen % 4).tolist()
    assert images.checksums().tolist() == [zlib.crc32(everything[row].numpy().tobytes()) for row in chosen.tolist()]


@pytest.mark.parametrize("rows", [torch.tensor([True] * 13), torch.tensor([0.0]), torch.tensor(3)])
def test_other_rows_are_a_programming_error(tmp_path, rows):
    write_pack(tmp_path)
    with pytest.raises(TypeError, match="int64"):
        opened(tmp_path)[rows]


def test_rows_beyond_the_end_are_a_programming_error(tmp_path):
    write_pack(tmp_path)
    with pytest.raises(IndexError):
        opened(tmp_path)[torch.tensor([13])]


def test_rows_without_an_image_keep_their_place(tmp_path):
    everything = write_pack(tmp_path, missing=(1, 7))
    images = opened(tmp_path)
    assert images.present().tolist() == [row not in (1, 7) for row in range(13)]
    assert torch.equal(images[torch.tensor([0, 2, 6, 8])], everything[torch.tensor([0, 2, 6, 8])])
    assert images.checksums()[torch.tensor([1, 7])].tolist() == [NO_IMAGE, NO_IMAGE]
    with pytest.raises(CourseError, match=r"train-00001\.safetensors: image 2 "):
        images[torch.tensor([7])]


def test_a_jpeg_pack_holds_files_that_anyone_can_read(tmp_path):
    everything = write_pack(tmp_path, kind="jpeg", missing=(3,))
    rows = torch.tensor([0, 4, 12])
    assert (opened(tmp_path)[rows].float() - everything[rows].float()).abs().mean() < 6  # of noise, the worst case
    tensors = load_file(tmp_path / "train-00000.safetensors")
    start, end = tensors["ends"][1].item(), tensors["ends"][2].item()
    image = np.asarray(Image.open(io.BytesIO(tensors["bytes"][start:end].numpy().tobytes())))
    assert np.array_equal(image.transpose(2, 0, 1), opened(tmp_path)[torch.tensor([2])][0].numpy())


def test_the_same_content_is_the_same_bytes(tmp_path):
    write_pack(tmp_path / "a")
    write_pack(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_images_are_sent_to_other_processes_without_what_is_open(tmp_path):
    everything = write_pack(tmp_path, counts=(400, 400))
    images = opened(tmp_path)
    images[:]
    sent = pickle.dumps(images)
    assert len(sent) < 20_000 < everything.numel()
    assert torch.equal(pickle.loads(sent)[:], everything)


class Batches(torch.utils.data.Dataset):
    """What a DataLoader sees of images: batch by batch."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitems__(self, rows):
        return self.images[torch.tensor(rows)]


def as_it_is(batch):
    return batch


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.verify)])
@pytest.mark.parametrize("kind", ["raw", "jpeg"])
def test_workers_of_a_loader_give_the_same_bytes(tmp_path, kind, start):
    write_pack(tmp_path, counts=(20, 20), kind=kind, size=100)
    images = opened(tmp_path)
    here = images[:]  # starts the threads of this process: a forked worker must not wait for them
    loader = DataLoader(
        Batches(images), batch_size=8, num_workers=2, collate_fn=as_it_is, multiprocessing_context=start, timeout=60
    )
    assert torch.equal(torch.cat(list(loader)), here)


MEMORY = """
import sys
from pathlib import Path
import torch
from course_lib.packed import PackedImages, read_pack

def resident():
    words = Path("/proc/self/status").read_text().split()
    return int(words[words.index("VmRSS:") + 1]) * 1024

warm = PackedImages.of(Path(sys.argv[1]), read_pack(Path(sys.argv[1])), "train")
warm[:2], warm.labels()
before = resident()
images = PackedImages.of(Path(sys.argv[2]), read_pack(Path(sys.argv[2])), "train")
images.labels(), images.checksums()
opened = resident()
images[torch.tensor([0, 500, 900])]
print(opened - before, resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_opening_a_large_pack_does_not_load_it(tmp_path):
    write_pack(tmp_path / "small")
    everything = write_pack(tmp_path / "large", counts=(1000,), size=200)
    said = subprocess.run(
        [sys.executable, "-c", MEMORY, tmp_path / "small", tmp_path / "large"],
        capture_output=True,
        text=True,
        check=True,
    )
    grown = [int(word) for word in said.stdout.split()]
    assert everything.numel() == 120_000_000
    assert max(grown) < 10_000_000, grown


@pytest.mark.parametrize(
    "change",
    [
        {"size": 10**6}, {"size": "32"}, {"size": 0}, {"channels": 7}, {"kind": "png"}, {"images": [1, 2]},
        {"images": {"train": -1, "test": 2}}, {"class_names": [1, 2]}, {"shard_images": 0}, {"shard_images": True},
    ],
)  # fmt: skip
def test_a_record_that_no_packing_wrote_is_refused_in_one_message(pack_of_ten, change):
    record = json.loads((pack_of_ten / "pack.json").read_text()) | change
    (pack_of_ten / "pack.json").write_text(json.dumps(record))
    with pytest.raises(CourseError, match=r"pack\.json .*: remove it and pack again"):
        read_pack(pack_of_ten)


@pytest.mark.parametrize(
    "change", [{"images": -5}, {"images": 10**6}, {"skipped": [99_999]}, {"file": "../train-00000.safetensors"}]
)
def test_a_shard_that_does_not_fit_its_record_is_refused(pack_of_ten, change):
    record = json.loads((pack_of_ten / "pack.json").read_text())
    record["shards"][0] |= change
    (pack_of_ten / "pack.json").write_text(json.dumps(record))
    with pytest.raises(CourseError, match=r"does not fit|is -5|half-finished"):
        read_pack(pack_of_ten)


@pytest.mark.parametrize("lacking", ["labels", "images", "checksums"])
def test_a_shard_without_one_of_its_tensors_is_refused(pack_of_ten, lacking):
    path = sorted(pack_of_ten.glob("train-*"))[0]
    tensors, words = files.load_tensors(path)
    del tensors[lacking]
    files.save_tensors(path, tensors, words)
    record = json.loads((pack_of_ten / "pack.json").read_text())
    record["shards"][0]["bytes"] = path.stat().st_size
    (pack_of_ten / "pack.json").write_text(json.dumps(record))
    with pytest.raises(CourseError, match=f"no shard of this pack .{lacking} differs"):
        PackedImages.of(pack_of_ten, read_pack(pack_of_ten), "train")[torch.tensor([0])]
