"""four-arms: plain training, mixup, distillation and both, at equal budgets; the main table of the paper."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import mean

from course_lib.claims import Evidence
from course_lib.recipes import RunSettings
from course_lib.report import headline
from course_lib.studies.part import Part, differences
from course_lib.studies.study import Findings, Parts, Study

PAIRS = (("mixup_kd", "ce"), ("mixup_kd", "mixup"), ("mixup_kd", "kd"), ("kd", "ce"), ("mixup", "ce"))


def parts(base: RunSettings) -> Parts:
    """One run: every arm, three temperatures, three seeds at least."""
    return {"main": replace(base, temperatures=(1.0, 2.0, 4.0), seeds=max(3, base.seeds))}


def read(finished: Sequence[Part]) -> Findings:
    """Each arm at the temperature with the lowest calib NLL, against the others, before and after scaling."""
    (main,) = finished
    chosen = headline(main.run)
    table = differences(main, [((first, chosen[first]), (second, chosen[second])) for first, second in PAIRS])
    student, plain = ("mixup_kd", chosen["mixup_kd"]), ("ce", None)
    at = f"mixup_kd (T = {student[1]:g}) minus ce"
    return Findings(
        tables={"differences": table},
        evidence=[
            Evidence("C4", f"accuracy, {at}", "above 0", main.difference(student, plain, "accuracy"), "points"),
            Evidence(
                "C5",
                f"overconfidence error, {at}",
                "below 0",
                main.difference(student, plain, "overconfidence_error"),
                "points",
            ),
            Evidence(
                "C5",
                f"signed gap, {at}",
                "below 0",
                main.difference(student, plain, "signed_gap"),
                "points",
                needs_decided=_gap(main, *student) <= _gap(main, *plain),  # underconfidence is no cure
            ),
        ],
    )


def _gap(main: Part, arm: str, temperature: float | None) -> float:
    """How far the mean signed gap of an arm lies from 0."""
    return abs(mean(main.values(arm, temperature, "signed_gap")))


STUDY = Study(
    name="four-arms",
    asks="Does mixup distillation give more accurate and less overconfident students than its parts do?",
    claims=("C4", "C5"),
    parts=parts,
    read=read,
)
