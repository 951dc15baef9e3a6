"""data: ``course data pack``."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from course_lib.cli.app import STOPPED, app
from course_lib.cli.places import absolute
from course_lib.cli.stopping import asked_to_stop
from course_lib.errors import CourseError

PLAIN: dict[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}
data = typer.Typer(help="Prepare data sets.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data, name="data")


@data.callback()
def _prepare() -> None:
    """Prepare data sets."""


@data.command()
def pack(
    source: Annotated[str, typer.Argument(help="A folder with train/ and test/ or val/, or its name in COURSE_DATA.")],
    destination: Annotated[Path, typer.Argument(help="Folder of the pack; the same command goes on with it.")],
    size: Annotated[int, typer.Option(min=1, help="Pixels on a side: 256 for networks that see 224.")] = 256,
    form: Annotated[str, typer.Option("--format", help="raw: pixels; jpeg: re-encoded, a sixth as large.")] = "raw",
    shard_images: Annotated[int, typer.Option(min=1, help="Images in each file.")] = 1024,
    skip_unreadable: Annotated[bool, typer.Option("--skip-unreadable", help="Leave out damaged images.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads that decode.", show_default="cores")] = None,
) -> None:
    """Pack a folder of images into a few large files, from which training reads several times faster."""
    from rich.console import Console
    from rich.progress import Progress

    from course_lib.data.pack import pack

    if form not in ("raw", "jpeg"):
        raise CourseError(f"unknown format {form!r}: choose raw or jpeg")
    console = Console()
    with asked_to_stop() as stop, Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("packing", total=None)
        result = pack(
            absolute(source) or source,
            destination,
            size=size,
            kind=form,
            shard_images=shard_images,
            skip_unreadable=skip_unreadable,
            workers=workers,
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
            stop=stop,
        )
    if not result.pack.complete:
        again = result.pack.command(destination)
        done = f"{result.done:,} of {result.total:,} images"
        console.print(f"Stopped; {done} are packed. Go on with\n  {again}", **PLAIN)
        raise typer.Exit(STOPPED)
    for name in result.pack.skipped:
        console.print(f"left out, unreadable: {name}", **PLAIN)
    done = "are packed" if result.shards_written else "were packed already, and all are whole"
    use = f"course run --data {shlex.quote(str(destination.resolve()))}"
    console.print(f"{result.total:,} images {done}. Use them with\n  {use}", **PLAIN)
