"""post-hoc: is the gain still there once every model is scaled by one temperature of its own?"""

from collections.abc import Sequence
from dataclasses import replace

from course_lib.claims import Evidence
from course_lib.recipes import RunSettings
from course_lib.results import Row
from course_lib.studies.four_arms import PAIRS
from course_lib.studies.part import Part, differences
from course_lib.studies.scale import T
from course_lib.studies.study import Findings, Parts, Study
from course_lib.temperature import brier_split, fit_on


def parts(base: RunSettings) -> Parts:
    """One run of the four arms."""
    return {"main": replace(base, temperatures=(T,))}


def read(finished: Sequence[Part]) -> Findings:
    """Differences after scaling, and the Brier score of each model split into what scaling mends and what it cannot."""
    (main,) = finished
    at = {arm: (arm, main.run.temperatures(arm)[0]) for arm in main.run.arms}
    changes = [
        Evidence(
            "objection",
            f"{name} after scaling, mixup_kd (T = {T:g}) minus ce",
            "below 0",
            main.difference(at["mixup_kd"], at["ce"], measure, "temperature"),
            unit,
        )
        for name, measure, unit in (
            ("NLL", "nll", "nats"),
            ("Brier score", "brier", "number"),
            ("ECE", "ece", "points"),
        )
    ]
    return Findings(
        tables={
            "differences": differences(main, [(at[first], at[second]) for first, second in PAIRS]),
            "brier_split": [_split_of(main, model) for model in _models(main)],
        },
        evidence=changes,
    )


def _models(main: Part) -> list[str]:
    return ["teacher", *(model for arm in main.run.arms for model in main.students(arm, main.run.temperatures(arm)[0]))]


def _split_of(main: Part, model: str) -> Row:
    """How much of a model's Brier score on test a temperature takes away."""
    calib, test = main.predictions(model, "calib"), main.predictions(model)
    temperature = fit_on(calib).temperature
    found = brier_split(test.logits, test.labels, temperature)
    return {
        "model": model,
        "scaling_temperature": temperature,
        "brier": found.refinement + found.calibration,
        "refinement": found.refinement,
        "calibration": found.calibration,
    }


STUDY = Study(
    name="post-hoc",
    asks="Is mixup distillation still better once everybody is scaled by one temperature of their own?",
    claims=("objection",),
    parts=parts,
    read=read,
)
