"""grading: ``course collect``, ``course grade`` and ``course regrade``, for teachers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from course_lib.cli.app import app
from course_lib.errors import CourseError
from course_lib.files import copy_atomically, remove_unfinished

if TYPE_CHECKING:
    from course_lib.grading.classroom import Graded, Pace
    from course_lib.grading.course_folder import Course
    from course_lib.grading.regrade import Regraded

Assignment = Annotated[str, typer.Argument(help="Such as ps1_dark_knowledge, or ps1.", show_default=False)]
Jobs = Annotated[int | None, typer.Option(min=1, help="Submissions judged at a time.", show_default="cores")]
Dask = Annotated[str | None, typer.Option(help="Judge on the Dask cluster whose scheduler is here.")]
Seed = Annotated[
    int | None, typer.Option(min=1, help="Of the cases, from now on.", show_default="drawn once, and kept")
]
Unsafe = Annotated[bool, typer.Option("--unsafe-no-jail", help="Run learners' code as you; every report then says so.")]


@app.command()
def collect(
    assignment: Assignment,
    archives: Annotated[list[Path] | None, typer.Argument(help="Zips from the learning platform.")] = None,
    platform: Annotated[
        str, typer.Option(help="moodle, canvas or plain: whose file names.", show_default="guessed")
    ] = "auto",
) -> None:
    """Bring zips from a learning platform to submitted/."""
    from course_lib.grading.course_folder import Course, assignment_named
    from course_lib.grading.gradebook import Nbgrader
    from course_lib.grading.owners import OWNERS
    from course_lib.grading.submission import in_a_line

    if platform not in ("auto", *OWNERS):
        raise CourseError(f"no platform is called {platform!r}. Known: {', '.join(OWNERS)}")
    course, name = Course.here(), assignment_named(assignment)
    folder = course.root / "downloaded" / name / "archive"
    _keep_archives(archives or [], folder)
    remove_unfinished(folder)
    for line in Nbgrader(course).collect(name, platform):
        print(in_a_line(line, 2000))
    students = course.students(name)
    print(f"submitted/ has {_of(len(students), 'submission')} of {name}. Next:  course grade {assignment}")


@app.command()
def grade(
    assignment: Assignment,
    jobs: Jobs = None,
    dask: Dask = None,
    seed: Seed = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what was graded and did not change.")] = False,
    unsafe_no_jail: Unsafe = False,
) -> None:
    """Grade a class: submitted/ to graded/ and the gradebook."""
    from course_lib.grading import classroom
    from course_lib.grading.course_folder import Course, assignment_named
    from course_lib.grading.gradebook import Nbgrader
    from course_lib.grading.lock import alone
    from course_lib.grading.terms import Terms

    course, name = Course.here(), assignment_named(assignment)
    nbgrader = Nbgrader(course)
    terms = Terms(course.seed() if seed is None else seed, not unsafe_no_jail, nbgrader.library_answers)
    with alone(course), _pace(jobs, dask, everything=everything) as pace:
        graded = classroom.grade(course, name, terms, pace, nbgrader)
    _print_graded(course, name, graded)


@app.command()
def regrade(
    assignment: Assignment,
    write: Annotated[bool, typer.Option("--write", help="Write it; without, nothing is.")] = False,
    jobs: Jobs = None,
    dask: Dask = None,
    seed: Annotated[int | None, typer.Option(min=1, help="Of the cases.", show_default="the course's")] = None,
    unsafe_no_jail: Unsafe = False,
) -> None:
    """After a question was mended: who gains, who loses and why, before anything is written."""
    from course_lib.grading import regrade as again
    from course_lib.grading.course_folder import Course, assignment_named
    from course_lib.grading.gradebook import Nbgrader
    from course_lib.grading.lock import alone
    from course_lib.grading.terms import Terms

    course, name = Course.here(), assignment_named(assignment)
    nbgrader = Nbgrader(course)
    terms = Terms(course.seed() if seed is None else seed, not unsafe_no_jail, nbgrader.library_answers)
    with alone(course) if write else nullcontext():
        with _pace(jobs, dask, everything=True) as pace:
            regraded = again.regrade(course, name, terms, pace, nbgrader)
        _print_changes(regraded)
        if not write:
            print("Nothing was written. With --write it is.")
            raise typer.Exit(1 if regraded.trouble else 0)
        with _pace(None, None, everything=True) as pace:  # of nbgrader alone, which has no pool
            graded = again.write(course, name, regraded, terms, pace, nbgrader)
    _print_graded(course, name, graded)


def _keep_archives(archives: Sequence[Path], folder: Path) -> None:
    """Copy archives to where they are collected from, in this order.

    Raises:
        CourseError: If there is none, or two would lie in one place.
    """
    for archive in archives:
        if not archive.is_file():
            raise CourseError(f"there is no archive {archive}")
        if sum(other.name == archive.name for other in archives) > 1:
            raise CourseError(f"two archives are called {archive.name}, and one would replace the other: rename one")
    if not archives and not folder.is_dir():
        raise CourseError(f"name an archive, or put it into {folder}")
    for archive in archives:
        if archive.resolve().parent != folder.resolve():
            copy_atomically(archive, folder / archive.name)


@contextmanager
def _pace(jobs: int | None, dask: str | None, *, everything: bool) -> Iterator["Pace"]:
    """How to go on, with a bar that moves."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from course_lib.grading.classroom import Pace
    from course_lib.grading.pools import cluster, cores, processes

    if dask and jobs:
        raise CourseError("--jobs is for this machine; a cluster judges as many at a time as it has workers")
    columns = TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def begin(what: str, number: int) -> None:
            if number:
                progress.add_task(what, total=number)

        def step() -> None:
            progress.advance(progress.task_ids[-1])

        pool_of = cluster(dask) if dask else processes
        yield Pace(jobs or cores(), pool_of, everything, begin, step)


