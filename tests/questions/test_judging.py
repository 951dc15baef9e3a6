"""What a learner is told: each kind of wrong answer, in the words that help."""

import functools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib import losses
from course_lib.questions import find, notebook
from course_lib.questions.card import Verdict
from course_lib.questions.judging import judge
from course_lib.questions.notebook import check, hint

ROOT = Path(__file__).parent.parent.parent
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
        (changing, "changed", "changes its input logits: make a new tensor"),
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


def test_where_ties_leave_a_choice_one_right_answer_is_shown_and_where_a_generator_draws_none():
    hard = lambda probs: torch.eye(probs.shape[1], dtype=probs.dtype)[probs.argmax(dim=1)]  # noqa: E731
    assert "expected  [[0.4 0.3 0.3]]" in told(find("flatten_dark_knowledge"), hard)[1]
    assert "expected" not in told(find("sample_lambdas"), lambda n, alpha, rng: rng.random(n))[1]


def test_the_card_says_when_an_import_took_the_place_of_an_answer():
    told = str(check("distillation_loss", losses.distillation_loss))
    assert "course_lib.losses.distillation_loss, the library's own" in told
    assert "the library's own" not in str(check("distillation_loss", LOSS.alternatives[0]))


def test_each_row_of_a_matrix_has_a_line_below_the_first():
    question = find("training_step")
    lines = str(Verdict(judge(question, question.mistakes[0].wrong, 3))).split("\n")
    first = next(number for number, line in enumerate(lines) if line.startswith("  images = [["))
    assert lines[first + 1].index("[") == lines[first].index("[[") + 1 and lines[first + 1].count("[") == 1


def test_a_hint_is_shown_without_quotation_marks():
    assert repr(hint("entropy")).startswith("Hint ") and isinstance(hint("entropy"), str)


def test_warnings_and_prints_cost_nothing():
    import sys
    import warnings

    def loud(logits, temperature):
        warnings.warn("look out", stacklevel=1)
        print("working", file=sys.stderr)
        return (logits / temperature).softmax(1)

    assert judge(SOFTMAX, loud, 0).passed


def test_a_known_mistake_in_unstable_code_is_still_named_and_unstable_right_code_is_not():
    def kl(first_logits, second_logits, temperature):
        first, second = ((logits / temperature).softmax(1) for logits in (first_logits, second_logits))
        return temperature**2 * (first * (first.log() - second.log())).sum(1).mean()

    swapped = judge(LOSS, kl, 0)
    assert swapped.mistakes == ("swapped",) and not swapped.points
    right = judge(LOSS, lambda student, teacher, temperature: kl(teacher, student, temperature), 0)
    assert not right.mistakes and 0 < right.points < LOSS.points


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


def stub(*arguments):
    raise NotImplementedError


def test_an_answer_that_was_not_begun_is_calm():
    verdict = check("softmax_with_temperature", stub)
    assert verdict.status == "not yet" and "hint('softmax_with_temperature')" in str(verdict)


@pytest.mark.parametrize(
    "integers",
    [
        lambda logits, temperature: torch.nn.functional.softmax(logits.long(), 1),
        lambda logits, temperature: logits.long().log_softmax(1),
        lambda logits, temperature: logits / logits.long().mean(),
        lambda logits, temperature: logits.long().div_(temperature),
    ],
)
def test_torch_refusing_integers_is_an_error_and_the_dtype_is_named(integers):
    verdict = check("softmax_with_temperature", integers)
    assert verdict.status == "wrong" and verdict.judgement.faults[0].kind == "error"
    assert "An integer dtype is where a float is needed" in str(verdict)


@pytest.mark.parametrize(
    ("mixed_up", "words"),
    [
        (lambda logits, temperature: logits[logits[:, 0]], "A float is where an integer dtype is needed"),
        (lambda logits, temperature: logits @ logits.float().T, "Two dtypes meet"),
    ],
)
def test_other_dtypes_that_do_not_fit_are_named_too(mixed_up, words):
    assert words in str(check("softmax_with_temperature", mixed_up))


def test_an_answer_that_calls_another_one_that_was_not_begun_is_begun_itself():
    verdict = check("softmax_with_temperature", lambda logits, temperature: stub(logits) + 1)
    assert verdict.status == "wrong" and "stub is not written yet" in str(verdict)


def test_what_is_no_function_gets_a_card_too():
    class Stub:
        def __getattr__(self, name):
            raise ValueError(name)

        def __call__(self, *arguments):
            raise NotImplementedError

    for odd in (None, "entropy", torch.ones(2), Stub(), Stub, functools.partial(stub, 1)):
        assert check("entropy", odd).judgement.points == 0


def test_an_answer_that_is_written_for_some_cases_is_begun():
    def calm_alone(logits, temperature):
        return softmax(logits, temperature) if logits.abs().max() < 50 else stub()

    assert check("softmax_with_temperature", calm_alone).status == "wrong"


def test_hints_go_one_further_each_time_and_end_with_the_solution(monkeypatch):
    monkeypatch.setattr(notebook, "_asked", Counter())
    said = [hint("entropy") for _ in range(4)]
    assert [text.split(":")[0] for text in said[:3]] == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3"]
    assert "solutions/ps1_dark_knowledge" in said[3]


def test_the_card_names_the_solution_after_the_last_hint_and_not_before(monkeypatch):
    monkeypatch.setattr(notebook, "_asked", Counter())
    place = "solutions/ps1_dark_knowledge/ps1_dark_knowledge.ipynb"
    assert (ROOT / place).is_file()
    for _ in find("entropy").hints:
        assert place not in str(check("entropy", stub)) + str(check("entropy", lambda probs: probs))
        hint("entropy")
    for answer in (stub, lambda probs: probs):
        assert f"Open from Path... opens {place}" in str(check("entropy", answer))
    assert place not in str(check("entropy", find("entropy").reference))
    assert place not in str(check("softmax_with_temperature", stub))


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
