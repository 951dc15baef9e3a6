"""verdict: what the numbers of a run show, and what they do not, in plain English.

The question is whether mixup-based distillation gives a better (more accurate) and more honest (better calibrated)
student than plain training, mixup, or distillation. Every claim stands on an interval, and what is undecided is said.
"""

from collections.abc import Iterable, Mapping, Sequence

from course_lib.report.comparisons import Comparison, comparisons
from course_lib.report.limits import limits
from course_lib.report.run import Run, headline, name_of
from course_lib.report.tables import COLUMNS, Row, arm_table

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
TINY = 0.005  # of overconfidence error or signed gap: half a point


def verdict(run: Run) -> str:
    """What the numbers of a run say to the question and, in a second paragraph, what they do not show."""
    compared = comparisons(run)
    return f"{' '.join(findings(run, compared))}\n\n{' '.join(limits(run, compared))}"


def findings(run: Run, compared: Sequence[Comparison]) -> list[str]:
    """The sentences that say what the numbers show; the first is the short answer."""
    name = {arm: name_of(arm, temperature) for arm, temperature in headline(run).items()}
    rows = {row.arm: row for row in arm_table(run)}
    first = next((each.first for each in compared), None)  # mixup_kd, wherever it is there
    raw = [each for each in compared if each.first == first and each.scaling == "none"]
    scaled = [each for each in compared if each.first == first and each.scaling == "temperature"]
    sentences = [_short_answer(raw, name)]
    sentences += [_evidence([each for each in raw if each.second == second], name) for second in _rivals(raw)]
    if raw:
        sentences.append(
            "Differences are paired over the same seeds and test images; brackets hold 95 % intervals, and undecided "
            "means that the interval holds 0."
        )
    return [*sentences, *_after_scaling(raw, scaled, name), _gaps(rows), _paper(rows, raw)]


def _short_answer(raw: Sequence[Comparison], name: Mapping[str, str]) -> str:
    if raw and raw[0].first == HERO:
        return f"Short answer, for these images and networks: {_claims(raw, name)}."
    lacking = "no mixup_kd student" if HERO not in name else "no student to hold mixup_kd against"
    start = f"This run has {lacking}, so it cannot say whether mixup-based distillation is better or more honest"
    return f"{start}; it says this: {_claims(raw, name)}." if raw else f"{start}."


