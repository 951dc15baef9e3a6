"""Guesses come before answers, are counted once, and end in the reader's own reliability diagram."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from course_lib.errors import CourseError
from course_lib.widgets import PredictThenRun
from course_lib.widgets.answers import Guess
from course_lib.widgets.spoken import SCRIPT


@pytest.fixture(autouse=True)
def no_guesses_yet(monkeypatch):
    for name, empty in (("made", []), ("_answered", set()), ("_records", [])):
        monkeypatch.setattr(PredictThenRun, name, empty)


def commit(asked, guess, confidence):
    asked.controls["guess"].value, asked.controls["confidence"].value = guess, confidence
    asked.controls["commit"].click()
    return asked


def test_a_guess_comes_before_the_answer_and_is_counted_once():
    asked = PredictThenRun("Which?", "b", options=["a", "b"], reveal=lambda: "the <b>figure</b>")
    assert not asked.picture.value and not asked.reading.value
    asked.controls["commit"].click()
    assert "Choose one first" in asked.reading.value and not PredictThenRun.made
    for _ in range(2):
        commit(asked, "b", 0.8)
    assert PredictThenRun.made == [Guess(0.8, True)] and "Right: b. You were 80% sure" in asked.reading.value
    assert asked.controls["guess"].disabled and "&lt;b&gt;figure" in asked.children[-1].value


def test_its_controls_are_told_to_screen_readers():
    asked = PredictThenRun("How much?", 0.2, low=0.0, high=1.0)
    assert asked.children[1].outputs[0]["data"] == {"application/javascript": SCRIPT}
    assert all(control.description for control in asked.controls.values())


@pytest.mark.parametrize(("guess", "right"), [(0.21, True), (0.3, True), (0.31, False), (0.1, True), (0.08, False)])
def test_a_number_is_right_within_a_tenth_of_its_range(guess, right):
    asked = PredictThenRun("How much?", 0.2, low=0.0, high=1.0)
    assert "within 0.1" in asked.controls["confidence"].description
    commit(asked, guess, 0.5)
    assert PredictThenRun.made == [Guess(0.5, right)] and "the answer: 0.2<" in asked.picture.value


def test_a_question_that_is_run_again_keeps_the_first_guess():
    commit(PredictThenRun("Which?", "b", options=["a", "b"]), "a", 0.9)
    again = commit(PredictThenRun("Which?", "b", options=["a", "b"]), "b", 1.0)
    assert PredictThenRun.made == [Guess(0.9, False)] and "the first guess counts" in again.reading.value


def test_an_answer_is_in_the_static_picture_only_after_the_guess():
    asked = PredictThenRun("Which of both?", "beta", options=["alpha", "beta"])
    before = asked.static()
    assert "Which of both?" in before.alt and "answer" not in before.alt and "answer" not in asked.question.card()
    commit(asked, "alpha", 0.75)
    assert "The answer is beta; the guess was alpha, 75% sure." in asked.static().alt


def test_a_confidence_below_that_of_a_blind_choice_cannot_be_given():
    assert PredictThenRun("Which?", "b", options=list("abcd")).controls["confidence"].min == 0.25


def test_the_record_has_the_numbers_of_the_guesses_and_keeps_up():
    record = PredictThenRun.record()
    assert "No guesses yet" in record.value
    made = [(0.8, "b"), (0.6, "a"), (0.95, "b"), (0.7, "a"), (0.5, "b")]
    for number, (sure, guess) in enumerate(made):
        commit(PredictThenRun(f"Which, {number}?", "b", options=["a", "b"]), guess, sure)
    right, sure = np.array([guess == "b" for _, guess in made]), np.array([sure for sure, _ in made])
    assert f"Brier score {brier_score_loss(right, sure):.3f}" in record.value
    assert "5 guesses, 60% right" in record.value and "11 points more than you knew" in record.value
    assert record.value == PredictThenRun.record().value and "role='img'" in record.value


def test_guesses_that_are_as_right_as_claimed_are_called_so():
    for number, guess in enumerate("ab"):
        commit(PredictThenRun(f"Which, {number}?", "b", options=["a", "b"]), guess, 0.5)
    assert "You claimed exactly as much as you knew" in PredictThenRun.record().value


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        ({"answer": "maybe", "options": ["yes", "no"]}, "none of the options"),
        ({"answer": "yes", "options": ["yes"]}, "under two"),
        ({"answer": 3.0}, "give options, or low and high"),
        ({"answer": 3.0, "low": 4.0, "high": 5.0}, "around the answer"),
        ({"answer": 3.0, "low": 3.0, "high": 3.0}, "around the answer"),
    ],
)
def test_a_question_without_a_right_answer_is_refused(wrong, advice):
    with pytest.raises(CourseError, match=advice):
        PredictThenRun("?", **wrong)
