"""The graders are graded: right answers win, wrong ones lose and are named, stubs get nothing."""

from dataclasses import replace

import numpy as np
import pytest

from course_lib.questions import ASSIGNMENTS, POINTS, find, graders, questions_of
from course_lib.questions.judging import Judge
from course_lib.questions.mutants import mutants_of
from course_lib.questions.solved import solution_of

EVERYTHING = [question for assignment in ASSIGNMENTS for question in questions_of(assignment).values()]
each = pytest.mark.parametrize("question", EVERYTHING, ids=lambda question: question.name)
SEEDS = range(5)  # of every run; `make graders` takes fifty


@each
@pytest.mark.parametrize("seed", SEEDS)
def test_right_answers_win_and_mistakes_lose_and_are_named_and_a_stub_gets_nothing(question, seed):
    assert not list(graders.failures(question, seed))


@each
def test_every_two_mistakes_are_told_apart(question):
    assert not list(graders.alike(question))


@each
def test_no_mistake_is_named_in_a_stub(question):
    assert not Judge(question, 0).of(graders.stub).mistakes


@each
def test_the_same_seed_gives_the_same_cases_and_another_seed_others(question):
    first, again, other = (question.cases(np.random.default_rng(seed)) for seed in (1, 1, 2))

    def content(cases):
        return [
            (
                case.group,
                {
                    name: value.tobytes() if isinstance(value, np.ndarray) else value
                    for name, value in case.arguments.items()
                },
            )
            for case in cases
        ]

    assert repr(content(first)) == repr(content(again)) != repr(content(other))


@each
def test_a_question_has_points_mistakes_alternatives_hints_and_all_groups(question):
    assert 3 <= question.points <= 8 and question.minutes > 0
    assert len(question.mistakes) >= 3 and len(question.alternatives) >= 2 and len(question.hints) >= 2
    assert {case.group for case in question.cases(np.random.default_rng(0))} == {"plain", "edge", "stress", "random"}
    assert all(mistake.source.startswith("https://") for mistake in question.mistakes)
    assert len({mistake.name for mistake in question.mistakes}) == len(question.mistakes)


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_an_assignment_is_worth_forty_points(assignment):
    by_hand = 4 if assignment == "ps5_mixup_distillation" else 0  # its verdict
    assert sum(question.points for question in questions_of(assignment).values()) + by_hand == POINTS


def test_questions_are_found_by_name_and_nearly_right_names_are_helped():
    from course_lib.errors import CourseError

    assert find("entropy").assignment == "ps1_dark_knowledge"
    with pytest.raises(CourseError, match="did you mean entropy"):
        find("entropie")


def test_a_mutant_changes_one_place():
    def half(x):
        return x / 2 + 1

    expected = [6 * 2 + 1, 6 / 2 - 1, 6 / -1 + 1, 6 / 2 + 0]
    assert sorted(mutant.function(6) for mutant in mutants_of(half)) == sorted(expected)


def test_keywords_and_statements_are_left_out_and_checks_of_arguments_are_left_alone():
    def appended(x):
        if not x:
            raise ValueError
        x.append(max(x, key=abs))
        return x

    found = {mutant.what: mutant.function([1, -2]) for mutant in mutants_of(appended)}
    line = "in: x.append(max(x, key=abs))"
    assert found == {f"a statement is left out {line}": [1, -2], f"key is left out {line}": [1, -2, 1]}


def test_a_mutant_that_runs_without_end_is_noticed(monkeypatch):
    question = find("entropy")

    def endless(probs):
        while True:
            pass

    monkeypatch.setattr(graders, "PATIENCE", 0.2)
    assert graders._noticed(Judge(question, 0), endless)
    assert not graders._noticed(Judge(question, 0), question.reference)


@each
def test_the_solution_of_the_notebook_gets_all_points(question):
    solution = solution_of(question)
    assert solution is not None and Judge(question, 1).of(solution).passed


def test_a_solution_that_loses_or_is_missing_is_found_out(monkeypatch):
    question = find("entropy")
    monkeypatch.setattr(graders, "solution_of", lambda _: question.mistakes[0].wrong)
    assert any("the solution is right and loses" in line for line in graders.failures(question, 0))
    monkeypatch.setattr(graders, "solution_of", lambda _: None)
    assert any("there is no solution" in line for line in graders.failures(question, 0))


def test_a_survivor_needs_a_reason_and_a_reason_a_survivor(monkeypatch):
    question = find("entropy")
    monkeypatch.setattr(graders, "REASONS", {("entropy", "1 becomes 0", "return x"): "x is 0"})
    known, unknown = "1 becomes 0 in: return x + 1", "Add becomes Sub in: return x + 1"
    assert list(graders.unexplained(question, [known])) == []
    assert "nothing notices when Add becomes Sub" in next(graders.unexplained(question, [known, unknown]))
    assert "take the reason out" in next(graders.unexplained(question, []))


def test_a_grader_that_lets_a_mistake_through_is_found_out():
    question = find("entropy")
    tame = replace(question, cases=lambda rng: [case for case in question.cases(rng) if case.group == "random"])
    assert any("nan_at_zero is wrong and gets all points" in line for line in graders.failures(tame, 0))
    assert not list(graders.failures(question, 0))
