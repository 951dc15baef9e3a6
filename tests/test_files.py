import errno
import os
import subprocess
import sys

import pytest
import torch

from course_lib import files
from course_lib.errors import CourseError, unknown


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "new" / "table.csv"
    files.write_atomically(path, "first\n")
    files.write_atomically(path, b"second\n")
    assert path.read_text() == "second\n" and [file.name for file in path.parent.iterdir()] == ["table.csv"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_stood_there_survives_a_full_disk(tmp_path, monkeypatch, step):
    path = tmp_path / "table.csv"
    files.write_atomically(path, "whole\n")

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomically(path, "half\n")
    assert path.read_text() == "whole\n" and [file.name for file in tmp_path.iterdir()] == ["table.csv"]


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_stays(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from course_lib import files\n"
        "os.replace = lambda *paths: os._exit(0)\n"
        "files.write_atomically(Path(sys.argv[1]), 'half')"
    )
    for place in (tmp_path / "report.json", tmp_path / "deeper" / "report.json"):
        subprocess.run([sys.executable, "-c", code, place], check=True)
    mine = tmp_path / f".report.json.{os.getpid()}.tmp"
    kept = [mine, tmp_path / ".notes.tmp", tmp_path / "report.json.1.tmp"]
    for path in kept:
        path.touch()
    deeper = list((tmp_path / "deeper").iterdir())
    assert len(deeper) == 1 and len(list(tmp_path.glob(".report.json.*.tmp"))) == 2
    files.remove_unfinished(tmp_path)
    assert {path for path in tmp_path.iterdir() if path.is_file()} == set(kept) and deeper[0].exists()
    files.remove_unfinished(tmp_path, below=True)
    assert not deeper[0].exists()


def test_tensors_and_words_come_back_and_any_layout_is_taken(tmp_path):
    images = torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last)
    files.save_tensors(tmp_path / "t.safetensors", {"images": images, "step": torch.tensor(3)}, {"a": "1", "b": "2"})
    tensors, words = files.load_tensors(tmp_path / "t.safetensors")
    assert torch.equal(tensors["images"], images) and tensors["step"] == 3 and words == {"a": "1", "b": "2"}


def test_equal_content_is_equal_bytes_in_every_process(tmp_path):
    code = (
        "import sys, torch; from pathlib import Path; from course_lib.files import save_tensors\n"
        "save_tensors(Path(sys.argv[1]), {'x': torch.ones(2), 'y': torch.zeros(1)}, dict(split='a', model='b', z='c'))"
    )
    for name in ("first", "second"):
        subprocess.run([sys.executable, "-c", code, tmp_path / name], check=True)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_a_file_that_is_no_safetensors_file_is_refused_without_executing_it(tmp_path):
    torch.save({"x": torch.ones(1)}, tmp_path / "pickle.safetensors")
    for path in (tmp_path / "pickle.safetensors", tmp_path / "absent.safetensors"):
        with pytest.raises(CourseError, match="cannot read"):
            files.load_tensors(path)


def test_an_unknown_name_is_answered_with_the_nearest_and_all():
    assert str(unknown("model", "resnet21", ["resnet20", "vgg8"])) == (
        "unknown model 'resnet21': did you mean resnet20? Known: resnet20, vgg8"
    )
