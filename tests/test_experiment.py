import csv
import io
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from course_lib import experiment, files
from course_lib.decode import EncodedImages
from course_lib.errors import CourseError
from course_lib.experiment.answers import describe
from course_lib.experiment.jobs import jobs_of
from course_lib.models import build
from course_lib.recipes import find
from course_lib.training import Trainer

TINY = replace(find("demo"), student="cnn2", teacher="cnn4", limit=64, epochs=2, seeds=2, temperatures=(1.0, 2.5))
MODELS = [
    "teacher",
    *(
        f"{arm}-seed{seed}"
        for seed in (0, 1)
        for arm in ("ce", "mixup", "kd-T1", "kd-T2.5", "mixup_kd-T1", "mixup_kd-T2.5")
    ),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    experiment.run(TINY, folder)
    return folder


def content(folder, *names):
    return {name: (folder / name).read_bytes() for name in names}


def rows(folder):
    with open(folder / "summary.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_folder_holds_everything_that_the_design_promises(finished):
    assert {path.name for path in finished.iterdir()} >= {
        "config.json", "metrics.jsonl", "summary.csv", "timings.csv", "predictions", "models",
    }  # fmt: skip
    assert sorted(path.stem for path in (finished / "models").iterdir()) == sorted(MODELS)
    assert len(list((finished / "predictions").iterdir())) == 2 * len(MODELS)
    assert not list((finished / "state").glob("*")) and not list(finished.rglob("*.tmp"))


def test_the_summary_has_a_row_for_every_model_split_and_scaling(finished):
    expected = [
        (model, split, scaling)
        for model in MODELS
        for split in ("calib", "test")
        for scaling in ("none", "temperature")
    ]
    table = rows(finished)
    assert [(row["model"], row["split"], row["scaling"]) for row in table] == expected
    assert (
        list(table[0])
        == (
            "model arm seed distillation_temperature split scaling accuracy nll brier ece "
            "signed_gap ece_over ece_under overconfidence_error scaling_temperature"
        ).split()
    )
    for row in table:
        assert float(row["ece_over"]) + float(row["ece_under"]) == pytest.approx(float(row["ece"]), abs=2e-6)
        assert (row["scaling_temperature"] == "1") or row["scaling"] == "temperature"


def test_scaling_never_changes_an_accuracy_and_never_worsens_the_calib_nll(finished):
    table = {(row["model"], row["split"], row["scaling"]): row for row in rows(finished)}
    for model in MODELS:
        for split in ("calib", "test"):
            raw, scaled = table[model, split, "none"], table[model, split, "temperature"]
            assert raw["accuracy"] == scaled["accuracy"]
        assert float(table[model, "calib", "temperature"]["nll"]) <= float(table[model, "calib", "none"]["nll"]) + 1e-6


def test_metrics_have_one_line_per_model_and_epoch(finished):
    lines = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [(line["model"], line["epoch"]) for line in lines] == [(m, e) for m in MODELS for e in (1, 2)]
    losses = {line["arm"]: set(line["train"]) for line in lines}
    assert losses["ce"] == losses["mixup"] == losses["teacher"] == {"label", "loss"}
    assert losses["kd"] == losses["mixup_kd"] == {"teacher", "loss"}


def test_the_same_seed_gives_the_same_bytes(finished, tmp_path):
    experiment.run(TINY, tmp_path / "again")
    names = ["summary.csv", "metrics.jsonl", *(f"models/{model}.safetensors" for model in MODELS)]
    assert content(finished, *names) == content(tmp_path / "again", *names)


def test_an_interrupted_run_resumes_to_the_same_bytes(finished, tmp_path):
    for asked in (3, 5, 9):  # the run is stopped after so many steps, three times over
        steps = iter(range(asked))
        habits = experiment.Habits(Console(quiet=True), stop=lambda steps=steps: next(steps, None) is None)
        with pytest.raises(experiment.Interrupted):
            experiment.run(TINY, tmp_path / "broken", resume=asked > 3, habits=habits)
    experiment.run(TINY, tmp_path / "broken", resume=True)
    names = ["summary.csv", "metrics.jsonl", *(f"models/{model}.safetensors" for model in MODELS)]
    assert content(finished, *names) == content(tmp_path / "broken", *names)


def test_arms_of_one_seed_start_from_the_same_weights_and_meet_the_same_images():
    jobs = jobs_of(TINY, teacher_trains=True)
    assert {job.seed for job in jobs if job.arm != "teacher"} == {0, 1}
    assert jobs[0].arm == "teacher" and jobs[0].seed not in {0, 1}


def test_without_a_distilling_arm_no_teacher_is_trained(tmp_path):
    experiment.run(replace(TINY, arms=("ce",), seeds=1, epochs=1), tmp_path / "plain")
    assert [row["model"] for row in rows(tmp_path / "plain")] == ["ce-seed0"] * 4


def test_a_teacher_that_came_with_its_weights_is_taken_as_it_is_and_not_scaled(finished, tmp_path):
    weights = finished / "models" / "teacher.safetensors"
    settings = replace(TINY, teacher=f"cnn4@{weights}", arms=("kd",), seeds=1, temperatures=(1.0,))
    experiment.run(settings, tmp_path / "outside")
    raw, scaled = rows(tmp_path / "outside")[2:4]
    trained = next(row for row in rows(finished) if row["model"] == "teacher" and row["split"] == "test")
    assert raw == trained
    assert scaled["scaling"] == "temperature" and not scaled["nll"] and not scaled["scaling_temperature"]
    experiment.run(replace(settings, teacher_unseen=True), tmp_path / "declared")
    assert float(rows(tmp_path / "declared")[3]["scaling_temperature"]) > 0


def test_a_folder_that_holds_a_run_is_never_overwritten(finished):
    before = content(finished, "config.json", "summary.csv")
    with pytest.raises(CourseError, match="add --resume"):
        experiment.run(TINY, finished)
    assert content(finished, "config.json", "summary.csv") == before


@pytest.mark.parametrize(
    ("change", "message"),
    [({"alpha": 0.5}, "alpha was 1.0, now 0.5"), ({"epochs": 3}, "epochs was 2, now 3"), ({"limit": 65}, "limit")],
)
def test_a_run_of_another_configuration_is_not_resumed(finished, change, message):
    with pytest.raises(CourseError, match=message):
        experiment.run(replace(TINY, **change), finished, resume=True)


def test_a_folder_that_lost_its_configuration_is_not_taken_for_an_empty_one(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "copy")
    (tmp_path / "copy" / "config.json").unlink()
    with pytest.raises(CourseError, match="already holds a run"):
        experiment.run(TINY, tmp_path / "copy")


def test_changed_test_images_are_noticed_on_resume(small_folder, tmp_path):
    (small_folder / "train" / "dog" / "33.png").unlink()
    settings = replace(TINY, data=str(small_folder), limit=None, batch_size=32, arms=("ce",), seeds=1, epochs=1)
    experiment.run(settings, tmp_path / "run")
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(small_folder / "val" / "cat" / "00.png")
    with pytest.raises(CourseError, match="data have changed"):
        experiment.run(settings, tmp_path / "run", resume=True)


def test_changed_weights_are_noticed_on_resume(finished, tmp_path):
    weights = tmp_path / "teacher.safetensors"
    shutil.copy(finished / "models" / "teacher.safetensors", weights)
    settings = replace(TINY, teacher=f"cnn4@{weights}", arms=("kd",), seeds=1, temperatures=(1.0,), epochs=1)
    experiment.run(settings, tmp_path / "run")
    tensors, words = files.load_tensors(weights)
    files.save_tensors(weights, {name: tensor + 1 for name, tensor in tensors.items()}, words)
    with pytest.raises(CourseError, match="other weights"):
        experiment.run(settings, tmp_path / "run", resume=True)


def test_there_must_be_a_run_to_resume(tmp_path):
    with pytest.raises(CourseError, match="holds no run"):
        experiment.run(TINY, tmp_path, resume=True)


def test_an_absent_device_is_refused_with_the_way_out():
    with pytest.raises(CourseError, match="auto, cpu or cuda"):
        experiment.pick_device("tpu")


def test_a_diverging_training_says_which_model_and_what_to_change(tmp_path):
    with pytest.raises(CourseError, match=r"ce seed0.*learning rate"):
        experiment.run(replace(TINY, arms=("ce",), learning_rate=1e30), tmp_path / "diverged")
    assert not list((tmp_path / "diverged").rglob("*.tmp"))


def test_a_finished_model_loads_without_executing_code(finished):
    tensors, words = files.load_tensors(finished / "models" / "ce-seed0.safetensors")
    assert tensors and json.loads(words["history"])[-1]["epoch"] == TINY.epochs


@pytest.fixture
def small_folder(tmp_path):
    """Two classes of 60 and 8 drawn photographs; one training image cannot be read."""
    rng = np.random.default_rng(0)
    for split, n in (("train", 60), ("val", 8)):
        for name in ("cat", "dog"):
            (tmp_path / "pets" / split / name).mkdir(parents=True)
            for i in range(n):
                pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "pets" / split / name / f"{i:02}.png")
    (tmp_path / "pets" / "train" / "dog" / "33.png").write_bytes(b"no picture")
    return tmp_path / "pets"


def test_few_calib_images_and_unreadable_ones_are_warned_of(small_folder, tmp_path):
    console = Console(record=True, width=200, quiet=False, file=io.StringIO())
    pets = {"data": str(small_folder), "limit": None, "skip_unreadable": True, "batch_size": 32}
    settings = replace(TINY, **pets, arms=("ce",), seeds=1, epochs=1)
    experiment.run(settings, tmp_path / "run", habits=experiment.Habits(console))
    said = console.export_text()
    assert "calib images: fitted temperatures will vary by chance" in said
    assert "1 unreadable images are left out" in said and "33.png" in said
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert [path.endswith("33.png") for path in config["data"]["skipped"]] == [True]


def test_an_unreadable_image_stops_a_run_before_anything_is_written(small_folder, tmp_path):
    settings = replace(TINY, data=str(small_folder), limit=None, batch_size=32)
    with pytest.raises(CourseError, match=r"33\.png.*--skip-unreadable"):
        experiment.run(settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_network_that_comes_with_other_classes_is_refused(finished):
    weights = finished / "models" / "teacher.safetensors"
    with pytest.raises(CourseError, match=r"10.*3|3.*10"):
        build(f"cnn4@{weights}", 3, 1, seed=0)


def shrink_memory(monkeypatch, images):
    """A machine on which a step fits only for fewer images."""
    take_step = Trainer.take_step

    def step(trainer):
        if trainer.lesson.plan.batch_size >= images:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        take_step(trainer)

    monkeypatch.setattr(Trainer, "take_step", step)


def test_a_batch_that_does_not_fit_into_memory_is_told_with_one_that_does(tmp_path, monkeypatch):
    shrink_memory(monkeypatch, 20)
    with pytest.raises(CourseError) as told:
        experiment.run(replace(TINY, batch_size=64, limit=64), tmp_path / "run")
    assert "teacher: a batch of 64 does not fit into the memory; 16 fits: choose --batch-size 16" in str(told.value)
    shrink_memory(monkeypatch, 2)
    with pytest.raises(CourseError, match="choose a smaller --batch-size"):
        experiment.run(TINY, tmp_path / "again")


def test_other_errors_of_a_step_are_not_taken_for_a_lack_of_memory(tmp_path, monkeypatch):
    def fails(trainer):
        raise RuntimeError("something else")

    monkeypatch.setattr(Trainer, "take_step", fails)
    with pytest.raises(RuntimeError, match="something else"):
        experiment.run(TINY, tmp_path / "run")


@pytest.mark.parametrize("cache", ["off", "a folder"])
def test_summaries_are_the_same_bytes_with_the_runs_own_cache_none_or_a_folder(finished, tmp_path, cache):
    habits = experiment.Habits(Console(quiet=True), teacher_cache=cache if cache == "off" else tmp_path / "kept")
    experiment.run(TINY, tmp_path / "run", habits=habits)
    names = ["summary.csv", "metrics.jsonl", *(f"models/{model}.safetensors" for model in MODELS)]
    assert content(finished, *names) == content(tmp_path / "run", *names)
    assert not (finished / "teacher_cache").exists()  # a run's own is gone at its end
    assert (tmp_path / "kept").exists() == (cache != "off")


def test_a_kept_folder_serves_the_next_run(tmp_path):
    console = Console(file=io.StringIO(), width=200)
    habits = experiment.Habits(console, teacher_cache=tmp_path / "kept")
    settings = replace(TINY, arms=("kd", "mixup_kd"))
    experiment.run(settings, tmp_path / "first", habits=habits)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()}
    experiment.run(replace(settings, temperatures=(8.0,)), tmp_path / "second", habits=habits)
    assert len(before) == 2 * 2 * 2  # views, seeds, epochs
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()} == before
    experiment.run(replace(settings, teacher="cnn5"), tmp_path / "third", habits=habits)
    assert "no answers of this teacher, only of 1 other" in console.file.getvalue()


