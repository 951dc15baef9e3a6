"""dark-knowledge: students of teachers whose knowledge of other classes is spread evenly, or dealt to wrong ones.

A permuted teacher is as sure and as unsure as the real one at every temperature. A flattened one is as sure only at the
distillation temperature: read at T = 1 it is surer, and so are its students. So the permuted one is judged.
"""

from collections.abc import Sequence
from dataclasses import replace

from course_lib.claims import Evidence
from course_lib.recipes import RunSettings
from course_lib.studies.part import Part, differences
from course_lib.studies.study import Findings, Parts, Study

SOFT = 4.0  # a temperature at which the other classes are heard
CHANGES = ("", "+flat", "+permuted")
ARMS = ("ce", *(f"{base}{change}" for base in ("kd", "mixup_kd") for change in CHANGES))


def parts(base: RunSettings) -> Parts:
    """One run: both distilling arms, with the teacher's dark knowledge kept, flattened and permuted."""
    return {"main": replace(base, arms=ARMS, temperatures=(SOFT,))}


def read(finished: Sequence[Part]) -> Findings:
    """Every student against ce, and every changed teacher against the real one."""
    (main,) = finished
    plain, permuted = ("ce", None), ("mixup_kd+permuted", SOFT)
    pairs = [((arm, SOFT), plain) for arm in ARMS[1:]]
    pairs += [((f"{base}{change}", SOFT), (base, SOFT)) for base in ("kd", "mixup_kd") for change in CHANGES[1:]]
    return Findings(
        tables={"differences": differences(main, pairs)},
        evidence=[
            Evidence(
                "title",
                f"{words}, mixup_kd of a permuted teacher (T = {SOFT:g}) minus ce",
                "below 0",
                main.difference(permuted, plain, measure),
                "points",
            )
            for words, measure in (("overconfidence error", "overconfidence_error"), ("signed gap", "signed_gap"))
        ],
    )


STUDY = Study(
    name="dark-knowledge",
    asks="Is it what the teacher knows of the other classes that calibrates a student, or only how sure it is?",
    claims=("title",),
    parts=parts,
    read=read,
)
