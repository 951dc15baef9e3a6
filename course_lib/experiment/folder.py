"""folder: a run on disk, whole at every moment.

config.json                what is run, on what
models/<model>.safetensors weights of a finished model and its learning curve; written last
predictions/               logits of calib and test images
state/                     the model in training, for resuming
metrics.jsonl, timings.csv rewritten as models finish
summary.csv                written at the end
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import Tensor, nn

from course_lib.errors import CourseError
from course_lib.experiment.jobs import Job
from course_lib.files import csv_text, load_tensors, save_tensors, write_atomically
from course_lib.predictions import Predictions

State = tuple[dict[str, Tensor], dict[str, str]]
TIMING_COLUMNS = ("model", "seconds", "images_per_second", "peak_memory_mb")


class RunFolder:
    """The folder of one run.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path: Path):
        self.path = path
        self._curves: dict[str, list[dict[str, Any]]] = {}
        self._timings: dict[str, dict[str, str]] = {}

    @classmethod
    def open(cls, path: Path, config: Mapping[str, Any], *, resume: bool, console: Console) -> "RunFolder":
        """Begin a run folder, or take up the one that is there.

        Raises:
            CourseError: If a run is there and is not to be resumed, or the other way round, or its settings or data
                are not those of ``config``.
        """
        folder = cls(path)
        there = any((path / name).exists() for name in ("config.json", "models", "predictions", "state"))
        if resume:
            folder._must_match(read_config(path), config, console)
        elif there:
            raise CourseError(f"{path} already holds a run: add --resume to go on with it, or name another --out")
        else:
            write_atomically(path / "config.json", json.dumps(config, indent=2) + "\n")
        if (timings := path / "timings.csv").exists():
            with open(timings, newline="", errors="replace") as file:
                rows = list(csv.DictReader(file))
            folder._timings = {row["model"]: row for row in rows if tuple(row) == TIMING_COLUMNS}
        return folder

    def _must_match(self, stored: Mapping[str, Any], config: Mapping[str, Any], console: Console) -> None:
        """Refuse to mix two experiments in one folder; warn where bits may differ."""
        then, now = stored["settings"], config["settings"]
        if differ := [name for name in now if now[name] != then.get(name)]:
            values = ", ".join(f"{name} was {then.get(name)!r}, now {now[name]!r}" for name in differ)
            raise CourseError(f"{self.path} holds a run of another configuration: {values}. Name another --out")
        if stored["models"] != config["models"]:
            raise CourseError(
                f"{self.path} was run with other weights: their files have changed since. Name another --out"
            )
        if stored["data"] != config["data"]:
            raise CourseError(f"{self.path} was run on other images: the data have changed since. Name another --out")
        for name, value in config["environment"].items():
            if value != stored["environment"].get(name):
                was = stored["environment"].get(name)
                change = f"{name} was {was}, now {value}: what is still to train may differ in the last bits"
                console.print(f"warning: {change}", style="yellow", highlight=False)

    def model_path(self, model: str) -> Path:
        """Weights of a finished model."""
        return self.path / "models" / f"{model}.safetensors"

    def state_path(self, model: str) -> Path:
        """State of a model in training."""
        return self.path / "state" / f"{model}.safetensors"

    def _predictions_path(self, model: str, split: str) -> Path:
        return self.path / "predictions" / f"{model}-{split}.safetensors"

    def is_finished(self, model: str) -> bool:
        """Whether a model is done; its learning curve is then taken up."""
        path = self.model_path(model)
        if not path.exists() or not all(self._predictions_path(model, split).exists() for split in ("calib", "test")):
            return False
        with advising(path):
            self._curves[model] = json.loads(load_tensors(path)[1]["history"])
        return True

    def fill(self, network: nn.Module, model: str) -> None:
        """Give a network the weights of a finished model."""
        path = self.model_path(model)
        with advising(path):
            network.load_state_dict(load_tensors(path)[0])

    def state_of(self, model: str) -> State | None:
        """The saved state of a model in training."""
        path = self.state_path(model)
        if not path.exists():
            return None
        with advising(path):
            return load_tensors(path)

    def save_state(self, job: Job, state: State, seconds: float) -> None:
        """Keep the state of a model in training, and its learning curve so far."""
        tensors, words = state
        save_tensors(self.state_path(job.model), tensors, words | {"seconds": repr(seconds)})

    def predictions(self, model: str, split: str) -> Predictions:
        """The logits of a finished model."""
        path = self._predictions_path(model, split)
        with advising(path):
            return Predictions.load(path)

    def save_predictions(self, predictions: Predictions) -> None:
        """Keep the logits of a model on one split."""
        predictions.save(self._predictions_path(predictions.model, predictions.split))

    def finish(self, job: Job, network: nn.Module, history: list[dict[str, Any]], timing: Mapping[str, str]) -> None:
        """Keep a finished model; its predictions are there already."""
        self._timings[job.model] = {"model": job.model, **timing}
        write_atomically(self.path / "timings.csv", csv_text(TIMING_COLUMNS, self._timings.values()))
        save_tensors(self.model_path(job.model), network.state_dict(), {"history": json.dumps(history)})
        self._curves[job.model] = history
        self.state_path(job.model).unlink(missing_ok=True)

    def write_metrics(self, jobs: Iterable[Job]) -> None:
        """Write the learning curves of all finished models, one line per model and epoch."""
        lines = [
            json.dumps({"model": job.model, "arm": job.arm, **job.settings(), **epoch})
            for job in jobs
            for epoch in self._curves.get(job.model, [])
        ]
        write_atomically(self.path / "metrics.jsonl", "".join(f"{line}\n" for line in lines))


@contextmanager
def advising(path: Path) -> Iterator[None]:
    """Whatever is wrong with a file of a run, say how to mend it."""
    try:
        yield
    except (CourseError, KeyError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CourseError(
            f"{path} is damaged ({reason})\ndelete {path} and resume: what it held is made again"
        ) from error


def read_config(path: Path) -> dict[str, Any]:
    """The configuration of a run folder.

    Raises:
        CourseError: If there is none, or it cannot be read.
    """
    try:
        config = json.loads((path / "config.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise CourseError(f"{path} holds no run (no config.json): start one without --resume") from None
    except (OSError, ValueError) as error:
        raise CourseError(f"cannot read {path / 'config.json'}: {error}. Start again with another --out") from error
    if not isinstance(config, dict) or not {"settings", "data", "models", "environment"} <= set(config):
        raise CourseError(f"{path / 'config.json'} was not written by `course run`: name another --out")
    return config
