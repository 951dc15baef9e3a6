import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from rich.console import Console

from course_lib import experiment, results, studies
from course_lib.claims import CLAIMS
from course_lib.errors import CourseError
from course_lib.studies import scale
from course_lib.studies.calibration_transfer import teachers_like
from course_lib.studies.part import Part


@pytest.fixture
def tiny(monkeypatch):
    """Studies of a few seconds: one epoch on a few digits."""
    digits = replace(scale.FULL["digits"], teacher="cnn4", student="cnn2", limit=64)
    monkeypatch.setitem(scale.FULL, "digits", digits)
    monkeypatch.setitem(scale.SMALL_IMAGES, "digits", 64)
    monkeypatch.setattr(scale, "SMALL", {"epochs": 1, "seeds": 2})


def conduct(name, folder, **more):
    return studies.conduct(studies.find(name), "digits", "small", folder, **more)


def tables(folder):
    return {path.name: path.read_bytes() for path in (folder / "results").glob("*.csv") if path.name != "timings.csv"}


@pytest.mark.parametrize("name", ["linearity", pytest.param("calibration-transfer", marks=pytest.mark.verify)])
def test_the_same_study_gives_the_same_bytes(tiny, tmp_path, name):
    for folder in ("first", "second"):
        conduct(name, tmp_path / folder)
    assert tables(tmp_path / "first") == tables(tmp_path / "second")
    assert len(tables(tmp_path / "first")) >= 4


class StopAfter:
    """Asks a run to stop after so many steps."""

    def __init__(self, steps):
        self.left = steps

    def __call__(self):
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("steps", [3])
def test_a_stopped_study_goes_on_to_the_same_bytes(tiny, tmp_path, steps):
    conduct("mismatch", tmp_path / "whole")
    with pytest.raises(experiment.Interrupted):
        conduct("mismatch", tmp_path / "stopped", habits=experiment.Habits(Console(quiet=True), stop=StopAfter(steps)))
    assert not (tmp_path / "stopped" / "results").exists()
    found = conduct("mismatch", tmp_path / "stopped", resume=True)
    assert tables(tmp_path / "whole") == tables(tmp_path / "stopped")
    assert found.manifest["seconds"] > 0


def test_a_study_writes_what_the_design_promises(tiny, tmp_path):
    found = conduct("post-hoc", tmp_path / "study")
    assert found.tables == ["summary", "differences", "brier_split", "kept_predictions", "evidence"]
    assert found.models == ["teacher", "ce-seed0", "mixup-seed0", "kd-T2-seed0", "mixup_kd-T2-seed0"]
    assert (tmp_path / "study" / "runs" / "main" / "config.json").exists()
    assert found.manifest["command"] == "course study post-hoc --data digits --scale small"
    assert found.manifest["images"] == {"train": 64, "calib": 239, "test": 599}
    assert {row["claim"] for row in found.table("evidence")} == {"objection"}
    for row in found.table("brier_split"):
        assert row["refinement"] + row["calibration"] == pytest.approx(row["brier"], abs=1e-5)


def test_a_study_never_writes_over_another(tiny, tmp_path):
    folder = tmp_path / "study"
    with pytest.raises(CourseError, match="holds no study"):
        conduct("geometry", folder, resume=True)
    conduct("geometry", folder)
    with pytest.raises(CourseError, match="already holds a study: add --resume"):
        conduct("geometry", folder)
    with pytest.raises(CourseError, match="another study: study was 'geometry'"):
        conduct("post-hoc", folder, resume=True)
    with pytest.raises(CourseError, match="scale was 'small'"):
        studies.conduct(studies.find("geometry"), "digits", "full", folder, resume=True)
    diary = json.loads((folder / "study.json").read_text())
    diary["parts"]["main"]["alpha"] = 0.5
    (folder / "study.json").write_text(json.dumps(diary))
    with pytest.raises(CourseError, match="parts was other settings"):
        conduct("geometry", folder, resume=True)
    (folder / "study.json").write_text("{")
    with pytest.raises(CourseError, match=r"cannot read .*study.json"):
        conduct("geometry", folder, resume=True)


