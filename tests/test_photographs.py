"""Whole runs on real photographs, where COURSE_DATA has them; too few steps to learn much, enough to see all work."""

import csv
import json
import subprocess
import sys

import pytest

ARMS = {"ce", "mixup", "kd", "mixup_kd"}


def course_run(*arguments, out):
    command = [sys.executable, "-m", "course_lib", "run", *map(str, arguments), "--seeds", "1", "--temperature", "2"]
    done = subprocess.run([*command, "--device", "cpu", "--out", out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def measured(out):
    with open(out / "summary.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if row["split"] == "test" and row["scaling"] == "none"]


@pytest.mark.verify
def test_small_photographs_run_from_a_folder(course_data, tmp_path):
    folder = course_data / "cifar10-jpeg"
    if not folder.is_dir():
        pytest.skip("no cifar10-jpeg in COURSE_DATA")
    networks = ("--teacher", "resnet20", "--student", "resnet8")
    course_run("--data", folder, *networks, "--limit", 5000, "--epochs", 3, out=tmp_path / "run")
    table = measured(tmp_path / "run")
    assert {row["arm"] for row in table} == ARMS | {"teacher"}
    assert all(float(row["accuracy"]) > 0.15 for row in table)  # chance is 0.10
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["data"]["train"], config["data"]["calib"], config["data"]["test"]) == (5000, 5000, 10_000)
    assert (tmp_path / "run" / "report.html").exists()


@pytest.fixture
def ten_groups(course_data, tmp_path):
    """A folder of 10 classes made of 1,000: the sorted class index // 100; 80 images to train on, 20 to test, each."""
    photographs = sorted((course_data / "imagenet1k-sample" / "val").glob("*/*"))
    if len(photographs) != 1000:
        pytest.skip("no imagenet1k-sample in COURSE_DATA")
    for index, path in enumerate(photographs):
        split = "val" if index % 5 == 0 else "train"
        place = tmp_path / "groups" / split / f"group{index // 100}" / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path)
    return tmp_path / "groups"


@pytest.mark.verify
def test_large_photographs_run_with_networks_of_torchvision(ten_groups, tmp_path):
    networks = ("--teacher", "torchvision:resnet18", "--student", "torchvision:mobilenet_v3_small")
    said = course_run("--data", ten_groups, *networks, "--epochs", 1, out=tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["data"]["shape"] == [3, 256, 256] and len(config["data"]["classes"]) == 10
    assert config["data"]["train"] + config["data"]["calib"] == 800 and config["data"]["test"] == 200
    assert {row["arm"] for row in measured(tmp_path / "run")} == ARMS | {"teacher"}
    assert "undecided" in said
