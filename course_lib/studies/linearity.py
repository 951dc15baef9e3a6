"""linearity: is a student more linear between two images than its teacher, and is that more than being less sure?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from course_lib.claims import Evidence
from course_lib.dark_knowledge import entropy
from course_lib.intervals import interval_of_mean
from course_lib.predictions import Predictions
from course_lib.recipes import RunSettings
from course_lib.results import Row
from course_lib.studies.between import Answers, Probe
from course_lib.studies.part import Part
from course_lib.studies.scale import T
from course_lib.studies.study import Findings, Parts, Study
from course_lib.temperature import scaled_logits, temperature_for_entropy
from course_lib.vicinal import (
    by_lambda,
    jensen_shannon,
    linear_prediction,
    normalised_nonlinearity,
    vicinal_nonlinearity,
)

ARMS = ("ce", "mixup", "kd", "mixup_kd", "mixup_kd+outputs=1")
PROBES = {  # which images are mixed with which: the first is judged, the others are for comparison
    "test, other class": {"split": "test", "cross_class": True},
    "test, any": {"split": "test", "cross_class": False},
    "train, any": {"split": "train", "cross_class": False},  # as the authors of the paper do
}
FORMS = {"l_nl": vicinal_nonlinearity, "normalised": normalised_nonlinearity}


@dataclass(frozen=True)
class Model:
    """One network, the temperature at which it is as unsure as the teacher, and its answers."""

    arm: str
    model: str
    matching: float
    answers: Answers

    def nonlinearity(self, form: str, *, matched: bool) -> Tensor:
        """(pairs,): how far it is from linear, as trained or at the matching temperature."""
        temperature = self.matching if matched else 1.0
        probs, _ = self.answers.probs(temperature)
        if form == "js":
            return self.answers.each(
                lambda mixed, lam, partner: jensen_shannon(linear_prediction(probs, lam, partner), mixed), temperature
            )
        return self.answers.each(lambda mixed, lam, partner: FORMS[form](probs, mixed, lam, partner), temperature)


def parts(base: RunSettings) -> Parts:
    """One run: the four arms, and a student of the mix of the teacher's outputs, linear at the temperature of both."""
    return {"main": replace(base, arms=ARMS, temperatures=(T,))}


def read(finished: Sequence[Part]) -> Findings:
    """Every model on three kinds of pairs; the students against the teacher on held-out pairs of different classes."""
    (main,) = finished
    rows: list[Row] = []
    judged: list[Model] = []
    for name, choice in PROBES.items():
        models = _models(main, Probe.of(main, **choice))
        judged = judged or models
        rows += [_row(name, each) for each in models]
    return Findings(
        tables={"linearity": rows, "by_lambda": _along_lambda(judged)},
        evidence=[
            _gain(judged, "teacher", "mixup_kd", "l_nl", matched=False),
            _gain(judged, "teacher", "mixup_kd", "l_nl", matched=True),
            _gain(judged, "teacher", "mixup_kd", "js", matched=True),
            _gain(judged, "kd", "mixup_kd", "l_nl", matched=True),
        ],
    )


def _models(main: Part, probe: Probe) -> list[Model]:
    """The teacher and every student, each with the temperature that gives it the teacher's mean entropy on calib."""
    names = [("teacher", "teacher")]
    names += [(arm, model) for arm in ARMS for model in main.students(arm, main.run.temperatures(arm)[0])]
    target = mean_entropy(main.predictions("teacher", "calib"))
    return [
        Model(
            arm,
            model,
            temperature_for_entropy(main.predictions(model, "calib").logits, target),
            probe.ask(main.network(model)),
        )
        for arm, model in names
    ]


def mean_entropy(predictions: Predictions) -> float:
    """Mean entropy of a model's predictions on clean images, in nats."""
    return entropy(scaled_logits(predictions.logits, 1.0).softmax(dim=1)).mean().item()


def _row(pairs: str, each: Model) -> Row:
    """A line of the table ``linearity``."""
    lam = each.answers.probe.pairs.lam
    raw, matched = (each.nonlinearity("l_nl", matched=matched) for matched in (False, True))
    return {
        "pairs": pairs,
        "arm": each.arm,
        "model": each.model,
        "l_nl": raw.mean().item(),
        "l_nl_peak": by_lambda(raw, lam).peak,
        "js": each.nonlinearity("js", matched=False).mean().item(),
        "normalised": each.nonlinearity("normalised", matched=False).mean().item(),
        "matching_temperature": each.matching,
        "l_nl_matched": matched.mean().item(),
        "l_nl_matched_peak": by_lambda(matched, lam).peak,
        "js_matched": each.nonlinearity("js", matched=True).mean().item(),
        "normalised_matched": each.nonlinearity("normalised", matched=True).mean().item(),
    }


def _along_lambda(models: Sequence[Model]) -> list[Row]:
    """L_NL in each bin of lambda, mean over the models of an arm."""
    rows = []
    for arm in ("teacher", *ARMS):
        for matched in (False, True):
            values = [each.nonlinearity("l_nl", matched=matched) for each in models if each.arm == arm]
            found = by_lambda(torch.stack(values).mean(dim=0), models[0].answers.probe.pairs.lam)
            rows += [
                {"arm": arm, "entropy_matched": "yes" if matched else "no", "lam": middle, "l_nl": mean}
                for middle, mean in zip(found.lam.tolist(), found.mean.tolist(), strict=True)
            ]
    return rows


def _gain(models: Sequence[Model], first: str, second: str, form: str, *, matched: bool) -> Evidence:
    """How much less linear the first arm is than the second, over seeds and images."""
    probe = models[0].answers.probe
    samples = {
        arm: torch.stack(
            [probe.samples(each.nonlinearity(form, matched=matched)) for each in models if each.arm == arm]
        )
        for arm in (first, second)
    }
    words = {"l_nl": "L_NL", "js": "Jensen-Shannon form"}[form]
    control = "at equal entropy on clean images" if matched else "as trained"
    return Evidence(
        "C3",
        f"{words} {control}, {first} minus {second}",
        "above 0",
        interval_of_mean(samples[first] - samples[second]),  # one teacher stands against all its students
        "nats",
    )


STUDY = Study(
    name="linearity",
    asks="Is the student more linear between images than its teacher, beyond being less sure?",
    claims=("C3",),
    parts=parts,
    read=read,
)
