"""record: what a run writes down about itself, and the summary of its models."""

import hashlib
import os
import platform
import resource
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import torch

from course_lib.calibration import Measures, measure
from course_lib.data import Splits
from course_lib.experiment.folder import RunFolder
from course_lib.experiment.jobs import Job
from course_lib.models import Network, count_parameters
from course_lib.predictions import Predictions
from course_lib.recipes import RunSettings
from course_lib.temperature import fit_on, scaled_logits

MEASURED = (
    "accuracy",
    "nll",
    "brier",
    "ece",
    "signed_gap",
    "ece_over",
    "ece_under",
    "overconfidence_error",
)
SUMMARY_COLUMNS = (
    "model",
    "arm",
    "seed",
    "distillation_temperature",
    "split",
    "scaling",
    *MEASURED,
    "scaling_temperature",
)


def config_of(
    settings: RunSettings,
    splits: Splits,
    networks: Mapping[str, Network],
    device: torch.device,
    command: str,
    means: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that must be known to understand a run and to repeat it."""
    return {
        "version": 1,
        "recipe": settings.recipe,
        "command": command,
        "settings": settings.as_json(),
        "data": {
            "source": splits.source,
            "classes": list(splits.class_names),
            **{split.name: len(split.labels) for split in (splits.train, splits.calib, splits.test)},
            "shape": list(splits.train.images.shape[1:]),
            "fingerprint": splits.train.fingerprint,
            "images": {split.name: split.index_hash for split in (splits.train, splits.calib, splits.test)},
            "skipped": list(splits.skipped),
        },
        "models": {
            role: {
                "parameters": count_parameters(network),
                "weights": network.weights,
                "first_weights": hash_of(network),
            }
            for role, network in networks.items()
        },
        "environment": environment_of(device) | dict(means),
    }


def hash_of(network: Network) -> str:
    """16 hexadecimal digits of a network's weights."""
    digest = hashlib.sha256()
    for name, values in network.state_dict().items():
        digest.update(name.encode())
        digest.update(values.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def environment_of(device: torch.device) -> dict[str, Any]:
    """Versions and hardware: with the seed, what the bits of a run depend on."""
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "course_lib": version("course-lib"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "platform": platform.platform(),
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "device": gpu or "cpu",
        "threads": torch.get_num_threads(),
    }


def processor_name() -> str:
    """The processor's own name where the system tells it."""
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def peak_memory_mb(device: torch.device) -> float:
    """Highest memory use so far: of the GPU where one trains, of this process otherwise."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 2**20 if platform.system() == "Darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def summary_rows(folder: RunFolder, jobs: Iterable[Job], *, scale_teacher: bool) -> list[dict[str, Any]]:
    """One row per model, split and scaling; the temperature is always fitted on calib.

    A teacher with weights from outside may have been trained on the calib images. Unless the user declares that it was
    not, its scaled rows hold no numbers.
    """
    rows = []
    for job in jobs:
        calib, test = (folder.predictions(job.model, split) for split in ("calib", "test"))
        may_scale = job.arm != "teacher" or scale_teacher
        temperature = fit_on(calib).temperature if may_scale else None
        for predictions in (calib, test):
            rows.append(_row(job, predictions, "none", 1.0))
            rows.append(_row(job, predictions, "temperature", temperature))
    return rows


def _row(job: Job, predictions: Predictions, scaling: str, temperature: float | None) -> dict[str, Any]:
    row = {"model": job.model, "arm": job.arm, **job.settings(), "split": predictions.split, "scaling": scaling}
    if temperature is None:
        return row
    numbers: Measures = measure(scaled_logits(predictions.logits, temperature), predictions.labels)
    values = {name: f"{asdict(numbers)[name]:.6f}" for name in MEASURED}
    return row | values | {"scaling_temperature": f"{temperature:.6g}"}