def _claims(raw: Sequence[Comparison], name: Mapping[str, str]) -> str:
    """What is decided about accuracy and calibration against each rival; rivals with equal findings stand together."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for second in _rivals(raw):
        found = {each.measure: each.finding for each in raw if each.second == second}
        groups.setdefault((found["accuracy"], found["ece"], found["nll"]), []).append(name[second])
    clauses = [_clause(*found, listed(rivals)) for found, rivals in groups.items()]
    return f"{name[raw[0].first]} is {'; it is '.join(clauses)}"


def _clause(accuracy: str, calibration: str, nll: str, rivals: str) -> str:
    """One part of the short answer, from findings about three measures.

    Example:
        >>> _clause("better", "undecided", "better", "ce and kd")
        'more accurate than ce and kd, while calibration (ECE) is undecided'
        >>> _clause("better", "worse", "undecided", "mixup")
        'more accurate but worse calibrated (ECE) than mixup'
        >>> _clause("undecided", "undecided", "better", "ce")
        'not shown to differ from ce in accuracy or calibration (ECE), though its NLL, which counts both, is lower'
    """
    accurate = {"better": "more accurate", "worse": "less accurate"}.get(accuracy)
    calibrated = {"better": "better calibrated (ECE)", "worse": "worse calibrated (ECE)"}.get(calibration)
    if accurate and calibrated:
        return f"{accurate} {'and' if accuracy == calibration else 'but'} {calibrated} than {rivals}"
    if accurate:
        return f"{accurate} than {rivals}, while calibration (ECE) is undecided"
    if calibrated:
        return f"{calibrated} than {rivals}, while accuracy is undecided"
    both = {"better": ", though its NLL, which counts both, is lower", "worse": ", and its NLL is higher"}.get(nll, "")
    return f"not shown to differ from {rivals} in accuracy or calibration (ECE){both}"


def _evidence(against: Sequence[Comparison], name: Mapping[str, str]) -> str:
    """What is decided against one rival, with numbers, and what is not."""
    decided = [f"its {WORDS[each.measure]} is {difference(each)}" for each in against if each.interval.decided]
    undecided = [WORDS[each.measure] for each in against if not each.interval.decided]
    start = f"Against {name[against[0].second]}, "
    if not decided:
        return f"{start}every difference is undecided: in {listed(undecided)}."
    return f"{start}{listed(decided)}{f'; undecided: {listed(undecided)}' if undecided else ''}."


def difference(each: Comparison) -> str:
    """The size, direction and interval of a decided difference, in words.

    Example:
        >>> from course_lib.intervals import Interval
        >>> difference(Comparison("kd", "ce", "ece", "none", Interval(-0.012, -0.020, -0.004)))
        '1.20 points lower [0.40 to 2.00]'
    """
    factor, digits = COLUMNS[each.measure].factor, each.digits
    near, far = sorted(abs(factor * end) for end in (each.interval.low, each.interval.high))
    unit = " points" if factor > 1 else ""
    direction = "higher" if each.interval.estimate > 0 else "lower"
    size = f"{abs(factor * each.interval.estimate):.{digits}f}{unit} {direction}"
    return f"{size} [{near:.{digits}f} to {far:.{digits}f}]"


def _after_scaling(raw: Sequence[Comparison], scaled: Sequence[Comparison], name: Mapping[str, str]) -> list[str]:
    """What is left of the differences once every student is temperature scaled."""
    if not scaled:
        return []
    parts = []
    for measure in ("nll", "ece"):
        groups: dict[str, list[str]] = {}
        for each in scaled:
            if each.measure == measure:
                groups.setdefault(each.finding, []).append(name[each.second])
        phrases = {
            "better": "lower than that of {}",
            "worse": "higher than that of {}",
            "undecided": "undecided against {}",
        }
        standing = listed([phrases[finding].format(listed(rivals)) for finding, rivals in groups.items()])
        parts.append(f"{'its ' if parts else ''}{WORDS[measure]} is {standing}")
    standing = f"After temperature scaling of every student, its {'; '.join(parts)}."
    before = {(each.second, each.measure) for each in raw if each.interval.decided}
    lost = [each for each in scaled if not each.interval.decided and (each.second, each.measure) in before]
    which = listed([f"{WORDS[each.measure]} against {name[each.second]}" for each in lost])
    return [f"{standing} Decided as trained but no longer after scaling: {which}." if lost else standing]


def _gaps(rows: Mapping[str, Row]) -> str:
    """On which side of honesty each arm is, and why an overconfidence error alone says little."""
    gap, error = COLUMNS["signed_gap"], COLUMNS["overconfidence_error"]
    gaps = [f"{gap.number(row.as_trained['signed_gap'].mean)} for {row.name}" for row in rows.values()]
    timid = [
        f"{row.name} shows {error.number(row.as_trained['overconfidence_error'].mean)} %"
        for row in rows.values()
        if row.as_trained["overconfidence_error"].mean < TINY and row.as_trained["signed_gap"].mean < -TINY
    ]
    caution = "An underconfident model reaches an overconfidence error of 0 too"
    here = f": here {listed(timid)} while claiming too little" if timid else ", so it is no proof of honesty"
    return (
        f"The mean signed gaps (confidence minus accuracy, in points; negative is underconfident) are {listed(gaps)}. "
        f"{caution}{here}."
    )


def _paper(rows: Mapping[str, Row], raw: Sequence[Comparison]) -> str:
    """The paper's claim beside what was measured here."""
    paper = "The paper (arXiv 2606.12171) claims higher accuracy than plain training"
    claim = f"{paper} and about ten times less overconfidence"
    asked = (HERO, "ce", "overconfidence_error")
    here = next((each for each in raw if (each.first, each.second, each.measure) == asked), None)
    if here is None:
        return f"{claim}; without both mixup_kd and ce this run cannot look at that."
    mine, plain = (rows[arm].as_trained["overconfidence_error"].mean for arm in (HERO, "ce"))
    number = COLUMNS["overconfidence_error"].number
    held = "undecided" if not here.interval.decided else "decided"
    return (
        f"{claim}; here the overconfidence error of {HERO} is {number(mine)} % against {number(plain)} % of ce"
        f"{_factor(mine, plain)}, a difference that is {held}. Our images, networks and settings are not the paper's: "
        "this neither confirms nor refutes it."
    )


def _factor(mine: float, plain: float) -> str:
    """How many times less or more, where both are large enough for a quotient.

    Example:
        >>> _factor(0.011, 0.022), _factor(0.03, 0.02), _factor(0.0, 0.02)
        (' (2.0 times less)', ' (1.5 times more)', '')
    """
    if min(mine, plain) < 0.0005:
        return ""
    return f" ({plain / mine:.1f} times less)" if mine < plain else f" ({mine / plain:.1f} times more)"


def _rivals(compared: Iterable[Comparison]) -> list[str]:
    return list(dict.fromkeys(each.second for each in compared))


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    Example:
        >>> listed(["ce"]), listed(["ce", "kd"]), listed(["ce", "mixup", "kd"])
        ('ce', 'ce and kd', 'ce, mixup and kd')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
