"""What a learner is told: each kind of wrong answer, in the words that help."""

import numpy as np
import pytest
import torch

from course_lib import losses
from course_lib.questions import find
from course_lib.questions.card import Verdict
from course_lib.questions.judging import judge
from course_lib.questions.notebook import check, hint

LOSS, SOFTMAX = find("distillation_loss"), find("softmax_with_temperature")


def told(question, function):
    found = judge(question, function, seed=0)
    return found.faults[0].kind, str(Verdict(found))


def softmax(logits, temperature):
    return (logits / temperature).softmax(1)


def printing(logits, temperature):
    print((logits / temperature).softmax(1))


def changing(logits, temperature):
    logits /= temperature
    return logits.softmax(1)


def from_global_randomness(logits, temperature):
    torch.rand(1)
    return (logits / temperature).softmax(1)


@pytest.mark.parametrize(
    ("function", "kind", "words"),
    [
        (printing, "none", "returns nothing"),
        (lambda logits, temperature: None, "none", "end it with return"),
        (lambda logits, temperature: 1 / 0, "error", "ZeroDivisionError: division by zero"),
        (lambda logits: logits, "error", "TypeError"),
        (
            lambda logits, temperature: (logits / temperature).softmax(1)[0],
            "shape",
            "has shape (2,), it should have (1, 2)",
        ),
        (
            lambda logits, temperature: (logits / temperature).softmax(1).float(),
            "dtype",
            "is float32, it should be float64",
        ),
        (lambda logits, temperature: (logits / temperature).softmax(1) * float("nan"), "nan", "NaN"),
        (lambda logits, temperature: (logits / temperature).softmax(1).numpy(), "kind", "yours is an array"),
        (lambda logits, temperature: (logits / temperature).softmax(1) + 0j, "dtype", "is complex128"),
        (changing, "changed", "logits is not as it should be afterwards"),
        (from_global_randomness, "global", "Global random state"),
    ],
)
def test_each_kind_of_fault_is_named(function, kind, words):
    found, text = told(SOFTMAX, function)
    assert found == kind and words in text


def test_a_gradient_that_is_cut_or_leaks_is_named():
    def cut(student_logits, teacher_logits, temperature):
        return losses.distillation_loss(student_logits.detach(), teacher_logits, temperature)

    assert told(LOSS, cut)[0] == "gradient" and "No gradient reaches student_logits" in told(LOSS, cut)[1]


def test_a_zero_dimensional_tensor_counts_as_a_float_and_the_other_way_round():
    from dataclasses import replace

    question = replace(LOSS, differentiable=())
    assert judge(question, lambda s, t, temperature: float(losses.distillation_loss(s, t, temperature)), 0).passed


def test_the_smallest_case_is_shown_with_both_values_and_nothing_of_the_reference():
    found, text = told(LOSS, lambda s, t, temperature: losses.distillation_loss(s, t, temperature) / temperature**2)
    assert found == "value"
    assert "expected" in text and "yours" in text and "something has to make up for it" in text
    assert "log_softmax" not in text


def test_warnings_and_prints_cost_nothing():
    import sys
    import warnings

    def loud(logits, temperature):
        warnings.warn("look out", stacklevel=1)
        print("working", file=sys.stderr)
        return (logits / temperature).softmax(1)

    assert judge(SOFTMAX, loud, 0).passed


def test_an_unforeseen_mistake_still_loses():
    found = judge(SOFTMAX, lambda logits, temperature: (logits / temperature**1.01).softmax(1), 0)
    assert found.points < SOFTMAX.points and not found.mistakes


def test_points_are_whole_and_a_lost_group_costs_its_part():
    def only_calm(logits, temperature):
        return SOFTMAX.mistakes[2].wrong(logits, temperature)  # overflows in the stress cases alone

    found = judge(SOFTMAX, only_calm, 0)
    assert found.groups == {"plain": True, "edge": True, "stress": False, "random": True}
    assert found.points == 6 * 3 // 4


def test_the_plain_text_of_a_verdict_is_one_number_for_nbgrader():
    for function in (SOFTMAX.reference, lambda logits, temperature: logits * float("nan"), printing):
        verdict = check("softmax_with_temperature", function)
        assert np.isfinite(float(repr(verdict))) and 0 <= float(repr(verdict)) <= SOFTMAX.points


def test_a_card_escapes_what_a_learner_made():
    def hostile(logits, temperature):
        raise ValueError("<script>alert(1)</script>")

    card = check("softmax_with_temperature", hostile)._repr_html_()
    assert "<script>" not in card and "&lt;script&gt;" in card


def test_an_answer_that_was_not_begun_is_calm():
    def stub(logits, temperature):
        raise NotImplementedError

    verdict = check("softmax_with_temperature", stub)
    assert verdict.status == "not yet" and "hint('softmax_with_temperature')" in str(verdict)


def test_hints_go_one_further_each_time_and_end_with_the_solution():
    said = [hint("entropy") for _ in range(4)]
    assert [text.split(":")[0] for text in said[:3]] == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3"]
    assert "solutions/ps1_dark_knowledge" in said[3]


def test_text_and_complex_numbers_are_no_floats():
    question = find("negative_log_likelihood")

    def as_text(logits, labels):
        return np.str_(float(torch.nn.functional.cross_entropy(logits, labels)))

    def as_complex(logits, labels):
        return np.complex128(torch.nn.functional.cross_entropy(logits, labels).item())

    assert told(question, as_text)[0] == told(question, as_complex)[0] == "dtype"


def test_an_argument_that_no_array_can_hold_afterwards_is_told():
    def converting(student, *_):
        student.to(torch.bfloat16)
        return 0.0

    kind, words = told(find("training_step"), converting)
    assert kind == "error" and "TypeError" in words
