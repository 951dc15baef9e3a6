"""Explorers: each control changes the picture and its reading as it should; own arrays work; wrong ones are refused."""

import csv
import re
import statistics
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch.nn.functional import cross_entropy

from course_lib import results
from course_lib.errors import CourseError
from course_lib.plots.style import LOOKS
from course_lib.widgets import (
    MixupExplorer,
    ReliabilityExplorer,
    ScalingExplorer,
    TemperatureExplorer,
    TradeoffExplorer,
)
from course_lib.widgets.spoken import SCRIPT

EXPLORERS = (TemperatureExplorer, MixupExplorer, ReliabilityExplorer, ScalingExplorer, TradeoffExplorer)
LATENCY_SECONDS = 0.06  # of Python for one move; measured at 1 to 10 ms, and a loaded machine is several times slower


def some_predictions(n=400, classes=5, seed=0, sharp=2.0):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, classes, generator=generator, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(dim=1), 1, generator=generator).squeeze(1)
    return sharp / 2 * logits, labels


def sure_and_right(logits, labels):
    probs = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True)
    return probs.max(axis=1), probs.argmax(axis=1) == labels.numpy()


def gaps(bins, sure, right):
    """Confidence minus accuracy, weighted, of each bin of row numbers."""
    return np.array([(sure[rows] - right[rows]).sum() for rows in bins if len(rows)]) / len(sure)


def values_of(control):
    """A few values over the range of a control, both ends among them."""
    if hasattr(control, "options"):
        return [option[1] if isinstance(option, tuple) else option for option in control.options]
    if type(control).__name__ == "FloatLogSlider":
        return [*np.geomspace(control.base**control.min * 1.0001, control.base**control.max * 0.9999, 4)]
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
            assert not re.search(r"\bnan\b|\binf\b|None", shown.reading.value + shown.picture.value), name
        assert len(seen) > 1, name


@pytest.mark.parametrize("explorer", EXPLORERS, ids=lambda each: each.__name__)
def test_a_picture_is_drawn_long_before_a_tenth_of_a_second_is_over(explorer):
    shown = explorer()
    for name, control in shown.controls.items():
        if name in ("train", "stop", "arm"):
            continue
        times = []
        for value in values_of(control) * 4:
            started = time.perf_counter()
            control.value = value
            times.append(time.perf_counter() - started)
        assert statistics.median(times) < LATENCY_SECONDS, name


def test_large_arrays_of_a_reader_answer_as_fast():
    logits, labels = some_predictions(20_000, classes=100)
    for shown, name in (
        (ReliabilityExplorer(logits, labels), "n_bins"),
        (ScalingExplorer(logits, labels, logits, labels), "temperature"),
    ):
        times = []
        for value in (3, 4, 2, 1.5, 5):
            started = time.perf_counter()
            shown.controls[name].value = value
            times.append(time.perf_counter() - started)
        assert statistics.median(times) < 3 * LATENCY_SECONDS
    assert "fitted on all rows; 5000 of test are drawn" in shown.reading.value


@pytest.mark.parametrize("explorer", EXPLORERS, ids=lambda each: each.__name__)
def test_a_picture_has_a_description_and_controls_have_names(explorer):
    shown = explorer()
    alt = ElementTree.fromstring(shown.picture.value).attrib["aria-label"]
    assert len(alt) > 60 and alt[:50] in shown.reading.value
    assert all(control.description for control in shown.controls.values())
    assert shown.children[1].outputs[0]["data"] == {"application/javascript": SCRIPT}  # which tells screen readers


@pytest.mark.parametrize(
    ("explorer", "name"),
    [
        (TemperatureExplorer, "digits/four-arms"),
        (ReliabilityExplorer, "fashion/four-arms"),
        (ScalingExplorer, "fashion/four-arms"),
        (TradeoffExplorer, "digits/temperature-tradeoff"),
    ],
)
def test_what_ships_is_shown_with_its_manifest(explorer, name):
    manifest, said = results.load(name).manifest, explorer().children[-1].value
    for part in (manifest["command"], manifest["revision"], f"seeds {manifest['seeds']}"):
        assert part in said
    assert manifest["environment"]["processor"] in said


