"""Explorers: each control changes the picture and its reading as it should; own arrays work; wrong ones are refused."""

import re
import statistics
import time

import numpy as np
import pytest
import torch

from course_lib import calibration, dark_knowledge, temperature
from course_lib.errors import CourseError
from course_lib.plots.style import MINUS
from course_lib.predictions import confidence_and_correct
from course_lib.widgets import (
    MixupExplorer,
    PredictThenRun,
    ReliabilityExplorer,
    ScalingExplorer,
    TemperatureExplorer,
    TradeoffExplorer,
    live,
)
from course_lib.widgets.predict import Guess
from course_lib.widgets.svg import Chart, nice, picture, words

EXPLORERS = (TemperatureExplorer, MixupExplorer, ReliabilityExplorer, ScalingExplorer, TradeoffExplorer)


def some_predictions(n=400, classes=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, classes, generator=generator, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(dim=1), 1, generator=generator).squeeze(1)
    return logits, labels


def values_of(control):
    """A few values over the range of a control."""
    if hasattr(control, "options"):
        return [option[1] if isinstance(option, tuple) else option for option in control.options]
    if type(control).__name__ == "FloatLogSlider":
        return list(np.geomspace(control.base**control.min, control.base**control.max, 4) * [1.001, 1, 1, 0.999])
    return [control.min, (control.min + control.max) // 2, control.max]


@pytest.mark.parametrize("explorer", EXPLORERS, ids=lambda each: each.__name__)
def test_every_control_changes_what_is_seen_and_says_so(explorer):
    shown = explorer()
    assert "<svg" in shown.picture.value and "role='status'" in shown.reading.value
    for name, control in shown.controls.items():
        if name in ("train", "stop", "arm"):
            continue
        seen = set()
        for value in values_of(control):
            control.value = value
            seen.add(shown.picture.value)
            assert "nan" not in shown.reading.value and "None" not in shown.reading.value, name
        assert len(seen) > 1, name


@pytest.mark.parametrize("explorer", EXPLORERS, ids=lambda each: each.__name__)
def test_a_picture_is_drawn_long_before_a_tenth_of_a_second_is_over(explorer):
    shown, times = explorer(), []
    for _ in range(15):
        started = time.perf_counter()
        shown._redraw()
        times.append(time.perf_counter() - started)
    assert statistics.median(times) < 0.06


@pytest.mark.parametrize("explorer", EXPLORERS, ids=lambda each: each.__name__)
def test_a_picture_has_a_description_and_controls_have_names(explorer):
    shown = explorer()
    alt = re.search(r'aria-label=[\'"]([^"]{40,})[\'"] viewBox', shown.picture.value)
    assert alt and alt.group(1)[:60] in shown.reading.value
    assert all(control.description for control in shown.controls.values())


def test_the_temperature_explorer_shows_the_softened_probabilities():
    logits, labels = some_predictions()
    shown = TemperatureExplorer(logits, labels=labels, class_names=list("abcde"))
    shown.controls["image"].value, shown.controls["temperature"].value = 7, 4.0
    image = shown.order[7]
    t = shown.controls["temperature"].value
    probs = dark_knowledge.softmax_with_temperature(logits[image : image + 1], t)
    assert f"{float(probs.max()):.1%} to {'abcde'[int(probs.argmax())]}" in shown.reading.value
    assert f"{float(dark_knowledge.entropy(probs)):.2f} nats" in shown.reading.value


def test_the_reliability_explorer_computes_the_numbers_of_the_library():
    logits, labels = some_predictions()
    shown = ReliabilityExplorer(logits, labels, name="mine")
    shown.controls["n_bins"].value = 9
    confidence, correct = confidence_and_correct(logits, labels)
    assert f"{calibration.expected_calibration_error(confidence, correct, 9):.4f}" in shown.picture.value
    shown.controls["binning"].value = "equally full"
    assert f"{calibration.adaptive_ece(confidence, correct, 9):.4f}" in shown.picture.value
    gap = f"{calibration.signed_gap(confidence, correct):+.4f}".replace("-", MINUS)
    assert gap in shown.picture.value


def test_the_scaling_explorer_finds_the_temperature_of_the_library_and_tells_of_a_wrong_split():
    logits, labels = some_predictions(seed=1)
    logits = 3 * logits
    shown = ScalingExplorer(logits[:200], labels[:200], logits[200:], labels[200:])
    assert f"{temperature.fit_temperature(logits[:200], labels[:200]):.3f}" in shown.reading.value
    assert "flatter" not in shown.reading.value
    shown.controls["fitted_on"].value = shown.controls["fitted_on"].options[1]
    assert f"{temperature.fit_temperature(logits[200:], labels[200:]):.3f}" in shown.reading.value
    assert "flatter" in shown.reading.value


def test_the_mixup_explorer_asks_its_models_about_the_very_mixture():
    images, labels = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)]), torch.tensor([0, 1])

    def linear(batch):
        share = batch.mean(dim=(1, 2, 3))
        return torch.stack([1 - share, share], dim=1).clamp(1e-6, 1).log()

    shown = MixupExplorer(images, labels, models={"teacher": linear})
    shown.controls["lam"].value = 0.25
    assert "The teacher says 25% 0 and 75% 1, and 0% something else" in shown.reading.value
    assert "25% of a 0 and 75% of a 1" in shown.reading.value


