"""learn: ``course lab``, ``course start`` and ``course progress``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from course_lib.cli.app import app
from course_lib.errors import CourseError, unknown

CHECKOUT = Path(__file__).resolve().parent.parent.parent
RELEASED = CHECKOUT / "exercises"
FIRST = "notebooks/00_start_here.ipynb"


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    browser: Annotated[bool, typer.Option(help="Open a browser; without, the address is printed.")] = True,
) -> None:
    """Open JupyterLab at the first lesson, or at a notebook that is named; other options go to jupyter lab."""
    import os
    import sys

    if not (CHECKOUT / FIRST).is_file():
        raise CourseError(f"there are no lessons in {CHECKOUT / 'notebooks'}: they come with a checkout of the course")
    named = [each for each in context.args if each.endswith(".ipynb")]
    others = [each for each in context.args if each not in named]
    place = FIRST
    for notebook in named:
        if not (path := Path(notebook).resolve()).is_file():
            raise CourseError(f"there is no notebook {notebook}")
        if not path.is_relative_to(CHECKOUT):
            raise CourseError(
                f"{notebook} is outside of the course in {CHECKOUT}: open it with  jupyter lab {notebook}"
            )
        place = path.relative_to(CHECKOUT).as_posix()
    # without bytecode every start of a kernel compiles torch again, which takes seconds
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.chdir(CHECKOUT)
    # a notebook named to jupyter itself would make its folder the root, and the rest of the course would lie outside
    options = [f"--LabApp.default_url=/lab/tree/{place}", *([] if browser else ["--no-browser"]), *others]
    os.execv(sys.executable, [sys.executable, "-m", "jupyter", "lab", *options])


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
        print(f"{copy} is there already, and stays as it is. Open it with  {_opens(copy)}")
        return
    write_atomically(copy, (RELEASED / name / f"{name}.ipynb").read_bytes())
    print(f"Your copy: {copy}. Open it with  {_opens(copy)}")


def _opens(copy: Path) -> str:
    """The command that opens a copy; from within the course, so that its links lead somewhere, where it lies there."""
    return f"{'course' if copy.resolve().is_relative_to(CHECKOUT) else 'jupyter'} lab {copy}"


@app.command()
def progress(work: Annotated[Path, typer.Option(help="Where your copies are.")] = Path("work")) -> None:
    """List the points of your copies in work/, as their check cells showed them when they were saved."""
    copies = sorted(path for path in work.glob("*/*.ipynb") if not path.parent.name.startswith("."))
    if not copies:
        raise CourseError(f"there are no notebooks in {work}: begin with  course start ps1")
    for path in copies:
        try:
            earned, possible, waiting, by_hand = _points(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            print(f"{path.stem:26}cannot be read ({type(error).__name__}): save it in JupyterLab again, or start anew")
            continue
        taught = f" ({by_hand:g} of them from a teacher)" if by_hand else ""
        left = f", {waiting} to be checked" if waiting else ""
        print(f"{path.stem:26}{earned:3g} of {possible:g} points{taught}{left}")
    print("These are the points of the last save; course check NOTEBOOK runs one again from its start.")


def _points(path: Path) -> tuple[float, float, int, float]:
    """Points that check cells show, points that there are, check cells without a verdict, points that people give."""
    import json

    earned, possible, waiting, by_hand = 0.0, 0.0, 0, 0.0
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        grading = cell["metadata"].get("nbgrader", {})
        if not grading.get("grade"):
            continue
        possible += grading["points"]
        if cell["cell_type"] != "code":
            by_hand += grading["points"]
            continue
        verdict = _verdict(cell.get("outputs", []), grading["points"])
        earned += verdict or 0.0
        waiting += verdict is None
    return earned, possible, waiting, by_hand


def _verdict(outputs: list[dict[str, Any]], points: float) -> float | None:
    """What the last result of a check cell says, whatever was displayed beside it; none if that is no verdict."""
    results = [output["data"] for output in outputs if output["output_type"] == "execute_result"]
    try:
        earned = float("".join(results[-1]["text/plain"]))
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    return earned if 0 <= earned <= points else None