def test_a_part_brings_networks_back_that_say_what_their_predictions_say(tiny, tmp_path):
    conduct("geometry", tmp_path / "study")
    settings = studies.find("geometry").parts(studies.settings_of("digits", "small"))["main"]
    part = Part("main", tmp_path / "study" / "runs" / "main", settings, "cpu")
    views, labels = part.views("test", at_most=10_000)
    for model in ("teacher", *part.students("mixup_kd", 2.0)):
        stored = part.predictions(model)
        network = part.network(model)
        assert not network.training and torch.equal(labels, stored.labels)
        torch.testing.assert_close(network(views), stored.logits, atol=1e-5, rtol=1e-4)
    assert len(part.views("test", at_most=7)[1]) == 7


def test_every_study_says_what_it_asks_and_which_known_claim_it_tests():
    assert list(studies.STUDIES) == [
        "four-arms", "mismatch", "linearity", "calibration-transfer", "temperature-tradeoff", "geometry",
        "dark-knowledge", "overhead", "post-hoc", "other-domain",
    ]  # fmt: skip
    for name, study in studies.STUDIES.items():
        assert study.name == name and study.asks.endswith("?") and set(study.claims) <= set(CLAIMS)
    assert {claim for study in studies.STUDIES.values() for claim in study.claims} == set(CLAIMS)
    with pytest.raises(CourseError, match="did you mean four-arms"):
        studies.find("four-arm")


@pytest.mark.parametrize("data", ["digits", "tabular", "fashion", "cifar10-jpeg", "tin200-32"])
@pytest.mark.parametrize("size", studies.SCALES)
def test_arms_of_a_study_have_equal_budgets(data, size, monkeypatch):
    monkeypatch.setattr(scale, "count", lambda data: (700, 10))
    base = studies.settings_of(data, size)
    for study in studies.STUDIES.values():
        for settings in study.parts(base).values():
            assert (settings.epochs, settings.limit, settings.batch_size) == (base.epochs, base.limit, base.batch_size)
    assert studies.find("four-arms").parts(base)["main"].seeds >= 3


def test_what_needs_more_classes_is_refused_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["course_lib.studies.conduct"], "count", lambda data: (700, 2))
    with pytest.raises(CourseError, match="mismatch needs 3 classes or more, digits has 2"):
        conduct("mismatch", tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_small_is_as_large_as_small_data_allow(monkeypatch):
    monkeypatch.setattr(scale, "count", lambda data: (130, 3))
    assert studies.settings_of("somewhere", "small").limit == 130
    assert studies.settings_of("somewhere", "full").limit is None


def test_an_unknown_scale_is_refused():
    with pytest.raises(CourseError, match="choose small or full"):
        studies.settings_of("digits", "medium")


def test_eight_natural_teachers_differ_in_size_or_training():
    base = studies.settings_of("fashion", "full")
    parts = studies.find("calibration-transfer").parts(base)
    natural = {(part.teacher, part.teacher_epochs) for name, part in parts.items() if name != "dial"}
    assert len(natural) == 8
    assert teachers_like("resnet56") == ["resnet20", "resnet32", "resnet44", "resnet56"]


def test_absent_data_are_named_with_the_way_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(CourseError, match=r"cifar10 is not on this machine .*--download"):
        studies.conduct(studies.find("four-arms"), "cifar10", "small", tmp_path / "study")
    assert not (tmp_path / "study").exists()
    with pytest.raises(CourseError, match="unknown data 'cifar10-jpeg'"):
        studies.conduct(studies.find("four-arms"), "cifar10-jpeg", "small", tmp_path / "other")


@pytest.mark.verify
@pytest.mark.parametrize("name", list(studies.STUDIES))
def test_every_study_runs_at_small_scale(name, tmp_path):
    command = [sys.executable, "-m", "course_lib", "study", name, "--scale", "small", "--out", str(tmp_path / "study")]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert said.returncode == 0, said.stderr
    assert said.stderr == ""
    found = results.read(tmp_path / "study" / "results")
    assert found.manifest["data"] == ("tabular" if name == "other-domain" else "digits")
    assert "evidence" in found.tables or name == "overhead"
    if name == "overhead":
        assert [row["arm"] for row in found.table("timings")] == ["ce", "mixup", "kd", "mixup_kd", "mixup_kd+outputs=1"]
        assert all(row["images_per_second"] > 0 and row["peak_memory_mb"] > 50 for row in found.table("timings"))


@pytest.mark.verify
def test_a_whole_study_twice_gives_the_same_bytes(tmp_path):
    for folder in ("first", "second"):
        conduct("temperature-tradeoff", tmp_path / folder)
    assert tables(tmp_path / "first") == tables(tmp_path / "second")
