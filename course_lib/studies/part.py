"""part: one finished run of a study, and its networks brought back to life."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from course_lib import data
from course_lib.experiment import pick_device
from course_lib.experiment.folder import RunFolder
from course_lib.experiment.jobs import channel_moments, network_of
from course_lib.intervals import Interval, paired_difference
from course_lib.models import Network
from course_lib.predictions import Predictions
from course_lib.recipes import RunSettings
from course_lib.report import Run, headline, load_run
from course_lib.results import Row
from course_lib.temperature import scaled_logits
from course_lib.training import frozen

MEASURES = ("accuracy", "nll", "brier", "ece", "signed_gap", "overconfidence_error")


class Part:
    """A finished run of a study.

    Attributes:
        name: Its name in the study.
        settings: What was run.
        run: Its tables.
    """

    def __init__(self, name: str, folder: Path, settings: RunSettings, device: str):
        self.name = name
        self.settings = settings
        self.run: Run = load_run(folder)
        self.device = pick_device(device)
        self._folder = RunFolder(folder)

    @cached_property
    def splits(self) -> data.Splits:
        """The images that it was run on."""
        chosen = self.settings
        return data.load(
            chosen.data,
            limit=chosen.limit,
            image_size=chosen.image_size,
            skip_unreadable=chosen.skip_unreadable,
        )

    @cached_property
    def _moments(self) -> tuple[Tensor, Tensor]:
        return channel_moments(self.splits.train)

    def network(self, model: str) -> Network:
        """A trained network, frozen, on the device of the study."""
        name = self.settings.teacher if model == "teacher" else self.settings.student
        network = network_of(name, self.splits, *self._moments, seed=0)
        self._folder.fill(network, model)
        return frozen(network.to(self.device))

    def views(self, split: str, at_most: int) -> tuple[Tensor, Tensor]:
        """What networks see of at most so many images of a split, spread evenly over it, and their labels."""
        chosen: data.Split = getattr(self.splits, split)
        n = len(chosen)
        rows = torch.arange(min(n, at_most)) * n // min(n, at_most)
        view = self.settings.view(tuple(chosen.images.shape))
        return view.centre(chosen.images[rows]).to(self.device), chosen.labels[rows].to(self.device)

    def students(self, arm: str, temperature: float | None) -> list[str]:
        """The models of an arm, in the order of their seeds."""
        return [row.model for row in self.run.lines(arm, temperature, "test", "none")]

    def predictions(self, model: str, split: str = "test") -> Predictions:
        """What a model says about a split."""
        return self._folder.predictions(model, split)

    def values(self, arm: str, temperature: float | None, name: str, scaling: str = "none") -> list[float]:
        """One number on test for each seed of an arm."""
        lines = self.run.lines(arm, temperature, "test", scaling)
        return [line.values[name] for line in lines if line.values]

    def chosen_temperature(self, arm: str) -> float | None:
        """The distillation temperature with the lowest calib NLL."""
        return headline(self.run)[arm]

    def scaled(self, arm: str, temperature: float | None, scaling: str) -> list[Predictions]:
        """Test predictions of an arm's models, as trained or after temperature scaling."""
        scales = self.values(arm, temperature, "scaling_temperature", scaling)
        models = [self.predictions(model) for model in self.students(arm, temperature)]
        return [
            replace(model, logits=scaled_logits(model.logits, scale))
            for model, scale in zip(models, scales, strict=True)
        ]

    def difference(
        self, first: tuple[str, float | None], second: tuple[str, float | None], name: str, scaling: str = "none"
    ) -> Interval:
        """How much one arm at one temperature differs from another on test, first minus second, paired."""
        return paired_difference(self.scaled(*first, scaling), self.scaled(*second, scaling), name)


def differences(part: Part, pairs: Sequence[tuple[tuple[str, float | None], tuple[str, float | None]]]) -> list[Row]:
    """Every measure of every pair, as trained and after scaling: the table ``differences``."""
    rows = []
    for first, second in pairs:
        for scaling in ("none", "temperature"):
            ours, theirs = part.scaled(*first, scaling), part.scaled(*second, scaling)
            for measure in MEASURES:
                found = paired_difference(ours, theirs, measure)
                rows.append(
                    {
                        "first": first[0],
                        "first_temperature": first[1],
                        "second": second[0],
                        "second_temperature": second[1],
                        "scaling": scaling,
                        "measure": measure,
                        "estimate": found.estimate,
                        "low": found.low,
                        "high": found.high,
                        "decided": "yes" if found.decided else "no",
                    }
                )
    return rows
