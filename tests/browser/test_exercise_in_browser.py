"""An exercise as a learner meets it: a wrong answer, its card, a hint, the right answer."""

from pathlib import Path

import nbformat
import pytest

from course_lib.questions import ASSIGNMENTS, questions_of

SOLUTIONS = Path(__file__).parents[2] / "solutions"

WRONG = """def entropy(probs):
    return -(probs * probs.log()).sum(dim=1)"""
RIGHT = """def entropy(probs):
    return -torch.special.xlogy(probs, probs).sum(dim=1)"""


def card(cell):
    found = cell.locator("div[role=status]")
    found.wait_for()
    return found.inner_text()


@pytest.mark.verify
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


@pytest.mark.soak
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_an_assignment_can_be_worked_through(notebook, assignment):
    """In each question a mistake and then the answer is typed; at the end the figures are there."""
    lab = notebook(f"exercises/{assignment}/{assignment}.ipynb")
    solved = nbformat.read(SOLUTIONS / assignment / f"{assignment}.ipynb", as_version=4)
    answers = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell.source for cell in solved.cells}
    lab.run_all()
    for name, question in questions_of(assignment).items():
        answer, check = lab.cell(f"def {name}("), lab.cell(f'check("{name}", {name})')
        mistake = question.mistakes[0]
        lab.write(answer, f"from course_lib.questions import find\n{name} = find({name!r}).mistakes[0].wrong")
        lab.run(check)
        assert "wrong" in card(check) and mistake.advice.split(".")[0] in card(check)
        lab.write(answer, answers[name])
        lab.run(check)
        assert f"passed, {question.points} of {question.points} points" in card(check)
    lab.run_all()
    assert not lab.page.locator(".jp-OutputArea").filter(has_text="This figure needs questions").count()
    assert not lab.page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']").count()
    assert not lab.said
