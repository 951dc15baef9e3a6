"""A pack whose making is really killed, at moments nobody chose, ends with the bytes that it would have had."""

import os
import random
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from course_lib.errors import CourseError
from course_lib.packed import read_pack
from course_lib.packed.record import read_record

PACK = """
import sys
from pathlib import Path
from course_lib.data.pack import pack
report = lambda done, total: print(done, flush=True)
pack(sys.argv[1], Path(sys.argv[2]), size=160, shard_images=4, workers=1, on_progress=report)
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """400 photographs of noise in two classes: packing them takes seconds, in a hundred shards."""
    root = tmp_path_factory.mktemp("source")
    rng = np.random.default_rng(0)
    for split, n in (("train", 180), ("test", 20)):
        for name in ("a", "b"):
            (root / split / name).mkdir(parents=True)
            for number in range(n):
                noise = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
                Image.fromarray(noise).resize((480, 360)).save(root / split / name / f"{number}.jpg", quality=90)
    return root


def contents(root):
    return {path.name: path.read_bytes() for path in root.iterdir()}


def killed(command, folder, rng):
    """Kill the work at a random moment after its first report; returns (whether it was at work, images reported)."""
    with subprocess.Popen([*command, folder], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        reports = [int(process.stdout.readline() or -1)]
        killer = threading.Timer(rng.uniform(0, 1), os.kill, (process.pid, signal.SIGKILL))
        killer.start()
        reports += [int(line) for line in process.stdout]
        killer.cancel()
    return process.returncode == -signal.SIGKILL, reports[-1]


@pytest.mark.parametrize("kills", [pytest.param(3, marks=pytest.mark.verify), pytest.param(20, marks=pytest.mark.soak)])
def test_a_killed_pack_ends_with_the_same_bytes(tmp_path, photos, kills):
    command = [sys.executable, "-c", PACK, photos]
    subprocess.run([*command, tmp_path / "whole"], check=True, stdout=subprocess.DEVNULL)
    whole, rng, hits, folder = contents(tmp_path / "whole"), random.Random(kills), 0, tmp_path / "killed0"
    for kill in range(kills):
        hit, reported = killed(command, folder, rng)
        hits += hit
        record = read_record(folder)
        assert sum(shard.images for shard in record.shards) >= reported  # nothing that was reported is lost
        for shard in record.shards:
            assert (folder / shard.file).read_bytes() == whole[shard.file]
        if record.complete:
            assert contents(folder) == whole
            folder = tmp_path / f"killed{kill + 1}"
        else:
            with pytest.raises(CourseError, match="half-finished"):
                read_pack(folder)
    subprocess.run([*command, folder], check=True, stdout=subprocess.DEVNULL)
    print(f"{hits} of {kills} kills hit the work")
    assert hits >= kills // 2
    assert contents(folder) == whole
