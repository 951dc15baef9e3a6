"""learn: ``course start``."""

from pathlib import Path
from typing import Annotated

import typer

from course_lib.cli.app import app
from course_lib.errors import CourseError, unknown

RELEASED = Path(__file__).parent.parent.parent / "exercises"


@app.command()
def start(
    assignment: Annotated[
        str | None, typer.Argument(help="Such as ps1_dark_knowledge.", show_default="list them")
    ] = None,
    work: Annotated[Path, typer.Option(help="Where your copies are.")] = Path("work"),
) -> None:
    """Copy an exercise to work/, where you solve it; a copy that is there is never overwritten."""
    from course_lib.files import write_atomically

    released = sorted(path.parent.name for path in RELEASED.glob("*/*.ipynb"))
    if not released:
        raise CourseError(f"there are no exercises in {RELEASED}: they come with a checkout of the course")
    if assignment is None:
        print("\n".join(released))
        return
    name = next((each for each in released if assignment in (each, each.split("_")[0])), None)
    if name is None:
        raise unknown("assignment", assignment, released)
    copy = work / name / f"{name}.ipynb"
    if copy.exists():
        print(f"{copy} is there already, and stays as it is. Open it with  jupyter lab {copy}")
        return
    write_atomically(copy, (RELEASED / name / f"{name}.ipynb").read_bytes())
    print(f"Your copy: {copy}. Open it with  jupyter lab {copy}")
