import math
from pathlib import Path

import pytest

from course_lib import results
from course_lib.claims import CLAIMS, RULE, VERDICTS, Evidence, page, shown, verdict_of
from course_lib.intervals import Interval

FOR, AGAINST, OPEN = Interval(0.2, 0.1, 0.3), Interval(-0.2, -0.3, -0.1), Interval(0.1, -0.1, 0.3)


def finding(interval, predicted="above 0", **more):
    return Evidence("C4", "accuracy gained", predicted, interval, "points", **more).finding


def test_an_interval_on_the_predicted_side_speaks_for_a_claim():
    assert [finding(each) for each in (FOR, AGAINST, OPEN)] == ["for", "against", "undecided"]
    assert [finding(each, "below 0") for each in (FOR, AGAINST, OPEN)] == ["against", "for", "undecided"]


def test_where_no_direction_is_named_either_side_speaks_for_a_claim_and_none_against():
    assert [finding(each, "other than 0") for each in (FOR, AGAINST, OPEN)] == ["for", "for", "undecided"]


def test_an_interval_that_touches_0_is_undecided():
    assert finding(Interval(0.1, 0.0, 0.2)) == finding(Interval(-0.1, -0.2, 0.0)) == "undecided"


def test_evidence_that_rests_on_something_undecided_is_undecided():
    assert finding(FOR, needs_decided=False) == "undecided"


def test_evidence_that_the_rule_does_not_know_is_refused():
    for claim, predicted, unit in (("C9", "above 0", "points"), ("C4", "up", "points"), ("C4", "above 0", "percent")):
        with pytest.raises(ValueError, match="no such claim, side or unit"):
            Evidence(claim, "x", predicted, FOR, unit)


@pytest.mark.parametrize(
    ("intervals", "verdict"),
    [
        ([FOR], "supported"),
        ([FOR, FOR, OPEN], "supported"),
        ([AGAINST], "not supported"),
        ([AGAINST, OPEN, OPEN, OPEN], "not supported"),
        ([FOR, AGAINST], "mixed"),
        ([FOR, FOR, FOR, AGAINST], "mixed"),
        ([FOR, OPEN], "mixed"),
        ([FOR, OPEN, OPEN], "mixed"),
        ([OPEN, OPEN], "cannot say here"),
        ([], "cannot say here"),
    ],
)
def test_each_verdict_is_reached_by_results_that_deserve_it(intervals, verdict):
    assert verdict_of(finding(each) for each in intervals) == verdict
    assert verdict_of(finding(each) for each in reversed(intervals)) == verdict


def test_a_word_that_is_no_finding_is_refused():
    with pytest.raises(ValueError, match="for, against or undecided"):
        verdict_of(["maybe"])


def test_the_printed_rule_names_every_verdict():
    assert all(f"**{verdict}**" in RULE for verdict in VERDICTS)


def test_numbers_are_shown_in_their_unit():
    row = Evidence("C1", "x", "above 0", Interval(-0.0000001, -0.5, 1.25), "nats").as_row()
    assert shown({**row, "estimate": None}) == "not defined"
    assert shown(row) == "+0.000 [-0.500, +1.250] nats"
    assert (
        shown(Evidence("C6", "x", "above 0", Interval(0.9, 0.8, 1.0), "number").as_row()) == "+0.900 [+0.800, +1.000]"
    )


def made_up(root, data, intervals):
    """A result with evidence on C4 alone."""
    rows = [Evidence("C4", f"piece {n}", "above 0", each, "points").as_row() for n, each in enumerate(intervals)]
    about = {
        "study": "four-arms", "data": data, "seconds": 60.0, "seeds": 3, "images": {"train": 1, "test": 2},
        "command": "course study", "revision": "abc", "parts": {"main": {"teacher": "t", "student": "s", "epochs": 1}},
        "environment": {"processor": "made up", "device": "cpu", "threads": 1, "torch": "2"},
    }  # fmt: skip
    values = {"accuracy": 0.9, "ece_over": 0.1, "ece_under": 0.0, "overconfidence_error": 0.05, "signed_gap": 0.1}
    summary = [
        {"arm": arm, "split": split, "scaling": "none", "distillation_temperature": temperature, "nll": nll, **values}
        for arm in ("ce", "mixup", "kd", "mixup_kd")
        for temperature, nll in (((1.0, 0.5), (4.0, 0.4)) if "kd" in arm else ((None, 0.6),))
        for split in ("calib", "test")
    ]
    results.write(root / data / "four-arms", about, {"summary": summary, "evidence": rows}, [])


def test_the_page_says_what_each_data_set_and_all_together_say(tmp_path):
    made_up(tmp_path, "one", [FOR, FOR])
    made_up(tmp_path, "two", [AGAINST])
    text = page(tmp_path)
    assert "| C4: More accurate | **mixed** | supported | not supported | not run | not run |" in text
    assert "Verdict: **mixed** (2 for, 1 against, 0 undecided)." in text
    assert "| one | piece 0 | above 0 | +20.00 [+10.00, +30.00] points | for |" in text
    assert "| C1: A controlled mismatch | **cannot say here** | not run | not run | not run | not run |" in text
    assert "| one | mixup_kd (T = 4) | 90.00 | 10.00 | 0.00 | 5.00 | 10.00 | 0.400 | 1 |" in text
    assert RULE in text


def test_what_has_been_run_is_waiting_no_longer(tmp_path):
    made_up(tmp_path, "tin200-32", [FOR])
    text = page(tmp_path)
    assert "`four-arms` on tin200-32" not in text and "`calibration-transfer` on tin200-32" in text
    (header,) = (line for line in text.splitlines() if line.startswith("| claim | verdict"))
    assert header.count("tin200-32") == 1


def test_the_page_has_a_paragraph_for_every_claim(tmp_path):
    made_up(tmp_path, "one", [OPEN])
    text = page(tmp_path)
    assert all(f"## {name}: {claim.title}\n\n{claim.says}" in text for name, claim in CLAIMS.items())


DOCS = Path(__file__).parent.parent / "docs"


def test_docs_claims_is_what_the_shipped_results_say():
    assert (DOCS / "claims.md").read_bytes() == page().encode()


def test_shipped_evidence_draws_the_findings_that_its_numbers_ask_for():
    for name in results.names():
        found = results.load(name)
        for row in found.table("evidence") if "evidence" in found.tables else []:
            interval = Interval(*(float(row[end]) for end in ("estimate", "low", "high")))
            assert interval.low <= interval.estimate <= interval.high
            stated = Evidence(row["claim"], row["says"], row["predicted"], interval, row["unit"])
            assert row["finding"] in (stated.finding, "undecided") and math.isfinite(interval.estimate)
            if row["finding"] != stated.finding:
                assert "undecided)" in row["says"]  # what it rests on
