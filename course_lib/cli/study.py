"""study: ``course study`` and ``course claims``."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from course_lib.cli.app import app
from course_lib.cli.places import absolute, free_folder
from course_lib.cli.stopping import kept_when_stopped
from course_lib.errors import CourseError


@app.command()
def study(
    name: Annotated[str | None, typer.Argument(help="Which study; --list shows them.")] = None,
    data: Annotated[str | None, typer.Option(help="A named data set or a folder.", show_default="digits")] = None,
    scale: Annotated[str, typer.Option(help="small looks whether it works, full is what ships.")] = "small",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder of the study.", show_default="runs/NAME-NUMBER")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the study in --out.")] = False,
    show_list: Annotated[bool, typer.Option("--list", help="What each study asks, tests and costs.")] = False,
) -> None:
    """Put one claim of the paper to the test, on any data."""
    from rich.console import Console

    from course_lib import experiment, studies
    from course_lib.studies.show import print_findings, print_list

    console = Console()
    if show_list or (name is None and not (data or out or resume)):
        print_list(console)
        return
    if name is None:
        raise CourseError("name the study: `course study --list` shows them")
    chosen = studies.find(name)
    if resume and out is None:
        raise CourseError("--resume goes on with a study: name its folder with --out")
    destination = out or free_folder(Path("runs"), name)
    source = absolute(data) or chosen.data
    again = ["course", "study", name, "--data", source, "--scale", scale, "--device", device]
    again += ["--resume", "--out", str(destination)]
    with kept_when_stopped(console, shlex.join(again), destination) as stop:
        found = studies.conduct(
            chosen,
            source,
            scale,
            destination,
            device=device,
            resume=resume,
            habits=experiment.Habits(console, stop=stop),
        )
    print_findings(found, console)


@app.command()
def claims(
    out: Annotated[Path | None, typer.Option(help="Where the page goes.", show_default="printed")] = None,
) -> None:
    """Write down what holds of the paper's claims, from the results that came with the library."""
    from course_lib.claims.page import page
    from course_lib.files import write_atomically

    if out is None:
        print(page(), end="")
        return
    write_atomically(out, page())
    print(f"What holds, and how sure that is: {out}")
