"""calibration-transfer: does a student become as sure as its teacher was, whatever either of them knows?"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.calibration import signed_gap
from course_lib.claims import Evidence
from course_lib.dark_knowledge import dial_teacher
from course_lib.intervals import interval_of_mean
from course_lib.predictions import accuracy, confidence_and_correct
from course_lib.recipes import RunSettings
from course_lib.relations import bootstrap, calibration_transfer, partial_correlation
from course_lib.results import Row
from course_lib.studies.part import Part, differences
from course_lib.studies.scale import T
from course_lib.studies.study import Findings, Parts, Study

TAUS = (0.5, 1.0, 2.0, 4.0)
ARMS = {tau: "mixup_kd" if tau == 1 else f"mixup_kd+dial={tau:g}" for tau in TAUS}
SIZES = (0.25, 0.5, 0.75, 1.0)  # of the teacher's width or depth
LENGTHS = (0.3, 1.0)  # of its training
SEED = 0  # of the bootstrap


def parts(base: RunSettings) -> Parts:
    """One run with the dial, and one for each of eight natural teachers: four sizes, trained short and long."""
    dialled = {"dial": replace(base, arms=tuple(ARMS.values()), temperatures=(T,))}
    natural = {
        f"{teacher}-{epochs}": replace(
            base,
            arms=("mixup_kd",),
            temperatures=(T,),
            teacher=teacher,
            teacher_epochs=epochs,
            seeds=min(2, base.seeds),
        )
        for teacher in teachers_like(base.teacher)
        for epochs in sorted({max(1, round(length * base.epochs)) for length in LENGTHS})
    }
    return dialled | natural


def teachers_like(name: str) -> list[str]:
    """Four networks of the family of a teacher, from small to its own size.

    Example:
        >>> teachers_like("cnn16"), teachers_like("resnet20")
        (['cnn4', 'cnn8', 'cnn12', 'cnn16'], ['resnet8', 'resnet14', 'resnet20', 'resnet32'])
    """
    depths = ["resnet8", "resnet14", "resnet20", "resnet32", "resnet44", "resnet56"]
    if name in depths:
        end = max(4, depths.index(name) + 1)
        return depths[end - 4 : end]
    family = re.fullmatch(r"(cnn|mlp)(\d+)", name)
    if family is None:
        raise ValueError(f"it is not known which networks are like {name}, only smaller")
    return [f"{family[1]}{max(1, round(size * int(family[2])))}" for size in SIZES]


def read(finished: Sequence[Part]) -> Findings:
    """Slope and correlation under the dial, and over natural teachers."""
    dial, *natural = finished
    rows = [_natural(part) for part in natural]
    gaps, right, students = (
        torch.tensor([row[name] for row in rows], dtype=torch.float64)
        for name in ("teacher_signed_gap", "teacher_accuracy", "student_signed_gap")
    )
    partial = bootstrap(
        lambda places: partial_correlation(gaps[places], students[places], right[places]),
        len(rows),
        np.random.default_rng(SEED),
    )
    slope, correlation = calibration_transfer(gaps, students)
    own_gaps = torch.tensor([_teacher_gap(dial, tau) for tau in TAUS], dtype=torch.float64)
    residual = _student_samples(dial)
    dial_rows = _dial_rows(dial, own_gaps)
    own = [calibration_transfer(own_gaps, residual[:, seed].mean(dim=1)) for seed in range(residual.shape[1])]
    return Findings(
        tables={
            "dial": dial_rows,
            "natural_teachers": rows,
            "transfer": [
                {"teachers": "dial", "seed": seed, "slope": each[0], "correlation": each[1], "partial": None}
                for seed, each in enumerate(own)
            ]
            + [
                {
                    "teachers": "natural",
                    "seed": None,
                    "slope": slope,
                    "correlation": correlation,
                    "partial": partial.estimate,
                }
            ],
            "differences": differences(dial, [((ARMS[tau], T), ("mixup_kd", T)) for tau in TAUS if tau != 1]),
        },
        evidence=[
            Evidence(
                "C6",
                "slope of the student's signed gap on its teacher's, under the dial",
                "above 0",
                interval_of_mean(slope_samples(_teacher_samples(dial), residual)),
                "number",
            ),
            Evidence(
                "C6",
                f"partial correlation of signed gaps given the teacher's accuracy, {len(rows)} natural teachers",
                "above 0",
                partial,
                "number",
            ),
        ],
    )


def slope_samples(teacher: Tensor, students: Tensor) -> Tensor:
    """What each image adds to the slope, as student and through the teacher's gaps, which are measured on it as well.

    With x the centred teacher gaps, y the centred mean student gaps, b the slope and e = y - b x, image i adds

        b + sum_tau x_tau / |x|^2 (s_i - b t_i) + sum_tau e_tau / |x|^2 t_i         s, t: minus their mean over images

    to first order (the delta method); t is centred over the turns of the dial in the last term.

    Args:
        teacher: (taus, N) float64, confidence minus correctness of the dialled teacher.
        students: (taus, seeds, N) float64, of its students.

    Returns:
        (seeds, N) float64, whose mean is the slope of the mean student.
    """
    x = teacher.mean(dim=1) - teacher.mean()
    each = students.mean(dim=2)  # (taus, seeds)
    y = each.mean(dim=1) - each.mean()
    norm = x @ x
    slope = (x @ y) / norm
    t = teacher - teacher.mean(dim=1, keepdim=True)
    first = torch.einsum("t,tsn->sn", x / norm, students - students.mean(dim=(1, 2), keepdim=True) - slope * t[:, None])
    second = ((y - slope * x) / norm) @ (t - t.mean(dim=0))
    return slope + first + second


def _teacher_samples(dial: Part) -> Tensor:
    """Confidence minus correctness of the dialled teacher on every image; (taus, N) float64."""
    said = dial.predictions("teacher")
    answers = [confidence_and_correct(dial_teacher(said.logits, tau), said.labels) for tau in TAUS]
    return torch.stack([confidence - correct.double() for confidence, correct in answers])


def _teacher_gap(part: Part, tau: float) -> float:
    """The signed gap of a dialled teacher on test."""
    said = part.predictions("teacher")
    return signed_gap(*confidence_and_correct(dial_teacher(said.logits, tau), said.labels))


def _student_samples(dial: Part) -> Tensor:
    """Confidence minus correctness of every student on every image; (taus, seeds, N) float64, whose mean is the gap."""
    found = []
    for tau in TAUS:
        answers = [confidence_and_correct(each.logits, each.labels) for each in dial.scaled(ARMS[tau], T, "none")]
        found.append(torch.stack([confidence - correct.double() for confidence, correct in answers]))
    return torch.stack(found)


def _dial_rows(dial: Part, gaps: Tensor) -> list[Row]:
    """The table ``dial``: one line per turn of the dial and seed."""
    right = accuracy(dial.predictions("teacher").logits, dial.predictions("teacher").labels)
    return [
        {
            "tau": tau,
            "seed": seed,
            "teacher_accuracy": right,
            "teacher_signed_gap": gap,
            **{f"student_{name}": dial.values(ARMS[tau], T, name)[seed] for name in ("accuracy", "signed_gap", "ece")},
        }
        for tau, gap in zip(TAUS, gaps.tolist(), strict=True)
        for seed in range(dial.settings.seeds)
    ]


def _natural(part: Part) -> dict[str, Any]:
    """A line of the table ``natural_teachers``: a teacher, and the mean of its students."""
    (teacher,) = (row for row in part.run.lines("teacher", None, "test", "none"))
    students = {name: np.mean(part.values("mixup_kd", T, name)).item() for name in ("accuracy", "signed_gap", "ece")}
    values = teacher.values or {}
    return {
        "teacher": part.settings.teacher,
        "parameters": part.run.config["models"]["teacher"]["parameters"],
        "teacher_epochs": part.settings.teacher_epochs,
        **{f"teacher_{name}": values[name] for name in ("accuracy", "signed_gap", "ece")},
        **{f"student_{name}": value for name, value in students.items()},
    }


STUDY = Study(
    name="calibration-transfer",
    asks="Does calibration pass from teacher to student, independently of accuracy?",
    claims=("C6",),
    parts=parts,
    read=read,
)