def test_the_temperature_explorer_shows_the_softened_probabilities():
    logits, labels = some_predictions()
    shown = TemperatureExplorer(logits, labels=labels, class_names=list("abcde"))
    shown.controls["image"].value, shown.controls["temperature"].value = 7, 4.0
    row = np.exp(logits[shown.order[7]].numpy() / shown.controls["temperature"].value)
    probs = row / row.sum()
    assert f"gives {probs.max():.1%} to {'abcde'[probs.argmax()]}" in shown.reading.value
    assert f"{-(probs * np.log(probs)).sum():.2f} nats of at most {np.log(5):.2f}" in shown.reading.value
    shown.controls["keep"].value = shown.controls["keep"].options[1]
    rest = (1 - probs.max()) / 4
    assert shown.picture.value.count(f"{rest:.1%}<") + shown.picture.value.count(f"{rest:.1%}, the label<") == 4
    shown.controls["keep"].value = shown.controls["keep"].options[2]
    assert sorted(re.findall(r">([\d.]+\.\d%)(?=<|, the label)", shown.picture.value)) == sorted(
        f"{p:.1%}" for p in probs
    )


def test_images_go_from_unsure_to_sure_and_without_labels_none_is_claimed():
    logits, _ = some_predictions(50)
    shown = TemperatureExplorer(logits)
    confidence = logits.softmax(dim=1).amax(dim=1)[shown.order]
    assert (confidence.diff() >= 0).all() and "label" not in shown.reading.value


def test_of_many_classes_the_likeliest_and_the_label_are_drawn():
    logits = torch.arange(200.0).repeat(3, 1)
    shown = TemperatureExplorer(logits, labels=[0, 0, 0], class_names=[f"class number {k}" for k in range(200)])
    assert "the 13 likeliest of 200 classes" in shown.picture.value and ">class number 0<" in shown.picture.value


def test_default_digits_lie_beside_their_own_predictions():
    from sklearn.datasets import load_digits

    shown = TemperatureExplorer()
    ours = {image.tobytes(): label for image, label in zip(*load_digits(return_X_y=True), strict=True)}
    for image, label in zip(shown.images, shown.labels, strict=True):
        original = (16 * image[0].double()).round().numpy().ravel()
        assert ours[original.tobytes()] == label


def test_the_reliability_explorer_says_what_arithmetic_says():
    logits, labels = some_predictions()
    sure, right = sure_and_right(logits, labels)
    shown = ReliabilityExplorer(logits, labels, name="mine")
    shown.controls["n_bins"].value = 9
    wide = gaps([np.flatnonzero((sure > k / 9) & (sure <= (k + 1) / 9)) for k in range(9)], sure, right)
    for number in (np.abs(wide).sum(), wide[wide > 0].sum(), -wide[wide < 0].sum(), right.mean()):
        assert f">{number:.4f}<" in shown.picture.value
    assert f">{float(cross_entropy(logits, labels)):.4f}<" in shown.picture.value
    assert f"{sure.mean() - right.mean():+.4f}".replace("-", "\N{MINUS SIGN}") in shown.picture.value
    shown.controls["binning"].value = "equally full"
    full = gaps(np.array_split(np.argsort(sure), 9), sure, right)
    assert f">{np.abs(full).sum():.4f}<" in shown.picture.value and ": mine" in shown.children[0].value


@pytest.mark.parametrize("binning", ["equally wide", "equally full"])
def test_the_band_is_that_of_plainly_resampled_images(binning):
    logits, labels = some_predictions(600, seed=4)
    sure, right = sure_and_right(logits, labels)
    shown = ReliabilityExplorer(logits, labels)
    shown.controls["n_bins"].value, shown.controls["binning"].value = 4, binning
    edges = np.quantile(sure, np.arange(1, 4) / 4) if binning == "equally full" else np.arange(1, 4) / 4
    place, rng, errors = np.digitize(sure, edges), np.random.default_rng(8), []
    for _ in range(1000):
        rows = rng.integers(0, 600, 600)
        errors.append(np.abs(gaps([rows[place[rows] == k] for k in range(4)], sure, right)).sum() * 600 / 600)
    low, high = (float(end) for end in re.findall(r"ECE (0\.\d+) to (0\.\d+)", shown.picture.value)[0])
    expected = np.quantile(errors, [0.05, 0.95])
    assert np.allclose([low, high], expected, atol=0.25 * (expected[1] - expected[0]))


def test_fewer_images_are_a_sample_and_another_sample_is_another():
    logits, labels = some_predictions(500)
    shown = ReliabilityExplorer(logits, labels)
    shown.controls["images"].value = 50
    one = shown.reading.value
    shown.controls["draw"].value = 1
    assert "50 images" in one and one != shown.reading.value
    shown.controls["draw"].value = 0
    assert shown.reading.value == one


