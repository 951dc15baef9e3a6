"""Each answer of the workshop is a fact of the results that come with the library."""

import numpy as np
import pytest
import torch

from course_lib import calibration, results, temperature
from course_lib.predictions import confidence_and_correct
from course_lib.workshop.questions import BY_NAME, QUESTIONS


def answer(name):
    return BY_NAME[name].options[BY_NAME[name].answer]


@pytest.fixture(scope="module")
def clothes():
    return results.load("fashion/four-arms").predictions("mixup-seed0")


def test_questions_can_be_asked():
    assert len(BY_NAME) == len(QUESTIONS) == 8
    for question in QUESTIONS:
        assert len(set(question.options)) == len(question.options) >= 2
        assert 0 <= question.answer < len(question.options) and question.reading and question.text.endswith("?")
        assert (
            question.least_percent * len(question.options) >= 100 > (question.least_percent - 1) * len(question.options)
        )


def test_no_place_is_a_better_guess_than_another():
    """Each question has a first, a second and a third option; only some have more."""
    counts = [sum(question.answer == place for question in QUESTIONS) for place in range(3)]
    assert sum(counts) == len(QUESTIONS) and max(counts) - min(counts) <= 1


def test_a_temperature_keeps_the_most_probable_class():
    logits = results.load("digits/four-arms").predictions("teacher").logits
    assert torch.equal((logits / 20).softmax(dim=1).argmax(dim=1), logits.argmax(dim=1))
    assert answer("softening") == "the same as before"


def test_the_student_of_clothes_is_right_79_times_and_sure_73_times_in_100(clothes):
    confidence, correct = confidence_and_correct(clothes.logits, clothes.labels)
    assert round(100 * float(correct.double().mean())) == 79 and "about 79 times" in BY_NAME["sureness"].text
    assert answer("sureness") == f"about {100 * float(confidence.mean()):.0f} %"


def test_fewer_images_give_a_larger_ece(clothes):
    confidence, correct = confidence_and_correct(clothes.logits, clothes.labels)
    whole = calibration.expected_calibration_error(confidence, correct)
    assert f"{whole:.3f}" in BY_NAME["few-images"].text and len(correct) == 2000
    rng = np.random.default_rng(0)
    draws = [torch.from_numpy(rng.permutation(2000)[:50]) for _ in range(200)]
    few = [calibration.expected_calibration_error(confidence[rows], correct[rows]) for rows in draws]
    assert np.mean(few) > 1.3 * whole and answer("few-images") == "it grows"


def test_one_temperature_below_one_repairs_it_and_changes_no_answer(clothes):
    fitted = temperature.fit_temperature(clothes.logits[:1000], clothes.labels[:1000])
    assert fitted < 0.9 and answer("repair") == "one below 1"
    rest = clothes.logits[1000:]
    changed = int((temperature.scaled_logits(rest, fitted).argmax(dim=1) != rest.argmax(dim=1)).sum())
    assert changed == 0 and answer("changed-answers") == "none"


def test_the_mixup_student_follows_the_weight_with_every_seed():
    rows = results.load("digits/linearity").table("linearity")
    of = {arm: [row["l_nl"] for row in rows if row["arm"] == arm] for arm in ("mixup", "mixup_kd")}
    assert max(of["mixup"]) < min(of["mixup_kd"]) and answer("follows") == "the mixup student's"


def test_the_lowest_loss_of_kd_students_is_at_the_temperature_that_is_said():
    rows = results.load("digits/temperature-tradeoff").table("pareto")
    nll = {r["distillation_temperature"]: r["nll"] for r in rows if r["arm"] == "kd" and r["scaling"] == "none"}
    assert answer("temperature") == f"{min(nll, key=nll.__getitem__):g}"
    assert [f"{t:g}" for t in sorted(nll)] == list(BY_NAME["temperature"].options)


def test_accuracy_is_clearly_higher_on_so_many_data_sets():
    clear = {}
    for name in ("tabular/other-domain", "digits/four-arms", "fashion/four-arms", "cifar10-jpeg/four-arms"):
        evidence = results.load(name).table("evidence")
        row = next(row for row in evidence if row["says"].startswith("accuracy, mixup_kd"))
        clear[name] = (row["low"] > 0) - (row["high"] < 0)
    assert answer("four-data-sets") == str(sum(sign > 0 for sign in clear.values()))
    assert list(clear.values()) == [1, 0, 0, -1]  # as its reading says
