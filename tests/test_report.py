import csv
import json
import re
from dataclasses import asdict
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from rich.console import Console

from course_lib import report
from course_lib.calibration import measure
from course_lib.errors import CourseError
from course_lib.experiment.folder import csv_text
from course_lib.intervals import Interval
from course_lib.predictions import Predictions
from course_lib.report.comparisons import COMPARED, Comparison
from course_lib.report.run import MEASURES
from course_lib.report.verdict import findings

HOSTILE = "<script>alert(1)</script>"
COLUMNS = [
    *("model", "arm", "seed", "distillation_temperature", "split", "scaling"),
    *("accuracy", "nll", "brier", "ece", "signed_gap", "ece_over", "ece_under", "overconfidence_error"),
    "scaling_temperature",
]
SKILL = {"teacher": (3.4, 3.2), "ce": (2.7, 3.4), "mixup": (2.9, 1.6), "kd": (3.0, 2.6), "mixup_kd": (3.2, 2.3)}
LABELS = {split: torch.arange(150) % 3 for split in ("calib", "test")}


def logits_of(arm, seed, temperature, split):
    """Logits of a model whose skill and certainty depend on its arm, a little worse where T is not 2."""
    rng = np.random.default_rng([list(SKILL).index(arm), seed or 0, int(10 * (temperature or 0)), split == "test"])
    signal, scale = SKILL[arm]
    signal -= 0.0 if temperature in (None, 2.0) else 0.8
    images = signal * np.eye(3)[LABELS[split]] + rng.normal(size=(len(LABELS[split]), 3))
    return torch.from_numpy(scale * images).float()


def make_run(
    folder, *, arms=("ce", "mixup", "kd", "mixup_kd"), temperatures=(1.0, 2.0), seeds=2, outside=False, teacher=True,
    classes=("zero", "one", HOSTILE), epochs=3,
):  # fmt: skip
    """Write a run folder as `course run` does, from drawn logits."""
    models = [("teacher", "teacher", None, None)] * (teacher and any("kd" in arm for arm in arms)) + [
        (f"{arm}{f'-T{t:g}' if t else ''}-seed{seed}", arm, seed, t)
        for seed in range(seeds)
        for arm in arms
        for t in (temperatures if "kd" in arm else (None,))
    ]
    summary, metrics, timings = [], [], []
    for model, arm, seed, temperature in models:
        row = {"model": model, "arm": arm, "seed": seed, "distillation_temperature": temperature}
        for split, labels in LABELS.items():
            logits = logits_of(arm, seed, temperature, split)
            Predictions(logits, labels, split, model, split).save(
                folder / "predictions" / f"{model}-{split}.safetensors"
            )
            for scaling, scale in (("none", 1.0), ("temperature", 1.25)):
                line = {**row, "split": split, "scaling": scaling}
                if not (outside and arm == "teacher" and scaling == "temperature"):
                    numbers = asdict(measure(logits / scale, labels))
                    line |= {name: f"{numbers[name]:.6f}" for name in MEASURES} | {"scaling_temperature": scale}
                summary.append(line)
        if not (outside and arm == "teacher"):
            metrics += [
                {"model": model, "arm": arm, "seed": seed, "distillation_temperature": temperature, "epoch": epoch,
                 "learning_rate": 0.1, "train": {"label": 1.0, "loss": 1.0},
                 "calib_accuracy": 0.9 - 0.5 / epoch, "calib_nll": 0.2 + 1.0 / epoch}
                for epoch in range(1, epochs + 1)
            ]  # fmt: skip
        timings.append({"model": model, "seconds": "1.500", "images_per_second": "0.0", "peak_memory_mb": "210"})
    config = {
        "version": 1,
        "recipe": "demo",
        "command": f"course run --data {HOSTILE}",
        "settings": {
            "recipe": "demo", "data": "drawn", "teacher": "cnn32", "student": "cnn3", "arms": list(arms),
            "temperatures": list(temperatures), "seeds": seeds, "epochs": epochs, "limit": None, "batch_size": 32,
            "learning_rate": 0.1, "weight_decay": 5e-4, "warmup_share": 0.1, "alpha": 1.0, "label_weight": 0.0,
        },
        "data": {"source": HOSTILE, "classes": list(classes), "train": 400, "calib": 150, "test": 150,
                 "fingerprint": "abc", "skipped": [f"{HOSTILE}.png"]},
        "models": {"student": {"parameters": 1000, "weights": "drawn"}, "teacher": {"parameters": 9000}},
        "environment": {"course_lib": "0.1.0", "python": "3.11.9", "torch": "2.11.0", "numpy": "2.0.0",
                        "processor": "a processor", "device": "cpu", "threads": 2, "platform": "Linux"},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "summary.csv").write_text(csv_text(COLUMNS, summary))
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in metrics))
    (folder / "timings.csv").write_text(csv_text(list(timings[0]), timings))
    return folder
