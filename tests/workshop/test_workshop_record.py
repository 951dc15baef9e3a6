"""The numbers and the diagram of a room."""

import re
from xml.etree import ElementTree

import pytest

from course_lib.workshop.record import bars, diagram, record_of
from course_lib.workshop.room import Guess


def test_the_numbers_are_those_worked_by_hand():
    found = record_of([Guess(0.9, True), Guess(0.9, True), Guess(0.9, False), Guess(0.5, False)])
    assert (found.n, found.right) == (4, 0.5)
    assert found.brier == pytest.approx((0.01 + 0.01 + 0.81 + 0.25) / 4)
    assert found.signed_gap == pytest.approx(0.8 - 0.5)
    assert found.bins.count.tolist() == [0, 0, 1, 0, 3]
    assert found.bins.accuracy.tolist() == pytest.approx([0, 0, 0, 0, 2 / 3])
    assert found.in_words == "4 answers, 50% right; claimed 30 points more than was known. Brier score 0.270."
    assert record_of([]) is None


def test_always_half_sure_has_a_brier_score_of_a_quarter():
    assert record_of([Guess(0.5, right) for right in (True, False, False)]).brier == 0.25


def test_the_words_say_in_which_direction_and_when_neither():
    assert "claimed 50 points less than was known" in record_of([Guess(0.5, True)]).in_words
    assert "claimed exactly as much as was known" in record_of([Guess(0.5, True), Guess(0.5, False)]).in_words
    assert record_of([Guess(0.5, True)]).in_words.startswith("1 answer, 100% right")


def test_the_diagram_draws_a_disc_for_each_filled_bin_hollow_where_there_are_few():
    guesses = [Guess(0.9, True)] * 25 + [Guess(0.3, False)] * 2
    drawn = ElementTree.fromstring(diagram(record_of(guesses), "The room"))
    discs = sorted(drawn.findall("circle"), key=lambda disc: float(disc.get("cx")))
    assert [disc.get("fill") == "white" for disc in discs] == [True, False]
    assert float(discs[0].get("r")) < float(discs[1].get("r"))
    assert float(discs[0].get("cy")) > float(discs[1].get("cy"))  # never right is below always right
    assert "Of 25 answers that were 90% sure, 100% were right." in drawn.get("aria-label")
    assert "Of 2 answers that were 30% sure, 0% were right." in drawn.get("aria-label")


def test_bars_are_as_long_as_the_votes_and_name_the_right_one():
    drawn = ElementTree.fromstring(bars(["left", "right", "up"], [4, 2, 0], 1))
    lengths = [float(bar.get("width")) for bar in drawn.findall("rect")]
    assert lengths[0] == pytest.approx(2 * lengths[1]) and lengths[2] < 5
    assert "right (right)" in "".join(drawn.itertext()) and "Right is: right." in drawn.get("aria-label")


def test_what_is_drawn_is_escaped_and_has_no_style_that_the_policy_would_refuse():
    nasty = "<script>alert(1)</script>\"'&"
    for drawn in (bars([nasty, "b"], [1, 0], 0), diagram(record_of([Guess(1.0, True)]), nasty)):
        ElementTree.fromstring(drawn)
        assert "<script" not in drawn and not re.search(r"\s(style|on\w+)=", drawn)
