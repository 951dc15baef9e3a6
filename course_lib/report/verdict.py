"""verdict: what the numbers of a run show, and what they do not, in plain English.

The question is whether mixup-based distillation gives a better (more accurate) and more honest (better calibrated)
student than plain training, mixup, or distillation. Every claim stands on an interval; what is undecided is said.
"""

from collections.abc import Callable, Sequence

from course_lib.report.comparisons import Comparison
from course_lib.report.run import Run, headline, name_of
from course_lib.report.tables import COLUMNS, Row, arm_table, seeds_of

QUESTION = (
    "Does mixup-based distillation give a better and more honest student than plain training, mixup, or distillation?"
)
HERO = "mixup_kd"
WORDS = {
    "accuracy": "accuracy",
    "nll": "NLL",
    "ece": "ECE",
    "signed_gap": "signed gap",
    "overconfidence_error": "overconfidence error",
}
NEXT_TO_NOTHING = 0.005  # an overconfidence error below half a percent


def findings(run: Run, compared: Sequence[Comparison]) -> list[str]:
    """The sentences of the verdict; the first is the short answer.

    Args:
        run: A finished run.
        compared: Its comparisons.
    """
    rows = {row.arm: row for row in arm_table(run)}
    name = {arm: name_of(arm, temperature) for arm, temperature in headline(run).items()}
    about = [each for each in compared if each.first == HERO] or list(compared)
    first = about[0].first if about else None
    raw = [each for each in about if each.first == first and each.scaling == "none"]
    scaled = [each for each in about if each.first == first and each.scaling == "temperature"]
    sentences = [_short_answer(raw, name)]
    for second in dict.fromkeys(each.second for each in raw):
        sentences.append(_evidence([each for each in raw if each.second == second], name))
    if raw:
        sentences.append(
            "In brackets are 95 % intervals of paired differences over the same seeds and test images; a difference is "
            "undecided where its interval holds 0."
        )
    sentences += [_after_scaling(raw, scaled, name)] if scaled else []
    sentences += [_gaps(rows, name), _paper(rows, raw), *_limits(run, compared)]
    return [sentence for sentence in sentences if sentence]


def _short_answer(raw: Sequence[Comparison], name: dict[str, str]) -> str:
    if not raw or raw[0].first != HERO:
        held = "no mixup_kd student" if HERO not in name else "nothing to compare mixup_kd with"
        start = f"This run holds {held}, so it cannot say whether mixup-based distillation is better or more honest"
        return f"{start}." if not raw else f"{start}; it can say this: {_claims(raw, name)}."
    return f"Short answer, for these images and networks: {_claims(raw, name)}."


def _claims(raw: Sequence[Comparison], name: dict[str, str]) -> str:
    """What is decided about accuracy and calibration (ECE) against each rival, rivals of equal findings together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for second in dict.fromkeys(each.second for each in raw):
        found = {each.measure: each.finding for each in raw if each.second == second}
        groups.setdefault((found["accuracy"], found["ece"]), []).append(name[second])
    clauses = [_clause(*found, listed(rivals)) for found, rivals in groups.items()]
    return f"{name[raw[0].first]} is {'; it is '.join(clauses)}"


def _clause(accuracy: str, calibration: str, rivals: str) -> str:
    """One part of the short answer.

    Example:
        >>> _clause("better", "undecided", "ce and kd")
        'more accurate than ce and kd, while calibration (ECE) is undecided'
        >>> _clause("better", "worse", "mixup")
        'more accurate but worse calibrated than mixup'
    """
    accurate = {"better": "more accurate", "worse": "less accurate"}.get(accuracy)
    calibrated = {"better": "better calibrated", "worse": "worse calibrated"}.get(calibration)
    if accurate and calibrated:
        return f"{accurate} {'and' if accuracy == calibration else 'but'} {calibrated} than {rivals}"
    if accurate:
        return f"{accurate} than {rivals}, while calibration (ECE) is undecided"
    if calibrated:
        return f"{calibrated} than {rivals}, while accuracy is undecided"
    return f"not shown to differ from {rivals} in accuracy or calibration (ECE)"


def _evidence(against: Sequence[Comparison], name: dict[str, str]) -> str:
    """What is decided against one rival, with numbers, and the names of what is not."""
    decided = [_difference(each) for each in against if each.interval.decided]
    undecided = [WORDS[each.measure] for each in against if not each.interval.decided]
    start = f"Against {name[against[0].second]}, the {{}} of {name[against[0].first]}"
    if not decided:
        return f"Against {name[against[0].second]}, every difference is undecided: {listed(undecided)}."
    rest = f"; undecided: {listed(undecided)}" if undecided else ""
    return f"{start.format(decided[0])}{''.join(f', the {part}' for part in decided[1:])}{rest}."


def _difference(each: Comparison) -> str:
    """A decided difference."""
