"""What comes back is looked at part by part, and what stands for a number is a number everywhere."""

import copy
import functools
from collections import namedtuple

import numpy as np
import pytest
import torch

from course_lib.questions import find
from course_lib.questions.calling import call
from course_lib.questions.case import Case
from course_lib.questions.judging import Judge, judge
from course_lib.questions.ps5_mixup_distillation.networks import mixed, net
from course_lib.questions.seeing import seen

TRANSFER, BINS, SPLIT, FRONT = map(find, ("calibration_transfer", "reliability_bins", "split_indices", "pareto_front"))
RNG = np.random.default_rng


def as_float32(gaps, others):
    return tuple(torch.tensor(value, dtype=torch.float32) for value in TRANSFER.reference(gaps, others))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ((torch.ones(2), torch.ones(1)), "tuple of tensor, tensor"),
        ([1, np.ones(2)], "list of number, array"),
        (namedtuple("Fit", "slope intercept")(1.0, None), "tuple of number, None"),
        ({"ece": 0.1}, "dict"),
        ((), "empty tuple"),
        ([0.0] * 9, "list of 9 parts"),
        (([],), "tuple of list"),
        (np.array(1.0), "number"),
        (10**30, "int"),
        (np.array([None]), "object array"),
        (torch.ones(2).to_sparse(), "sparse_coo tensor"),
        (torch.ones(2, dtype=torch.bfloat16), "bfloat16 tensor"),
        (torch.ones(1).expand(10**6, 10**6), "tensor of shape (1000000, 1000000)"),
        (iter([]), "list_iterator"),
    ],
)
def test_a_kind_says_what_came_back(value, kind):
    assert str(seen(value)["kind"]) == kind


def test_parts_are_arrays_and_have_kinds_of_their_own():
    found = seen({"ece": 0.5, "none": None})
    assert found["result.ece"] == 0.5 and str(found["kind.ece"]) == "number"
    assert str(found["kind.none"]) == "None" and "result.none" not in found


@pytest.mark.parametrize("wrap", [tuple, list, namedtuple("Fit", "slope correlation")._make])
def test_a_pair_of_numbers_may_be_a_list_or_zero_dimensional_tensors_of_any_width(wrap):
    assert judge(TRANSFER, lambda *gaps: wrap(TRANSFER.reference(*gaps)), 0).passed
    assert judge(TRANSFER, lambda *gaps: wrap(as_float32(*gaps)), 0).passed


def test_a_known_mistake_is_named_in_a_list_of_tensors_too():
    wrong = TRANSFER.mistakes[0]
    found = judge(TRANSFER, lambda *gaps: list(map(torch.tensor, wrong.wrong(*gaps))), 0)
    assert wrong.name in found.mistakes


def test_a_list_of_values_is_no_tensor_and_arrays_are_told_from_tensors_inside_tuples():
    found = judge(FRONT, lambda *models: FRONT.reference(*models).tolist(), 0)
    assert found.faults[0].kind == "kind" and "yours is a list of" in found.faults[0].sentence
    assert not judge(BINS, lambda *a: tuple(part.numpy() for part in BINS.reference(*a)), 0).points
    assert not judge(SPLIT, lambda *a: tuple(map(torch.from_numpy, SPLIT.reference(*a))), 0).points


def test_counts_alone_may_be_floats():
    def with_float_counts(*arguments):
        count, *means = BINS.reference(*arguments)
        return count.float(), *means

    assert judge(BINS, with_float_counts, 0).passed
    found = judge(FRONT, lambda *models: FRONT.reference(*models).double(), 0)
    assert found.faults[0].sentence == "The result is float64, it should be int64."


def test_numpy_places_may_be_of_any_width_of_integers():
    assert judge(SPLIT, lambda *a: tuple(part.astype("uint16") for part in SPLIT.reference(*a)), 0).passed
    assert not judge(SPLIT, lambda *a: tuple(part.astype(float) for part in SPLIT.reference(*a)), 0).points


def outputs_of(function, *differentiable):
    rng = RNG(0)
    networks = {"student": net(rng, 3, training=True), "teacher": net(rng, 3, training=False, left_over=1.0)}
    return call(function, Case("plain", networks | mixed(rng, 5, "")), differentiable)


def test_it_is_seen_how_often_networks_are_asked():
    found = outputs_of(lambda student, teacher, images, *_: student.forward(images) + student(images))
    assert found["calls.student"] == 2 and found["calls.teacher"] == 0


@pytest.mark.parametrize(
    "ask",
    [
        lambda network, images: copy.deepcopy(network)(images),
        lambda network, images: functools.reduce(lambda values, layer: layer(values), network, images),
        lambda network, images: torch.func.functional_call(network, dict(network.named_parameters()), images),
    ],
)
def test_a_network_that_is_asked_by_another_way_is_asked_too(ask):
    assert outputs_of(lambda student, teacher, images, *_: ask(teacher, images))["calls.teacher"] == 1


def test_a_gradient_that_was_not_there_before_is_seen_in_networks_that_should_get_none():
    def loss(student, teacher, images, *_):
        return (student(images) - teacher(images)).square().sum()

    assert outputs_of(loss, "student")["grad.teacher"] and "grad.student" not in outputs_of(loss, "student")
    assert not outputs_of(lambda student, teacher, *_: teacher.zero_grad(set_to_none=False) or 1.0)["grad.teacher"]
    assert not outputs_of(lambda student, teacher, images, *_: (student(images), teacher(images)))["grad.student"]


@pytest.mark.parametrize(
    ("function", "shared"),
    [
        (lambda batch: batch, True),
        (lambda batch: (1.0, batch[:2].numpy()), True),
        (lambda batch: batch.clone(), False),
        (lambda batch: batch.numpy().copy(), False),
        (lambda batch: 1.0, False),
    ],
)
def test_memory_that_is_shared_with_an_argument_is_seen(function, shared):
    assert call(function, Case("plain", {"batch": np.ones((3, 2))}))["shares"] == shared


def test_the_judge_sees_the_new_outputs_after_their_journey():
    from course_lib.grading import wire

    sent = outputs_of(lambda student, teacher, images, *_: (student(images), images))
    (arrived,), _ = wire.load_answer(wire.dump_answer([sent], []), 1)
    for name in ("calls.student", "grad.teacher", "shares", "kind.0"):
        assert arrived[name] == sent[name] and arrived[name].dtype == sent[name].dtype
    assert Judge(FRONT, 0).judge([arrived] * len(Judge(FRONT, 0).cases)).points == 0
