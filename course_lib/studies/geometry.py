"""geometry: how students arrange test images in their last hidden layer, and how that relates to their teacher."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from course_lib.claims import Evidence
from course_lib.geometry import linear_cka, nearest_neighbour_hits, penultimate, within_between_ratio
from course_lib.intervals import Interval, interval_of_mean
from course_lib.recipes import RunSettings
from course_lib.studies.part import Part
from course_lib.studies.scale import T
from course_lib.studies.study import Findings, Parts, Study

IMAGES_AT_MOST = 2_000


def parts(base: RunSettings) -> Parts:
    """One run of the four arms."""
    return {"main": replace(base, temperatures=(T,))}


def read(finished: Sequence[Part]) -> Findings:
    """Three measures of every model; the students of two arms against each other, seed by seed."""
    (main,) = finished
    views, labels = main.views("test", IMAGES_AT_MOST)
    labels = labels.cpu()
    teacher = penultimate(main.network("teacher"), views)
    names = [("teacher", "teacher")]
    names += [(arm, model) for arm in main.run.arms for model in main.students(arm, main.run.temperatures(arm)[0])]
    rows, of_arm, hits = [], {}, {}
    for arm, model in names:
        features = penultimate(main.network(model), views)
        hits.setdefault(arm, []).append(nearest_neighbour_hits(features, labels).double())
        measured = {
            "cka_with_teacher": linear_cka(features, teacher),
            "nearest_neighbour_accuracy": hits[arm][-1].mean().item(),
            "nc1": within_between_ratio(features, labels),
        }
        rows.append({"arm": arm, "model": model, **measured})
        of_arm.setdefault(arm, []).append(measured)
    return Findings(
        tables={"geometry": rows},
        evidence=[
            Evidence(
                "C8",
                "linear CKA with the teacher, for these images, mixup_kd minus ce",
                "other than 0",
                _difference(of_arm["mixup_kd"], of_arm["ce"], "cka_with_teacher"),
                "number",
            ),
            Evidence(
                "C8",
                "accuracy of the nearest neighbour, mixup_kd minus ce",
                "other than 0",
                interval_of_mean(torch.stack(hits["mixup_kd"]) - torch.stack(hits["ce"])),
                "points",
            ),
        ],
    )


def _difference(first: Sequence[dict[str, float]], second: Sequence[dict[str, float]], name: str) -> Interval:
    """Paired by seed; for these test images."""
    return interval_of_mean(torch.tensor([[a[name] - b[name]] for a, b in zip(first, second, strict=True)]))


STUDY = Study(
    name="geometry",
    asks="Does mixup distillation arrange images as the teacher does, and in purer neighbourhoods?",
    claims=("C8",),
    parts=parts,
    read=read,
)