def test_wrong_arrays_are_refused_with_advice():
    logits, labels = some_predictions(20)
    for wrong in (
        lambda: ReliabilityExplorer(logits, labels[:5]),
        lambda: ScalingExplorer(logits[0], labels, logits, labels),
    ):
        with pytest.raises(CourseError, match="one row of logits and one class per image"):
            wrong()
    with pytest.raises(CourseError, match=r"labels must lie in 0\.\.4"):
        ReliabilityExplorer(logits, labels + 4)
    with pytest.raises(CourseError, match="one of each"):
        TemperatureExplorer(logits, images=np.zeros((3, 8, 8)), labels=labels)
    with pytest.raises(CourseError, match="choose two"):
        MixupExplorer(models={"a": abs, "b": abs, "c": abs})
    with pytest.raises(CourseError, match="none of the options"):
        PredictThenRun("?", "maybe", options=["yes", "no"])


def test_a_point_can_be_trained_now_and_stopped(monkeypatch):
    shown = TradeoffExplorer()
    assert not shown.trained and shown.controls["stop"].disabled
    shown._stop.set()
    shown._train("mixup_kd", 2.0)
    assert not shown.trained and shown.progress.description == "stopped"
    shown._stop.clear()
    shown._train("mixup_kd", 2.0)
    assert shown.progress.description == "done" and "You trained mixup_kd at T = 2" in shown.reading.value
    assert 0.85 < shown.trained[0]["accuracy"] < 1 and not shown.controls["train"].disabled


def test_the_same_seed_trains_the_same_student():
    one, two = (live.train("mixup_kd", 2.0, seed=3) for _ in range(2))
    assert torch.equal(one.test.logits, two.test.logits)
    assert one(live.digits().test.images[:2].float() / 255).shape == (2, 10)


def test_a_guess_comes_before_the_answer_and_is_counted_once(monkeypatch):
    monkeypatch.setattr(PredictThenRun, "made", [])
    assert "No guesses yet" in PredictThenRun.record().value
    asked = PredictThenRun("Which?", "b", options=["a", "b"], reveal=lambda: "the <b>figure</b>")
    asked.controls["commit"].click()
    assert "Choose one first" in asked.reading.value and not PredictThenRun.made
    asked.controls["guess"].value, asked.controls["confidence"].value = "b", 0.8
    for _ in range(2):
        asked.controls["commit"].click()
    assert PredictThenRun.made == [Guess(0.8, True)] and "Right: b" in asked.reading.value
    assert "&lt;b&gt;figure" in asked.children[-1].value
    number = PredictThenRun("How much?", 0.2, low=0.0, high=1.0)
    number.controls["guess"].value, number.controls["confidence"].value = 0.31, 0.5
    number.controls["commit"].click()
    assert PredictThenRun.made[1] == Guess(0.5, False)
    said = PredictThenRun.record().value
    assert (
        f"Brier score {(0.2**2 + 0.5**2) / 2:.3f}" in said and "15 points more than you knew" in said
    )  # (1.3 - 1) / 2


def test_what_is_drawn_is_escaped_and_lies_where_the_scale_says():
    assert "&lt;script&gt;" in words(0, 0, "<script>") and "&lt;" in picture([], 10, 10, "<")
    chart = Chart((10, 20, 100, 200), (0, 1), (0, 2))
    assert chart.at(0, 0) == (10, 220) and chart.at(1, 2) == (110, 20) and chart.at(0.5, 1) == (60, 120)
    assert Chart((0, 0, 100, 100), (1, 100), (0, 1), log_x=True).at(10, 0)[0] == pytest.approx(50)
    assert [value for value, _ in nice(0, 1, str)] == [0, 0.2, 0.4, 0.6, 0.8, 1]