def test_the_scaling_explorer_finds_the_lowest_loss_and_tells_of_a_wrong_split():
    logits, labels = some_predictions(seed=1, sharp=6.0)
    shown = ScalingExplorer(logits[:200], labels[:200], logits[200:], labels[200:])
    for part, rows in zip(shown.controls["fitted_on"].options, (slice(200), slice(200, None)), strict=True):
        shown.controls["fitted_on"].value = part
        x, y = logits[rows], labels[rows]
        best = minimize_scalar(lambda t, x=x, y=y: float(cross_entropy(x / t, y)), (0.5, 3)).x
        assert f"is at T = {best:.3f}" in shown.reading.value
        assert ("flatter" in shown.reading.value) == (part != shown.controls["fitted_on"].options[0])
    shown.controls["temperature"].value = t = 2.0
    said = f"NLL is {float(cross_entropy(logits[:200] / t, labels[:200])):.3f} on calib"
    assert said in shown.reading.value
    sure, right = sure_and_right(logits[200:] / t, labels[200:])
    wide = gaps([np.flatnonzero((sure > k / 15) & (sure <= (k + 1) / 15)) for k in range(15)], sure, right)
    assert f"test ECE {np.abs(wide).sum():.3f}" in shown.reading.value


def test_answers_without_an_error_want_no_temperature_and_that_is_said():
    logits = 3 * torch.eye(4).repeat(10, 1)
    shown = ScalingExplorer(logits, torch.arange(4).repeat(10), *some_predictions(50, 4))
    assert "at the lower bound" in shown.reading.value and "outside" in shown.picture.value


@pytest.mark.parametrize("sharp", [0.5, 1.2, 2.0, 3.4, 9.0, 40.0])
def test_nothing_crosses_the_fitted_temperature_and_no_colour_of_an_arm_is_used(sharp):
    logits, labels = some_predictions(seed=3, sharp=sharp)
    shown = ScalingExplorer(logits[:200], labels[:200], logits[200:], labels[200:])
    for t in np.geomspace(0.21, 4.9, 7):
        shown.controls["temperature"].value = t
        left, low, anchor, word = re.search(
            r"<text x='([\d.]+)' y='([\d.]+)' text-anchor='(\w+)'[^>]*>(fitted: T[^<]*)", shown.picture.value
        ).groups()
        wide = 9 * len(word)
        left = float(left) - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
        assert left > 70 and left + wide < 450 and float(low) < 370  # inside of its plot
        for line in re.findall(r"<polyline points='([^']+)' fill='none'", shown.picture.value):
            x, y = np.array([pair.split(",") for pair in line.split()], float).T
            steps, fine = np.arange(len(x)), np.linspace(0, len(x) - 1, 2000)
            x, y = np.interp(fine, steps, x), np.interp(fine, steps, y)
            assert not ((x > left) & (x < left + wide) & (y > float(low) - 16) & (y < float(low) + 4)).any()
        assert not any(look.colour in shown.picture.value for look in LOOKS.values())


def test_answers_that_say_nothing_can_be_scaled():
    shown = ScalingExplorer(torch.zeros(4, 2), [0, 1, 0, 1], torch.zeros(4, 2), [0, 1, 1, 1])
    assert f"NLL is {np.log(2):.3f} on calib" in shown.reading.value


def linear(batch):
    share = batch.mean(dim=(1, 2, 3))
    return torch.stack([1 - share, share], dim=1).clamp(1e-6, 1).log()


def test_the_mixup_explorer_asks_its_models_about_the_very_mixture():
    images, labels = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)]), torch.tensor([0, 1])
    shown = MixupExplorer(images, labels, models={"teacher": linear}, class_names=["dark", "light"])
    shown.controls["lam"].value = 0.25
    assert "The teacher says 25% dark and 75% light, and 0% something else" in shown.reading.value
    assert "25% of a dark and 75% of a light; its label says 25% dark and 75% light" in shown.reading.value
    shown.controls["lam"].value = 0.33
    assert "The teacher says 33% dark and 67% light" in shown.reading.value


def test_models_are_asked_once_for_a_pair_and_have_the_colours_of_their_arms():
    asked = []
    images, labels = torch.rand(3, 4, 4), [0, 1, 1]
    models = {arm: lambda batch: asked.append(len(batch)) or linear(batch) for arm in ("mixup", "kd")}
    shown = MixupExplorer(images, labels, models)
    before = len(asked)
    for lam in (0.1, 0.2, 0.9):
        shown.controls["lam"].value = lam
    assert len(asked) == before == 2 and all(LOOKS[arm].colour in shown.picture.value for arm in models)
    shown.controls["second"].value = 2
    assert len(asked) == 4


