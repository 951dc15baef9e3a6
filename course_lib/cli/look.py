"""look: ``course report``, ``course calibration`` and ``course doctor``, which train nothing."""

import json
from pathlib import Path
from typing import Annotated

import typer

from course_lib.cli.app import app


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; several are set side by side.")],
    out: Annotated[
        Path | None, typer.Option(help="Where the page goes; needed for several.", show_default="RUN/report.html")
    ] = None,
) -> None:
    """Render the report again, or of several runs together."""
    from rich.console import Console

    from course_lib import report as reports

    page = reports.write_report(runs, out)
    for folder in runs:
        reports.print_table(reports.load_run(folder), Console())
    print(f"The whole report: {page}")


@app.command()
def calibration(
    file: Annotated[Path, typer.Argument(help="An .npz with logits (N, K) and labels (N).")],
    as_json: Annotated[bool, typer.Option("--json", help="Print numbers for a program.")] = False,
    probs: Annotated[
        bool, typer.Option("--probs", help="The arrays hold probabilities; take their logarithm.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="The diagram.", show_default="FILE.png")] = None,
) -> None:
    """Measure anybody's predictions, in an .npz file."""
    from course_lib import calibration_file

    result = calibration_file.measure_file(file, probs=probs)
    diagram = calibration_file.draw(result, out or file.with_suffix(".png"))
    print(json.dumps(result.as_json()) if as_json else f"{result.as_text()}\nreliability diagram: {diagram}")


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print findings for a program.")] = False) -> None:
    """Look whether everything that is needed is here."""
    from rich.console import Console

    from course_lib import doctor as examination

    findings = examination.examine()
    if as_json:
        print(examination.as_json(findings))
    else:
        examination.print_findings(findings, Console())
    if not examination.ready(findings):
        raise typer.Exit(1)
