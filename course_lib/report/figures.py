"""figures: the pictures of a run, each arm at its headline temperature."""

import numpy as np
import torch

from course_lib import plots
from course_lib.plots import Picture
from course_lib.predictions import confidence_and_correct
from course_lib.report.run import Run, headline, name_of


def pictures(run: Run) -> dict[str, Picture]:
    """Every picture of the page, by the name of its file.

    Raises:
        CourseError: If the predictions of a model are missing or damaged.
    """
    answers = _answers(run)
    drawn = {
        "reliability": plots.reliability_of_arms(answers),
        "accuracy_against_gap": plots.accuracy_against_gap(_students(run)),
        "confidence_histograms": plots.confidence_histograms(answers),
    }
    curves = _curves(run)
    return drawn | ({"learning_curves": plots.learning_curves(curves)} if curves else {})


def shown(run: Run) -> dict[str, float | None]:
    """Teacher and arms at the temperatures at which they are drawn."""
    return ({"teacher": None} if run.has_teacher else {}) | headline(run)


def _answers(run: Run) -> list[plots.Answers]:
    """Confidence and correctness on test images, as trained, seeds pooled."""
    pooled = []
    for arm, temperature in shown(run).items():
        parts = [confidence_and_correct(each.logits, each.labels) for each in run.predictions(arm, temperature)]
        confidence, correct = (torch.cat(part) for part in zip(*parts, strict=True))
        pooled.append(plots.answers_of(arm, name_of(arm, temperature), confidence, correct))
    return pooled


def _students(run: Run) -> list[plots.Students]:
    """Accuracy and signed gap of every student on test images, as trained."""
    chosen = headline(run)
    students = []
    for arm in run.arms:
        for temperature in run.temperatures(arm):
            values = [line.values or {} for line in run.lines(arm, temperature, "test", "none")]
            is_headline = temperature == chosen[arm]
            students.append(
                plots.Students(
                    arm,
                    name_of(arm, temperature) if is_headline else f"T = {temperature:g}",
                    np.array([each["accuracy"] for each in values]),
                    np.array([each["signed_gap"] for each in values]),
                    is_headline,
                )
            )
    return students


def _curves(run: Run) -> list[plots.Curve]:
    """Learning curves; a teacher that came with its weights has none."""
    curves = []
    for arm, temperature in shown(run).items():
        models = [line.model for line in run.lines(arm, temperature, "test", "none")]
        lines = [[line for line in run.curves if line["model"] == model] for model in models]
        epochs = min(len(each) for each in lines)
        if epochs:
            accuracy, nll = (
                np.array([[epoch[measure] for epoch in each[:epochs]] for each in lines])
                for measure in ("calib_accuracy", "calib_nll")
            )
            curves.append(plots.Curve(arm, name_of(arm, temperature), accuracy, nll))
    return curves