def test_what_is_shown_of_the_trade_off_is_the_table():
    shown = TradeoffExplorer()
    shown.controls["temperature"].value = 4.0
    path = Path(results.__file__).parent / "digits" / "temperature-tradeoff"
    with (path / "pareto.csv").open() as file:
        means = [row for row in csv.DictReader(file) if row["distillation_temperature"] == "4"]
    for measure, key in (("ECE", "ece"), ("signed gap", "signed_gap"), ("NLL (nats)", "nll")):
        shown.controls["measure"].value = measure
        for scaling, option in zip(("none", "temperature"), shown.controls["scaling"].options, strict=True):
            shown.controls["scaling"].value = option
            for row in means:
                if row["scaling"] == scaling and row["arm"] in ("kd", "mixup_kd"):
                    said = f"{row['arm']}: accuracy {float(row['accuracy']):.3f}, {measure} {float(row[key]):.3f}"
                    assert said in shown.reading.value
    dots = re.findall(r"<circle [^>]*r='3'", shown.picture.value)
    assert len(dots) == 2 * results.load("digits/temperature-tradeoff").manifest["seeds"]


def test_students_of_clothes_get_none_of_digits_for_company():
    shown = TradeoffExplorer("fashion/temperature-tradeoff")
    assert set(shown.controls) == {"measure", "scaling", "temperature"} and "fashion" in shown.children[0].value
    with pytest.raises(CourseError, match="unknown result"):
        TradeoffExplorer("fashion/temperature")
    with pytest.raises(CourseError, match="all students have distillation temperature 4"):
        TradeoffExplorer("digits/dark-knowledge")


LOGITS, LABELS = some_predictions(20)
REFUSED = {
    "as many labels": (lambda: ReliabilityExplorer(LOGITS, LABELS[:5]), "one row of logits and one class per image"),
    "no labels": (lambda: ReliabilityExplorer(LOGITS), "go together"),
    "half of the parts": (lambda: ScalingExplorer(LOGITS, LABELS), "go together"),
    "one row": (lambda: ScalingExplorer(LOGITS[0], LABELS, LOGITS, LABELS), "one row of logits and one class"),
    "unknown class": (lambda: ReliabilityExplorer(LOGITS, LABELS + 4), r"labels must lie in 0\.\.4"),
    "part of a class": (lambda: ReliabilityExplorer(LOGITS, LABELS + 0.5), "whole numbers"),
    "NaN": (lambda: ReliabilityExplorer(LOGITS * torch.nan, LABELS), "NaN"),
    "probabilities": (lambda: ReliabilityExplorer(LOGITS.softmax(1), LABELS), "log_of_probs"),
    "ragged": (lambda: TemperatureExplorer([[1.0, 2.0], [3.0]]), "one array of numbers"),
    "few images": (lambda: TemperatureExplorer(LOGITS, np.zeros((3, 8, 8)), LABELS), "3 images for 20"),
    "flat images": (lambda: TemperatureExplorer(LOGITS, np.zeros((20, 64)), LABELS), r"\(N, C, H, W\)"),
    "few names": (lambda: TemperatureExplorer(LOGITS, labels=LABELS, class_names=["a"]), "1 class names for 5"),
    "normalised": (lambda: MixupExplorer(torch.randn(4, 1, 8, 8), [0, 1, 2, 3]), "undo the normalisation"),
    "images alone": (lambda: MixupExplorer(torch.zeros(4, 1, 8, 8)), "without labels"),
    "three models": (lambda: MixupExplorer(models={"a": abs, "b": abs, "c": abs}), "choose two"),
    "no logits": (lambda: MixupExplorer(models={"a": lambda x: x.mean(dim=1)}), "model a must return"),
    "two classes": (lambda: MixupExplorer(models={"a": linear}), "must agree"),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_wrong_arrays_are_refused_with_advice(wrong):
    make, advice = REFUSED[wrong]
    with pytest.raises(CourseError, match=advice):
        make()


def test_arrays_of_numpy_lists_and_stored_images_are_all_welcome():
    logits, labels = some_predictions(30, 3)
    said = {
        ReliabilityExplorer(given, classes).reading.value
        for given, classes in (
            (logits, labels),
            (logits.numpy()[::-1][::-1], labels.numpy().astype(np.uint8)),
            (logits.tolist(), labels.tolist()),
            (logits.clone().requires_grad_(), labels.float()),
        )
    }
    assert len(said) == 1
    stored = torch.randint(0, 256, (30, 3, 5, 5), dtype=torch.uint8)
    for images in (stored, stored.float() / 255):
        assert "<image" in TemperatureExplorer(logits, images, labels).picture.value
        assert "<image" in MixupExplorer(images, labels).picture.value