def test_half_precision_answers_change_a_student_a_little(finished, tmp_path):
    settings = replace(TINY, arms=("kd",), temperatures=(1.0,), seeds=1, teacher_dtype="float16")
    experiment.run(settings, tmp_path / "half")
    full, half = (
        files.load_tensors(folder / "predictions" / "kd-T1-seed0-test.safetensors")[0]["logits"]
        for folder in (finished, tmp_path / "half")
    )
    assert not torch.equal(full, half) and float((full - half).abs().max()) < 0.02


@pytest.mark.verify
def test_compiled_networks_learn_the_same_up_to_rounding(finished, tmp_path):
    experiment.run(replace(TINY, seeds=1, temperatures=(1.0,)), tmp_path / "compiled", compiles=True)
    for model in ("teacher", "mixup_kd-T1-seed0"):
        plain, compiled = (
            files.load_tensors(folder / "predictions" / f"{model}-test.safetensors")[0]["logits"]
            for folder in (finished, tmp_path / "compiled")
        )
        torch.testing.assert_close(plain, compiled, rtol=1e-2, atol=1e-2)
    assert json.loads((tmp_path / "compiled" / "config.json").read_text())["environment"]["compiled"]


def test_without_a_compiler_networks_are_not_compiled_and_one_line_says_so(tmp_path, monkeypatch):
    def broken(function):
        raise RuntimeError("Failed to find C compiler. Please specify via CC\nand more")

    monkeypatch.setattr(torch, "compile", broken)
    console = Console(file=io.StringIO(), width=200)
    settings = replace(TINY, arms=("ce",), seeds=1, epochs=1)
    experiment.run(settings, tmp_path / "run", compiles=True, habits=experiment.Habits(console))
    said = [line for line in console.file.getvalue().splitlines() if "compile" in line]
    assert len(said) == 1 and "Failed to find C compiler" in said[0]
    assert not json.loads((tmp_path / "run" / "config.json").read_text())["environment"]["compiled"]


