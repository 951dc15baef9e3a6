"""temperature-tradeoff: what the distillation temperature does to accuracy and calibration, with mixup and without."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from course_lib.claims import Evidence
from course_lib.intervals import Interval, interval_of_mean
from course_lib.predictions import Predictions, confidence_and_correct
from course_lib.recipes import RunSettings
from course_lib.relations import pareto_front
from course_lib.results import Row
from course_lib.studies.part import Part, differences
from course_lib.studies.study import Findings, Parts, Study

TEMPERATURES = (1.0, 2.0, 4.0, 8.0)
LOW, HIGH = TEMPERATURES[0], TEMPERATURES[-1]
ARMS = ("kd", "mixup_kd", "kd+standardised", "mixup_kd+standardised")
CALIBRATION = ("ece", "overconfidence_error", "nll", "brier")


def parts(base: RunSettings) -> Parts:
    """One run: both distilling arms at four temperatures and with standardised logits."""
    return {"main": replace(base, arms=ARMS, temperatures=TEMPERATURES)}


def read(finished: Sequence[Part]) -> Findings:
    """From the lowest temperature to the highest, and which models nobody beats."""
    (main,) = finished
    steps = [((arm, HIGH), (arm, LOW)) for arm in ("kd", "mixup_kd")]
    steps += [((f"{arm}+standardised", None), (arm, LOW)) for arm in ("kd", "mixup_kd")]
    high, low = ("mixup_kd", HIGH), ("mixup_kd", LOW)
    accuracy, ece = (main.difference(high, low, name) for name in ("accuracy", "ece"))
    way = f"mixup_kd at T = {HIGH:g} minus T = {LOW:g}"
    return Findings(
        tables={
            "differences": differences(main, steps),
            "pareto": [row for scaling in ("none", "temperature") for row in _pareto(main, scaling)],
        },
        evidence=[
            Evidence("C7", f"signed gap, {way}", "other than 0", main.difference(high, low, "signed_gap"), "points"),
            Evidence(
                "C7",
                f"ECE, {way}, counted in the direction in which accuracy moves "
                f"({100 * accuracy.estimate:+.2f} points, {'decided' if accuracy.decided else 'undecided'})",
                "above 0",
                ece if accuracy.estimate >= 0 else Interval(-ece.estimate, -ece.high, -ece.low),
                "points",
                needs_decided=accuracy.decided,
            ),
            Evidence(
                "C7",
                f"how far confidence moves from T = {LOW:g} to T = {HIGH:g}, mixup_kd minus kd",
                "above 0",
                _moves_more(main),
                "points",
            ),
        ],
    )


def _moves_more(main: Part) -> Interval:
    """How far mean confidence moves with mixup minus how far without, over seeds and images, each in its direction."""

    def confidences(arm: str, temperature: float) -> torch.Tensor:
        models: list[Predictions] = main.scaled(arm, temperature, "none")
        return torch.stack([confidence_and_correct(model.logits, model.labels)[0] for model in models])

    moves = [confidences(arm, HIGH) - confidences(arm, LOW) for arm in ("mixup_kd", "kd")]
    with_mixup, without = (move * move.mean().sign() for move in moves)
    return interval_of_mean(with_mixup - without)


def _pareto(main: Part, scaling: str) -> list[Row]:
    """Each arm and temperature, mean over seeds, and whether it lies on the front of each calibration number.

    The loss on standardised logits is the same at any scale of the student's, so that the confidence of these arms
    means something only after scaling.
    """
    places = [(arm, temperature) for arm in main.run.arms for temperature in main.run.temperatures(arm)]
    means = {
        name: torch.tensor([main.values(*place, name, scaling) for place in places], dtype=torch.float64).mean(dim=1)
        for name in ("accuracy", "signed_gap", *CALIBRATION)
    }
    fronts = {name: set(pareto_front(means["accuracy"], means[name]).tolist()) for name in CALIBRATION}
    return [
        {
            "scaling": scaling,
            "arm": arm,
            "distillation_temperature": temperature,
            **{name: values[place].item() for name, values in means.items()},
            **{f"on_front_of_{name}": "yes" if place in front else "no" for name, front in fronts.items()},
        }
        for place, (arm, temperature) in enumerate(places)
    ]


STUDY = Study(
    name="temperature-tradeoff",
    asks="Does the distillation temperature trade accuracy for calibration, and more so with mixup?",
    claims=("C7",),
    parts=parts,
    read=read,
)
