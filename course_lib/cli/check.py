"""check: ``course check``."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from course_lib.cli.app import app

if TYPE_CHECKING:
    from course_lib.grading.reports import SubmissionReport

OF_A_QUESTION = ("name", "points", "max_points", "verdict", "mistakes", "message")


@app.command()
def check(
    notebook: Annotated[Path, typer.Argument(help="Yours, such as work/ps2_mixup/ps2_mixup.ipynb.")],
    json_: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Run a notebook from its top and judge every answer; 1 if something is not right yet."""
    from course_lib.grading.runner import judge_notebook
    from course_lib.questions import PUBLISHED_SEED

    report = judge_notebook(notebook.resolve(), seed=PUBLISHED_SEED, isolated=False)
    print(json.dumps(_as_data(report, str(notebook)), indent=1) if json_ else _as_text(report))
    sys.exit(0 if report.passed else 1)


def _as_data(report: "SubmissionReport", notebook: str) -> dict[str, Any]:
    questions = [{name: getattr(question, name) for name in OF_A_QUESTION} for question in report.questions]
    return {
        "notebook": notebook,
        "points": report.points,
        "max_points": report.max_points,
        "questions": questions,
    }


def _as_text(report: "SubmissionReport") -> str:
    """The cards, the remarks and the total."""
    parts = [question.message for question in report.questions] + list(report.notes)
    remarks = [f"{question.name}: {note}" for question in report.questions for note in question.notes]
    by_hand = sum(question.max_points for question in report.questions if question.verdict == "manual")
    rest = f" ({by_hand} of them are given by a person)" if by_hand else ""
    return "\n\n".join([*parts, *remarks, f"{report.points} of {report.max_points} points{rest}"])
