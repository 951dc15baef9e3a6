"""Whatever comes back, and whatever is raised, is judged: a check never ends the notebook's run."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib.questions import ASSIGNMENTS, find, questions_of
from course_lib.questions.card import Verdict
from course_lib.questions.judging import Judge, Judgement, judge
from course_lib.questions.notebook import check

EVERYTHING = [question for assignment in ASSIGNMENTS for question in questions_of(assignment).values()]
FRONT, REPORT, TRANSFER = map(find, ("pareto_front", "scale_and_report", "calibration_transfer"))


class Subclass(torch.Tensor):
    """A tensor of another class."""


class Refusing(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), named=None):
        raise ValueError("not a tensor after all")


class Unreadable(Exception):
    def __str__(self):
        raise ValueError("no words")


class Hostile(dict):
    def items(self):
        raise SystemExit


def endless():
    found = []
    found.append(found)
    return found


def within(value, dtype=torch.float64):
    return torch.full((3,), value, dtype=dtype)


ODD = {
    "none": lambda: None,
    "text": lambda: "0.5",
    "generator": lambda: (x for x in ()),
    "nested lists": lambda: [[1.0, [2.0]], []],
    "a list in itself": endless,
    "many parts": lambda: list(range(5000)),
    "sparse": lambda: torch.eye(3).to_sparse(),
    "complex": lambda: torch.ones(3, dtype=torch.complex128),
    "a complex number": lambda: 1j,
    "huge": lambda: torch.zeros(1).expand(10**7, 10**7),
    "huge array": lambda: np.broadcast_to(0.0, (10**7, 10**7)),
    "objects": lambda: np.array([None, {}], dtype=object),
    "dates": lambda: np.array(["2020-01-01"], "datetime64"),
    "records": lambda: np.zeros(2, "i4,f8"),
    "words": lambda: np.array(["a", "b"]),
    "nan": lambda: within(float("nan")),
    "infinity": lambda: within(float("inf")),
    "a nan": lambda: float("nan"),
    "an infinity": lambda: -float("inf"),
    "a huge integer": lambda: 10**400,
    "negative places": lambda: within(-7, torch.int64),
    "far places": lambda: within(2**62, torch.int64),
    "no values": lambda: torch.empty(0),
    "many dimensions": lambda: np.zeros((1,) * 30),
    "elsewhere": lambda: torch.empty(3, device="meta"),
    "bfloat16": lambda: torch.ones(3, dtype=torch.bfloat16),
    "quantized": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8),
    "looks like a tensor": lambda: SimpleNamespace(shape=(3,), dtype=torch.float64, device="cuda:7"),
    "a class": lambda: torch.Tensor,
    "odd keys": lambda: {("a", 1): 2.0, None: 1, "": 0.5, "a.b": 1.0, 3: torch.ones(2)},
    "hostile items": lambda: Hostile(a=1),
    "subclass": lambda: torch.ones(3).as_subclass(Subclass),
    "refusing": lambda: torch.Tensor._make_subclass(Refusing, torch.ones(3)),
    "masked": lambda: np.ma.masked_all(3),
    "pair of none": lambda: (0.3, None),
    "pair of vectors": lambda: (torch.ones(3), torch.ones(2)),
    "triple": lambda: (torch.ones(3), np.ones(2), "x"),
    "exit": sys.exit,
    "interrupts itself": lambda: (_ for _ in ()).throw(GeneratorExit),
    "unreadable": lambda: (_ for _ in ()).throw(Unreadable()),
}


@pytest.fixture(scope="module")
def judges():
    return {question.name: Judge(question, 0) for question in EVERYTHING}


@pytest.mark.parametrize("odd", ODD)
def test_every_question_judges_whatever_comes_back(odd, judges):
    from course_lib.questions.calling import call

    for question in EVERYTHING:
        the_judge = judges[question.name]
        outputs = [call(lambda *_: ODD[odd](), case, question.differentiable) for case in the_judge.cases]
        found = the_judge.judge(outputs)
        assert isinstance(found, Judgement) and found.points < question.points
        assert question.name in str(Verdict(found)) and "<div" in Verdict(found)._repr_html_()


@pytest.mark.parametrize("question", EVERYTHING, ids=lambda question: question.name)
def test_a_right_answer_with_something_spoiled_is_judged_too(question):
    def spoiled(*arguments):
        found = question.reference(*arguments)
        if isinstance(found, dict):
            return {**found, "vector": torch.ones(3)}
        if isinstance(found, tuple):
            return (*found[:-1], None)
        return found + 1 if isinstance(found, (float, torch.Tensor, np.ndarray)) else found

    assert judge(question, spoiled, 0).points < question.points


def failing(function, question, kind):
    found = judge(question, function, 0)
    assert found.faults[0].kind == kind, found.faults[0].sentence
    return found.faults[0].sentence


def test_places_beyond_the_last_model_lose_and_do_not_raise():
    assert failing(lambda *models: FRONT.reference(*models) + 1, FRONT, "value") == "The result differs."


def test_places_as_floats_are_told_to_be_floats():
    assert "float32" in failing(lambda *models: torch.Tensor(FRONT.reference(*models).tolist()), FRONT, "dtype")


def test_keys_that_are_missing_and_keys_that_nobody_asks_for_are_named():
    missing = failing(lambda *splits: {"temperature": 1.0, "T": 2.0}, REPORT, "kind")
    assert "lacks 'accuracy'" in missing and "It has 'T', which nobody needs." in missing
    extra = failing(lambda *splits: REPORT.reference(*splits) | {"vector": torch.ones(3)}, REPORT, "kind")
    assert extra == "It has 'vector', which nobody needs."
    odd = failing(lambda *splits: REPORT.reference(*splits) | {"accuracy": None}, REPORT, "kind")
    assert odd == "'accuracy' of the result is None, it should be a number."


def test_a_pair_that_lacks_its_second_number_is_told():
    assert "yours is a tuple of number, None" in failing(lambda *gaps: (0.3, None), TRANSFER, "kind")


def test_leaving_python_and_exceptions_without_words_cost_the_answer_and_no_more():
    def unreadable(probs):
        raise Unreadable

    assert "SystemExit" in str(check("entropy", lambda probs: sys.exit("bye")))
    assert "an exception whose text cannot be read" in str(check("entropy", unreadable))


def test_who_interrupts_a_check_gets_the_notebook_back():
    def interrupted(probs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("entropy", interrupted)


def test_an_invariant_that_cannot_be_looked_at_is_broken():
    from dataclasses import replace

    def looking(case, outputs):
        return outputs["result.no"] > 0

    question = replace(FRONT, invariants={"Nothing can be told.": looking})
    found = judge(question, FRONT.reference, 0)
    assert {fault.sentence for fault in found.faults} == {"Nothing can be told."}