def _print_graded(course: "Course", assignment: str, graded: "Graded") -> None:
    """What was done, and where to look.

    Raises:
        Exit: With code 1 if a submission has no score.
    """
    from course_lib.grading.attention import attention_of
    from course_lib.grading.people import people_of

    print(f"{_of(graded.judged, 'submission')} judged, {_of(graded.recorded, 'score')} written to the gradebook.")
    if not all(report.isolated for report in graded.reports.values()):
        print("NOT ISOLATED: learners' code ran as you.")
    attention = attention_of(graded.reports, graded.trouble, people_of(course, assignment))
    needs = f", where {_of(len(attention), 'submission')} need{'s' * (len(attention) == 1)} a person" * bool(attention)
    print(f"The class: {course.class_page(assignment).relative_to(course.root)}{needs}")
    for student, reason in graded.trouble.items():
        print(f"no score for {student}: {reason}")
    if graded.trouble:
        raise typer.Exit(1)


def _print_changes(regraded: "Regraded") -> None:
    """Who gains or loses."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    gain = {change.student for change in regraded.changes if change.after > change.before}
    lose = {change.student for change in regraded.changes if change.after < change.before}
    print(f"{len(gain)} gain, {len(lose)} lose; {_of(regraded.same, 'report')} would stay the same, byte for byte.")
    if regraded.changes:
        table = Table(box=None, title_justify="left")
        for column, justify in (("student", "left"), ("question", "left"), ("points", "right"), ("why", "left")):
            table.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
        for change in regraded.changes:
            points = f"{change.before} to {change.after}"
            table.add_row(*map(_as_it_is, (change.student, change.question, points, change.why)))
        console.print(table)
    for student, reason in regraded.trouble.items():
        print(f"left out: {student}: {reason}")


def _as_it_is(text: str) -> str:
    """Text in which the console sees no markup."""
    from rich.markup import escape

    return escape(text)


def _of(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
