"""A run that is really killed, at moments nobody chose, ends with the bits that it would have had."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest

RUN = [
    *(sys.executable, "-m", "course_lib", "run", "--teacher", "cnn4", "--student", "cnn3", "--epochs", "12"),
    *("--seeds", "1", "--temperature", "2", "--limit", "200", "--save-every", "0.05", "--device", "cpu"),
]


def last_change(folder):
    """When anything in a folder changed last; files may vanish meanwhile."""
    last = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            last = max(last, path.stat().st_mtime_ns)
    return last


def killed_until_done(folder, kills, rng, options=()):
    """Kill the run at random moments of its work; then let it end. Returns how many kills hit it at work."""
    hits = 0
    for _ in range(kills):
        started, before = (folder / "config.json").exists(), last_change(folder)
        process = subprocess.Popen(
            [*RUN, *options, "--out", folder, *(["--resume"] if started else [])], stdout=subprocess.DEVNULL
        )
        try:
            while process.poll() is None and last_change(folder) == before:
                time.sleep(0.01)
            process.wait(timeout=rng.uniform(0, 0.4))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            hits += process.wait() == -signal.SIGKILL
    subprocess.run([*RUN, *options, "--out", folder, "--resume"], check=True, stdout=subprocess.DEVNULL)
    return hits


def results(folder):
    names = [*folder.glob("models/*"), *folder.glob("predictions/*"), folder / "summary.csv", folder / "metrics.jsonl"]
    return {path.relative_to(folder): path.read_bytes() for path in names}


@pytest.mark.parametrize("kills", [pytest.param(4, marks=pytest.mark.verify), pytest.param(20, marks=pytest.mark.soak)])
def test_a_killed_run_ends_with_the_same_bits(tmp_path, kills):
    subprocess.run([*RUN, "--out", tmp_path / "whole"], check=True, stdout=subprocess.DEVNULL)
    hits = killed_until_done(tmp_path / "killed", kills, random.Random(kills))
    print(f"{hits} of {kills} kills hit the run at work")
    assert hits >= kills // 2
    assert results(tmp_path / "killed") == results(tmp_path / "whole")
    assert not list((tmp_path / "killed" / "state").glob("*.safetensors"))


@pytest.mark.parametrize("kills", [pytest.param(3, marks=pytest.mark.verify), pytest.param(20, marks=pytest.mark.soak)])
def test_a_killed_run_with_a_teacher_cache_ends_with_the_bits_of_one_without(tmp_path, kills):
    more = ["--temperature", "4", "--temperature", "1"]
    whole = [*RUN, *more, "--teacher-cache", "off", "--out", tmp_path / "whole"]
    subprocess.run(whole, check=True, stdout=subprocess.DEVNULL)
    options = [*more, "--teacher-cache", tmp_path / "kept"]
    hits = killed_until_done(tmp_path / "killed", kills, random.Random(kills), options)
    print(f"{hits} of {kills} kills hit the run at work")
    assert hits >= kills // 2
    assert results(tmp_path / "killed") == results(tmp_path / "whole")
    assert len(list((tmp_path / "kept").glob("*.safetensors"))) == 2 * 12  # views x epochs; a broken one is asked again


@pytest.mark.verify
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_a_run_says_how_to_go_on_and_does_so(tmp_path, number):
    folder = tmp_path / "a run"
    process = subprocess.Popen([*RUN, "--epochs", "400", "--out", folder], stdout=subprocess.PIPE, text=True)
    while not (folder / "models" / "teacher.safetensors").exists() and not list(folder.glob("state/*")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"course run --resume --out '{folder}'" in said.replace("\n", "")
    assert list(folder.glob("state/*.safetensors")) and not list(folder.rglob("*.tmp"))


@pytest.mark.verify
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a full disk needs root")
def test_a_full_disk_ends_in_one_message_and_nothing_half_written(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        done = subprocess.run([*RUN, "--teacher", "cnn32", "--out", disk / "run"], capture_output=True, text=True)
        assert done.returncode == 2
        assert "no space left" in done.stderr and "--resume" in done.stderr and "Traceback" not in done.stderr
        assert not list(disk.rglob("*.tmp"))
    finally:
        subprocess.run(["umount", disk], check=True)
