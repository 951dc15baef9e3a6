"""mismatch: what a teacher says about mixed images, if it never saw any, and if it was trained on them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from course_lib.calibration import by_group
from course_lib.claims import Evidence
from course_lib.dark_knowledge import entropy
from course_lib.intervals import interval_of_mean
from course_lib.mixup import mix_labels
from course_lib.recipes import RunSettings
from course_lib.results import Row
from course_lib.studies.between import Probe
from course_lib.studies.part import Part
from course_lib.studies.study import Findings, Parts, Study
from course_lib.vicinal import (
    LAMBDA_BINS,
    by_lambda,
    confusion,
    confusion_mass,
    dark_knowledge_of_classes,
    entropy_split,
    lambda_bin,
    linear_prediction,
    structure,
    vicinal_nonlinearity,
)

KINDS = {"clean": False, "mixed": True}  # what a teacher was trained on


def parts(base: RunSettings) -> Parts:
    """As many teachers of either kind as there are seeds, each with one student."""
    one = replace(base, arms=("mixup_kd",), seeds=1)
    return {
        f"{kind}-{number}": replace(one, teacher_mixes=mixes, teacher_seed=number)
        for number in range(base.seeds)
        for kind, mixes in KINDS.items()
    }


def read(finished: Sequence[Part]) -> Findings:
    """Every measure of held-out cross-class pairs along lambda, for either kind of teacher."""
    probe = Probe.of(finished[0])
    measured = {kind: [_measures(part, probe) for part in finished if part.name.startswith(kind)] for kind in KINDS}
    clean = measured["clean"]
    pieces = (
        (
            "C1",
            "cross-entropy with the mixed labels: teacher trained on clean images minus teacher trained on mixed ones",
            "above 0",
            [probe.samples(a["nll"] - b["nll"]) for a, b in zip(clean, measured["mixed"], strict=True)],
            "nats",
        ),
        (
            "C1",
            "cross-entropy with the mixed labels: the teacher minus the mix of what it says about the two clean images",
            "above 0",
            [probe.samples(each["nll"] - each["linear_nll"]) for each in clean],
            "nats",
        ),
        (
            "C2",
            "confusion around lambda = 1/2: off-pair probability above its clean level",
            "above 0",
            [probe.peak_samples(each["confusion"]) for each in clean],
            "points",
        ),
        (
            "C2",
            "structure around lambda = 1/2 minus that of the mix of what it says about the two clean images",
            "below 0",
            [probe.peak_samples(each["structure"] - each["clean_structure"]) for each in clean],
            "number",
        ),
        (
            "C2",
            "entropy around lambda = 1/2: what a perfect labeller would not have (leak, off-pair) minus what it would",
            "above 0",
            [probe.peak_samples(each["leak"] + each["off_pair"] - each["within_pair"]) for each in clean],
            "nats",
        ),
    )
    return Findings(
        tables={"by_lambda": [row for kind in KINDS for row in _along_lambda(kind, measured[kind], probe)]},
        evidence=[
            Evidence(claim, says, predicted, interval_of_mean(torch.stack(samples)), unit)
            for claim, says, predicted, samples, unit in pieces
        ],
    )


def _measures(part: Part, probe: Probe) -> Mapping[str, Tensor]:
    """Each measure of each pair, for the teacher of a part; (pairs,) float64."""
    answers = probe.ask(part.network("teacher"))
    probs, _ = answers.probs()
    labels, classes = probe.labels, answers.clean.shape[1]
    calib = part.predictions("teacher", "calib")
    knowledge = dark_knowledge_of_classes(calib.logits.double().softmax(dim=1), calib.labels)  # not of the test images

    def targets(lam: Tensor, partner: Tensor) -> Tensor:
        return mix_labels(labels, lam, partner, classes)

    def cross_entropy(said: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        return -(targets(lam, partner) * said.log()).sum(dim=1)

    def clean_structure(said: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        """That of the mix of what it says about the two clean images: how much a linear teacher would have."""
        return structure(linear_prediction(probs, lam, partner), knowledge, labels, lam, partner)

    measures = {
        "confidence": lambda p, lam, partner: p.amax(dim=1),
        "target_mass": lambda p, lam, partner: (
            targets(lam, partner).gather(1, p.argmax(dim=1, keepdim=True)).squeeze(1)
        ),
        "entropy": lambda p, lam, partner: entropy(p),
        "within_pair": lambda p, lam, partner: entropy_split(p, labels, partner).within_pair,
        "leak": lambda p, lam, partner: entropy_split(p, labels, partner).leak,
        "off_pair": lambda p, lam, partner: entropy_split(p, labels, partner).off_pair,
        "off_pair_mass": lambda p, lam, partner: confusion_mass(p, labels, partner),
        "confusion": lambda p, lam, partner: confusion(probs, p, labels, lam, partner),
        "structure": lambda p, lam, partner: structure(p, knowledge, labels, lam, partner),
        "clean_structure": clean_structure,
        "nonlinearity": lambda p, lam, partner: vicinal_nonlinearity(probs, p, lam, partner),
        "nll": cross_entropy,
        "linear_nll": lambda p, lam, partner: cross_entropy(linear_prediction(probs, lam, partner), lam, partner),
    }
    return {name: answers.each(measure) for name, measure in measures.items()}


def _along_lambda(kind: str, teachers: Sequence[Mapping[str, Tensor]], probe: Probe) -> list[Row]:
    """The table: each measure in each bin of lambda, mean over teachers, and calibration there."""
    lam, rows = probe.pairs.lam, []
    for name in teachers[0]:
        found = by_lambda(torch.stack([each[name] for each in teachers]).mean(dim=0), lam)
        rows += [
            {"trained_on": kind, "measure": name, "lam": middle, "mean": mean}
            for middle, mean in zip(found.lam.tolist(), found.mean.tolist(), strict=True)
        ]
    groups = [by_group(each["confidence"], each["target_mass"], lambda_bin(lam), LAMBDA_BINS) for each in teachers]
    for name in ("ece", "signed_gap"):
        values = torch.stack([getattr(group, name) for group in groups]).mean(dim=0).tolist()
        rows += [
            {"trained_on": kind, "measure": name, "lam": (place + 0.5) / LAMBDA_BINS, "mean": value}
            for place, value in enumerate(values)
            if not math.isnan(value)
        ]
    return rows


STUDY = Study(
    name="mismatch",
    asks="What does a teacher say about mixed images that it never saw: confusion, or structure?",
    claims=("C1", "C2"),
    parts=parts,
    read=read,
    classes=3,  # a pair of two leaves no other class
)
