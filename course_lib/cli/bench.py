"""bench: ``course bench``."""

import json
import sys
from dataclasses import replace
from typing import Annotated, Any

import typer

from course_lib.cli.app import app
from course_lib.cli.places import absolute, absolute_weights


@app.command()
def bench(
    teacher: Annotated[str | None, typer.Option(help="Network of the teacher.", show_default="resnet20")] = None,
    student: Annotated[str | None, typer.Option(help="Network of the students.", show_default="resnet8")] = None,
    data: Annotated[
        str | None, typer.Option(help="As for `course run`, or noise of CIFAR's shape.", show_default="noise")
    ] = None,
    arms: Annotated[str | None, typer.Option(help="Comma-separated.", show_default="ce,mixup,kd,mixup_kd")] = None,
    temperature: Annotated[float, typer.Option(help="Distillation temperature.")] = 4.0,
    batch_size: Annotated[int | None, typer.Option(help="Images in a step.", show_default="128")] = None,
    image_size: Annotated[int | None, typer.Option(help="Pixels on a side of what networks see.")] = None,
    limit: Annotated[int | None, typer.Option(help="Training images to use.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    seconds: Annotated[float, typer.Option(min=1, help="About how long it takes.")] = 40.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print numbers for a program.")] = False,
) -> None:
    """Measure how fast a step is, where its time goes, and what this machine would allow."""
    from rich.console import Console

    from course_lib import bench as benches

    given: dict[str, Any] = {
        "teacher": absolute_weights(teacher),
        "student": absolute_weights(student),
        "data": absolute(data),
        "arms": tuple(arms.replace(" ", "").split(",")) if arms is not None else None,
        "temperatures": (temperature,),
        "batch_size": batch_size,
        "image_size": image_size,
        "limit": limit,
    }
    settings = replace(benches.DEFAULTS, **{name: value for name, value in given.items() if value is not None})
    telling = Console(file=sys.stderr, quiet=as_json)
    found = benches.bench(
        settings,
        device=device,
        seconds=seconds,
        on_progress=lambda doing: telling.print(f"{doing} ...", markup=False, highlight=False),
    )
    if as_json:
        print(json.dumps(found.as_json()))
    else:
        benches.print_bench(found, Console())
