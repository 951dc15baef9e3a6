"""facts: what was run, on what, with what, and how long it took."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from course_lib.report.run import Run, name_of
from course_lib.report.tables import sample_of

CLASSES_SHOWN = 20


def facts(run: Run) -> dict[str, str]:
    """Everything that must be known to repeat a run, in words; the same headings for every run."""
    settings, data, environment = (run.config[part] for part in ("settings", "data", "environment"))
    return {
        "Command": str(run.config.get("command") or "not recorded"),
        "Data": f"{settings['data']} ({data.get('source', 'source not recorded')})",
        "Classes": _some(data["classes"]),
        "Images": ", ".join(f"{data[split]:,} {split}" for split in ("train", "calib", "test")),
        "Left out as unreadable": _some(data.get("skipped", ())) or "none",
        "Fingerprint of the training images": str(data.get("fingerprint", "not recorded")),
        "Teacher": _network(run, "teacher"),
        "Student": _network(run, "student"),
        "Arms": ", ".join(settings["arms"]),
        "Distillation temperatures": ", ".join(f"{temperature:g}" for temperature in settings["temperatures"]),
        "Seeds": str(settings["seeds"]),
        "Training": _training(settings),
        "Mixup": f"lambda per image from Beta({settings['alpha']:g}, {settings['alpha']:g})",
        "Weight of the labels in distilling arms": f"{settings.get('label_weight', 0.0):g}",
        "Versions": _versions(environment, ("course_lib", "python", "torch", "numpy")),
        "Machine": _versions(environment, ("processor", "cores", "device", "threads", "platform")),
        "Numbers": sample_of(run),
    }


def _network(run: Run, role: str) -> str:
    model = run.config["models"].get(role)
    if model is None:
        return "none"
    weights = f", weights: {model['weights']}" if "weights" in model else ""
    return f"{run.config['settings'][role]}, {model['parameters']:,} parameters{weights}"


def _training(settings: dict[str, Any]) -> str:
    """Epochs and what else moves the weights, in the order of the settings."""
    names = ("epochs", "teacher_epochs", "batch_size", "learning_rate", "weight_decay", "warmup_share", "limit")
    given = [f"{name.replace('_', ' ')} {settings[name]}" for name in names if settings.get(name) is not None]
    return f"SGD with Nesterov momentum; {', '.join(given)}"


def _versions(environment: dict[str, Any], names: Iterable[str]) -> str:
    return ", ".join(f"{name} {environment[name]}" for name in names if environment.get(name) is not None)


def _some(words: Iterable[Any]) -> str:
    """The first of many words, and how many there are."""
    named = [str(word) for word in words]
    more = f" and {len(named) - CLASSES_SHOWN:,} more" if len(named) > CLASSES_SHOWN else ""
    return ", ".join(named[:CLASSES_SHOWN]) + more


@dataclass(frozen=True)
class Time:
    """How long the models of one arm took to train.

    Attributes:
        name: The arm, with its distillation temperature.
        models: How many, one per seed.
        seconds: Mean of one model.
        images_per_second: Mean, None where it was not measured.
        peak_memory_mb: Highest, None where it was not measured.
    """

    name: str
    models: int
    seconds: float
    images_per_second: float | None
    peak_memory_mb: float | None


def training_times(run: Run) -> list[Time]:
    """One line per arm and distillation temperature, in the order of training."""
    named = {row.model: name_of(row.arm, row.temperature) for row in run.measured}
    lines: dict[str, list[dict[str, str]]] = {}
    for row in run.timings:
        if row["model"] in named:
            lines.setdefault(named[row["model"]], []).append(row)
    return [
        Time(
            name,
            len(rows),
            statistics.fmean(float(row["seconds"]) for row in rows),
            statistics.fmean(speeds) if (speeds := _given(rows, "images_per_second")) else None,
            max(peaks) if (peaks := _given(rows, "peak_memory_mb")) else None,
        )
        for name, rows in lines.items()
    ]


def total_seconds(run: Run) -> float:
    """Seconds of the whole run: its line ``total`` where there is one, else the sum over its models."""
    seconds = {row["model"]: float(row["seconds"]) for row in run.timings}
    return seconds.get("total", sum(seconds.values()))


def _given(rows: Iterable[dict[str, str]], column: str) -> list[float]:
    """The numbers of a column that are there and not 0."""
    return [float(row[column]) for row in rows if row.get(column) and float(row[column]) > 0]
