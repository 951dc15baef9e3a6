"""run: ``course run`` and ``course recipes``."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from course_lib.cli.app import app
from course_lib.cli.places import absolute, absolute_weights, free_folder
from course_lib.cli.stopping import kept_when_stopped
from course_lib.errors import CourseError

if TYPE_CHECKING:
    from course_lib.recipes import RunSettings


@app.command()
def run(
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Settings to start from; `course recipes` lists them.",
            show_default="demo",
        ),
    ] = None,
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
    min_area: Annotated[
        float | None, typer.Option(help="Below 1, crops of large images cover at least this part and are resized.")
    ] = None,
    teacher_dtype: Annotated[
        str | None, typer.Option(help="Precision of the teacher's answers: float32 or float16, which halves a cache.")
    ] = None,
    decode: Annotated[
        str | None, typer.Option(help="Where images that stay on the disk are decoded: cpu or gpu.", show_default="cpu")
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
    teacher_cache: Annotated[
        str, typer.Option(help="Folder that keeps the teacher's answers for later runs; off keeps none.")
    ] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes that read images which stay on the disk.", show_default="cores - 1"),
    ] = None,
    compiles: Annotated[
        bool, typer.Option("--compile", help="Compile the networks, where a compiler is installed.")
    ] = False,
) -> None:
    """Train teacher and students, measure, write a report."""
    given = {
        "recipe": recipe,
        "data": absolute(data),
        "teacher": absolute_weights(teacher),
        "student": absolute_weights(student),
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
        "min_area": min_area,
        "teacher_dtype": teacher_dtype,
        "decode": decode,
        "skip_unreadable": skip_unreadable,
        "teacher_unseen": teacher_unseen,
    }
    if resume and out is None:
        raise CourseError("--resume goes on with a run: name its folder with --out")
    settings = _settings(given, out if resume else None)
    destination = out or free_folder(Path("runs"), settings.recipe)
    how = {"device": device, "compiles": compiles, "resume": resume, "download": download}
    habits = {"save_every_seconds": save_every, "workers": workers, "teacher_cache": teacher_cache}
    _run_and_report(settings, destination, how, habits)


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


def _run_and_report(settings: "RunSettings", destination: Path, how: dict[str, Any], habits: dict[str, Any]) -> None:
    from rich.console import Console

    from course_lib import experiment, ranks, report

    console = Console(quiet=not ranks.is_first())
    many = ranks.processes()
    command = "course" if many == 1 else f"torchrun --nproc_per_node={many} -m course_lib"
    again = f"{command} run --resume --out {shlex.quote(str(destination))}"
    with kept_when_stopped(console, again, destination) as stop:
        experiment.run(
            settings,
            destination,
            command=shlex.join(["course", *sys.argv[1:]]),
            habits=experiment.Habits(console, stop=stop, **habits),
            **how,
        )
    if not ranks.is_first():
        return
    page = report.write_report([destination])
    finished = report.load_run(destination)
    report.print_table(finished, console)
    console.print(report.verdict(finished), markup=False, highlight=False)
    console.print(f"\nThe whole report: {page}", markup=False, highlight=False)


@app.command()
def recipes() -> None:
    """List the recipes: where their settings come from, what they cost, what others found with them."""
    from course_lib.recipes import RECIPES

    for name, recipe in RECIPES.items():
        chosen = recipe.settings
        print(f"{name}: {chosen.teacher} -> {chosen.student} on {chosen.data}, arms {', '.join(chosen.arms)}")
        print(f"  source    {recipe.source}\n  cost      {recipe.cost}\n  expected  {recipe.expected}")
