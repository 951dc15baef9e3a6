"""cli: the command ``course``. It reads options, calls the library, and says what went wrong in a line or two.

Torch takes seconds to import, so each command imports what it needs when it runs.
"""

import errno
import json
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from course_lib.errors import CourseError

if TYPE_CHECKING:
    from rich.console import Console

    from course_lib.recipes import RunSettings

app = typer.Typer(
    name="course",
    help="Reliable knowledge distillation: mixup, distillation and calibration, measured.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
MISTAKE = 2
STOPPED = 130


@app.command()
def run(
    recipe: Annotated[str | None, typer.Option(help="Settings to start from (demo).", show_default="demo")] = None,
    data: Annotated[
        str | None,
        typer.Option(help="digits, tabular, fashion, cifar10, cifar100, imagenet, or a folder with train/, val/."),
    ] = None,
    teacher: Annotated[str | None, typer.Option(help="Network of the teacher: NAME or NAME@WEIGHTS.")] = None,
    student: Annotated[str | None, typer.Option(help="Network of the students: NAME or NAME@WEIGHTS.")] = None,
    arms: Annotated[str | None, typer.Option(help="Comma-separated: ce,mixup,kd,mixup_kd.")] = None,
    temperature: Annotated[
        list[float] | None, typer.Option(help="Distillation temperature; repeat it for several.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Students per arm and temperature.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images, teacher and students.")] = None,
    limit: Annotated[int | None, typer.Option(help="Class-balanced training images to use; all of other data.")] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Pixels on a side of what networks see, for folders of images.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images in a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    alpha: Annotated[float | None, typer.Option(help="Mixup draws lambda from Beta(alpha, alpha).")] = None,
    label_weight: Annotated[
        float | None, typer.Option(help="Weight of the labels in distilling arms; the paper has 0.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Run folder.", show_default="runs/RECIPE-NUMBER")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    download: Annotated[bool, typer.Option("--download", help="Fetch a named data set that is not here.")] = False,
    skip_unreadable: Annotated[
        bool | None, typer.Option("--skip-unreadable", help="Leave out damaged images, and list them.")
    ] = None,
    teacher_unseen: Annotated[
        bool | None,
        typer.Option("--teacher-unseen", help="The teacher's weights never saw the training images used here."),
    ] = None,
    save_every: Annotated[float, typer.Option(min=0, help="Seconds between saved states.")] = 20.0,
) -> None:
    """Train teacher and students, measure, write a report."""
    given = {
        "recipe": recipe,
        "data": _absolute(data),
        "teacher": _absolute_weights(teacher),
        "student": _absolute_weights(student),
        "arms": tuple(arms.replace(" ", "").split(",")) if arms is not None else None,
        "temperatures": tuple(temperature) if temperature else None,
        "seeds": seeds,
        "epochs": epochs,
        "limit": limit,
        "image_size": image_size,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "alpha": alpha,
        "label_weight": label_weight,
        "skip_unreadable": skip_unreadable,
        "teacher_unseen": teacher_unseen,
    }
    if resume and out is None:
        raise CourseError("--resume goes on with a run: name its folder with --out")
    settings = _settings(given, out if resume else None)
    destination = out or _free_folder(Path("runs"), settings.recipe)
    _run_and_report(settings, destination, device=device, resume=resume, download=download, save_every=save_every)


def _absolute(data: str | None) -> str | None:
    """A folder by its full path, so that a run can be resumed from anywhere; a name as it is."""
    return str(Path(data).resolve()) if data is not None and Path(data).is_dir() and os.sep in data else data


def _absolute_weights(network: str | None) -> str | None:
    """NAME@FILE with the full path of the file; any other name as it is."""
    name, at, weights = (network or "").partition("@")
    return f"{name}@{Path(weights).resolve()}" if at and Path(weights).is_file() else network


def _settings(given: dict[str, Any], resumed: Path | None) -> "RunSettings":
    """What was asked for: a recipe, or the run that is resumed, with the options given on top."""
    from course_lib import recipes
    from course_lib.experiment.folder import read_config

    if resumed is not None and given["recipe"] is None:
        base = recipes.RunSettings.from_json(read_config(resumed)["settings"])
    else:
        base = recipes.find(given["recipe"] or "demo")
        if given["data"] not in (None, base.data):  # a recipe's limit is meant for the recipe's own data
            base = replace(base, limit=None)
    return replace(base, **{name: value for name, value in given.items() if value is not None})


def _free_folder(parent: Path, recipe: str) -> Path:
    """A new numbered folder, so that no run is ever overwritten."""
    number = 1
    while (parent / f"{recipe}-{number}").exists():
        number += 1
    return parent / f"{recipe}-{number}"


def _run_and_report(
    settings: "RunSettings", destination: Path, *, device: str, resume: bool, download: bool, save_every: float
) -> None:
    from rich.console import Console

    from course_lib import experiment, report

    console = Console()
    again = f"course run --resume --out {shlex.quote(str(destination))}"
    with _kept_when_stopped(console, again, destination) as stop:
        experiment.run(
            settings,
            destination,
            device=device,
            resume=resume,
            download=download,
            command=shlex.join(["course", *sys.argv[1:]]),
            habits=experiment.Habits(console, save_every, stop),
        )
    page = report.write_report([destination])
    finished = report.load_run(destination)
    report.print_table(finished, console)
    console.print(report.verdict(finished), markup=False, highlight=False)
    console.print(f"\nThe whole report: {page}", markup=False, highlight=False)


@contextmanager
def _kept_when_stopped(console: "Console", again: str, destination: Path) -> "Iterator[Callable[[], bool]]":
    """Whatever stops long work, say that it is kept and how to go on with it."""
    from course_lib import experiment

    try:
        with _asked_to_stop() as stop:
            yield stop
    except experiment.Interrupted:
        console.print(f"Stopped; everything done so far is kept. Go on with\n  {again}", highlight=False)
        raise typer.Exit(STOPPED) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        full = f"no space left on the device while writing to {destination}: free some, then go on with"
        raise CourseError(f"{full}\n  {again}") from error


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or a request to end has come; a second Ctrl-C ends at once."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("\nStopping after this step (Ctrl-C again stops at once) ...", file=sys.stderr)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    destination = out or _free_folder(Path("runs"), name)
    source = _absolute(data) or chosen.data
    again = ["course", "study", name, "--data", source, "--scale", scale, "--device", device]
    again += ["--resume", "--out", str(destination)]
    with _kept_when_stopped(console, shlex.join(again), destination) as stop:
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


def main() -> None:
    """The command ``course``: a mistake that the user can mend ends in one message and code 2."""
    try:
        app()
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(MISTAKE)
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        print(f"error: {error.strerror or error}{place}. Nothing is left half-written", file=sys.stderr)
        sys.exit(MISTAKE)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(STOPPED)