def test_networks_with_weights_are_measured_as_they_came(tmp_path):
    network = build("cnn4", 10, 1, seed=5)
    files.save_tensors(tmp_path / "w.safetensors", network.state_dict(), {})
    name = f"cnn4@{tmp_path / 'w.safetensors'}"
    settings = replace(TINY, arms=("as_is",), teacher=name, student=name, teacher_unseen=True)
    experiment.run(settings, tmp_path / "run")
    table = rows(tmp_path / "run")
    assert [row["model"] for row in table[::4]] == ["teacher", "as_is-seed0"]
    saved = files.load_tensors(tmp_path / "run" / "models" / "as_is-seed0.safetensors")[0]
    assert all(torch.equal(saved[name], value) for name, value in network.state_dict().items())
    with pytest.raises(CourseError, match="the student cnn2 has no weights"):
        experiment.run(replace(settings, student="cnn2"), tmp_path / "other")


@pytest.mark.parametrize("change", ["eps", "file", "network"])
def test_a_teachers_description_holds_all_that_its_answers_depend_on(tmp_path, change):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    images = EncodedImages((tmp_path / "a.png",), 8, 3)
    device = torch.device("cpu")
    network, twin = build("cnn4", 10, seed=1), build("cnn4", 10, seed=1)
    before = describe(network, images, device, compiles=False)
    assert describe(twin, images, device, compiles=False) == before
    if change == "eps":
        next(part for part in twin.modules() if isinstance(part, torch.nn.BatchNorm2d)).eps = 0.1
    elif change == "file":
        os.utime(tmp_path / "a.png", ns=(1, 1))
    else:
        twin = build("cnn4", 10, seed=2)
    assert describe(twin, images, device, compiles=False) != before
    assert describe(network, images, device, compiles=True) != before


@pytest.mark.parametrize("wanted", ["", "/proc/nowhere", "a file"])
def test_a_cache_folder_that_cannot_be_used_is_refused_before_any_work(tmp_path, monkeypatch, wanted):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").touch()
    with pytest.raises(CourseError, match="--teacher-cache"):
        experiment.run(TINY, tmp_path / "run", habits=experiment.Habits(Console(quiet=True), teacher_cache=wanted))
    assert not (tmp_path / "run" / "models").exists()
