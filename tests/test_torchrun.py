"""Two processes train what one trains."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import test_training
import torch
from torch import nn

from course_lib.losses import Supervision
from course_lib.predictions import collect
from course_lib.ranks import ALONE, Ranks
from course_lib.teacher_cache import TeacherCache
from course_lib.training import Trainer, frozen

RUN = [
    *(
        "-m",
        "course_lib",
        "run",
        "--data",
        "tabular",
        "--teacher",
        "mlp16",
        "--student",
        "mlp8",
        "--epochs",
        "3",
        "--seeds",
        "1",
    ),
    *("--temperature", "2", "--limit", "300", "--device", "cpu"),
]


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def together(*options):
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    return [sys.executable, *launcher, *RUN, *options]


def run(command, **options):
    return subprocess.run([str(word) for word in command], env=environment(), capture_output=True, text=True, **options)


LESSON = replace(
    test_training.LESSON,
    train=test_training.split("train", 300, seed=0),
    plan=replace(test_training.LESSON.plan, batch_size=64),
    supervision=Supervision(label_weight=0.3, temperature=2.0, clean_share=0.5),
)


def without_batch_norm(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 3)]
        return nn.Sequential(*layers)


def train(ranks, cache):
    teacher = frozen(without_batch_norm(9))
    trainer = Trainer(without_batch_norm(1), LESSON, test_training.CPU, teacher, cache=cache, ranks=ranks)
    trainer.run()
    calib, view = LESSON.calib, LESSON.view.centre
    words = {"split": "calib", "model": "student", "index_hash": calib.index_hash}
    found = collect(
        trainer.network, calib.images, calib.labels, view, device=test_training.CPU, batch_size=16, ranks=ranks, **words
    )
    return found.logits, trainer.history


def _train_together(rank, size, folder):
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    cache = TeacherCache(folder / "cache", "0" * 16, print)
    logits, history = train(Ranks(rank, size), cache)
    again, _ = train(Ranks(rank, size), reread := TeacherCache(folder / "cache", "0" * 16, print))
    assert reread.hits == 2 * LESSON.settings.epochs and torch.equal(again, logits)
    torch.save({"logits": logits, "history": history}, folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("default")  # torch and gloo have something to say about localhost
def test_two_processes_predict_what_one_does_with_the_doubled_batch(tmp_path):
    logits, history = train(ALONE, cache=None)
    torch.multiprocessing.spawn(_train_together, (2, tmp_path), nprocs=2)
    for rank in (0, 1):
        found = torch.load(tmp_path / f"{rank}.pt")
        torch.testing.assert_close(found["logits"], logits, rtol=1e-5, atol=1e-5)
        for ours, theirs in zip(found["history"], history, strict=True):
            assert ours["train"] == pytest.approx(theirs["train"], abs=1e-5)
            assert ours["calib_nll"] == pytest.approx(theirs["calib_nll"], abs=1e-5)


@pytest.mark.verify
def test_two_processes_say_everything_once(tmp_path):
    done = run(together("--out", tmp_path / "two"))
    assert done.returncode == 0 and done.stdout.count("The whole report") == 1
    wrong = run(together("--out", tmp_path / "other", "--batch-size", "32"))
    assert wrong.returncode != 0
    assert wrong.stderr.count("2 processes cannot share a batch of 32") == 1
    assert "multiple of 64" in wrong.stderr


def killed_until_done(folder, kills, rng):
    """Kill both processes at random moments; then let them end. Returns how many kills hit them at work."""
    hits = 0
    for attempt in range(kills):
        started = (folder / "config.json").exists()
        again = ["--resume"] if started else []
        command = together("--out", folder, "--save-every", "0.1", "--epochs", "60", *again)
        process = subprocess.Popen(
            [str(word) for word in command], env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        while process.poll() is None and not (folder / "config.json").exists():
            time.sleep(0.01)
        try:
            process.wait(timeout=rng.uniform(1, 6) + (8 if attempt and started else 0))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            hits += process.wait() == -signal.SIGKILL
    return hits


@pytest.mark.parametrize("kills", [pytest.param(3, marks=pytest.mark.verify), pytest.param(20, marks=pytest.mark.soak)])
def test_two_processes_that_are_killed_end_with_the_same_bits(tmp_path, kills):
    whole = run(together("--out", tmp_path / "whole", "--epochs", "60"))
    assert whole.returncode == 0, whole.stderr
    hits = killed_until_done(tmp_path / "killed", kills, random.Random(kills))
    done = run(together("--out", tmp_path / "killed", "--epochs", "60", "--resume"))
    assert done.returncode == 0, done.stderr[:1500]
    print(f"{hits} of {kills} kills hit the processes at work")
    assert hits >= kills // 2
    for name in (
        "summary.csv",
        "metrics.jsonl",
        *(f"models/{path.name}" for path in (tmp_path / "whole/models").iterdir()),
    ):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
