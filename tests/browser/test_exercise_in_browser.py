"""An exercise as a learner meets it: a wrong answer, its card, a hint, the right answer."""

import pytest

pytestmark = pytest.mark.verify

WRONG = """def entropy(probs):
    return -(probs * probs.log()).sum(dim=1)"""
RIGHT = """def entropy(probs):
    return -torch.special.xlogy(probs, probs).sum(dim=1)"""


def card(cell):
    found = cell.locator("div[role=status]")
    found.wait_for()
    return found.inner_text()


def test_a_learner_is_told_what_is_wrong_and_then_that_it_is_right(notebook):
    lab = notebook("exercises/ps1_dark_knowledge/ps1_dark_knowledge.ipynb")
    lab.run_all()
    check = lab.cell('check("entropy", entropy)')
    assert "not yet, 0 of 5 points" in card(check)
    assert "This figure needs questions" in lab.page.locator(".jp-OutputArea").last.inner_text()

    answer = lab.cell("def entropy(probs)")
    lab.write(answer, WRONG)
    lab.run(check)
    told = card(check)
    assert "wrong" in told and "holds NaN" in told and "what shall 0 log 0 contribute?" in told

    lab.write(answer, 'hint("entropy")')
    assert "Hint 1 of 3" in answer.locator(".jp-OutputArea").inner_text()

    lab.write(answer, RIGHT)
    lab.run(check)
    assert "passed, 5 of 5 points" in card(check)
    assert not lab.said
