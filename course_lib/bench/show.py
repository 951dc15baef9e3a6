"""show: a benchmark as tables that a person reads."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_lib.bench.bound import BEATABLE
from course_lib.bench.clock import Seconds
from course_lib.bench.machine import Ceiling
from course_lib.bench.record import Bench

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NONE = "-"
PREFIXES = {1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k", 1.0: ""}
READING = (
    "Medians over {repeats} repeats, with quartiles; see `course_lib.bench.step` for how they are taken.\n"
    "data: saved when the batch is there already. teacher: saved without one. cached: the step with the teacher's\n"
    "logits at hand. Least times: what each ceiling alone would allow; bound: the ceiling that binds, and the share\n"
    "of it that the step reaches. Bytes are counted as if no cache helped."
)


def print_bench(bench: Bench, console: "Console") -> None:
    """Print what was measured, on what, and what was not.

    Args:
        bench: The benchmark.
        console: Where it is printed; tables fold below 80 columns.
    """
    for line in _heading(bench):
        console.print(line, markup=False, highlight=False)
    for table in (_steps(bench), _bounds(bench), _ceilings(bench.ceilings)):
        console.print()
        console.print(table)
    console.print()
    repeats = sorted({times.whole.repeats for times in bench.arms.values()})
    lines = [
        READING.format(repeats=" or ".join(map(str, repeats))),
        *_beaten(bench),
        *bench.not_measured,
        *bench.unsteady,
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False)


def _heading(bench: Bench) -> list[str]:
    machine, settings = bench.machine, bench.settings
    gpu = "" if machine["gpu_memory_gb"] is None else f"{machine['device']}, {machine['gpu_memory_gb']:.0f} GiB; "
    pair = f"{settings.teacher} -> {settings.student}" if settings.needs_teacher else settings.student
    shape = " x ".join(map(str, bench.shape))
    return [
        f"{gpu}{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads, "
        f"{machine['memory_gb']:.0f} GiB, torch {machine['torch']}",
        f"{pair}, batches of {settings.batch_size} {settings.data} images of {shape}, {bench.num_classes} classes",
    ]


def _steps(bench: Bench) -> "Table":
    rows = [
        [
            arm,
            f"{bench.images_per_second(arm):,.0f}",
            spread(times.whole),
            _percent(times.data_share),
            _percent(times.teacher_share),
            NONE if times.cached is None else spread(times.cached),
        ]
        for arm, times in bench.arms.items()
    ]
    return _table("A step", ["arm", "images/s", "step, ms", "data", "teacher", "cached, ms"], rows)


def _bounds(bench: Bench) -> "Table":
    bounds = {arm: bench.bound(arm) for arm in bench.arms}
    rows = [
        [
            arm,
            *(_milliseconds(bound.least_seconds.get(name)) for name in bench.ceilings),
            f"{bound.binding}, {_percent(bound.achieved)}",
        ]
        for arm, bound in bounds.items()
    ]
    return _table("What the machine would allow: least ms of a step", ["arm", *bench.ceilings, "bound"], rows)


def _ceilings(ceilings: Mapping[str, Ceiling | None]) -> "Table":
    rows = [
        [name, "not measured", ""] if ceiling is None else [name, _rate(ceiling), ceiling.how]
        for name, ceiling in ceilings.items()
    ]
    return _table("Ceilings, the best of several repeats", ["", "at most", "measured by"], rows)


def _beaten(bench: Bench) -> Iterable[str]:
    for name, why in BEATABLE.items():
        arms = [arm for arm in bench.arms if name in bench.bound(arm).beaten]
        if arms:
            yield f"{name}: beaten by {', '.join(arms)}, so {why}, and it does not bind."


def spread(seconds: Seconds) -> str:
    """Median and quartiles in milliseconds.

    Example:
        >>> spread(Seconds((0.010, 0.011, 0.012), calls=1))
        '11.0 (10.5-11.5)'
    """
    median, low, high = (_milliseconds(value) for value in (seconds.median, seconds.low, seconds.high))
    return f"{median} ({low}-{high})"


def _milliseconds(seconds: float | None) -> str:
    return NONE if seconds is None else f"{1000 * seconds:.3g}" if seconds < 0.01 else f"{1000 * seconds:,.1f}"


def _percent(share: float | None) -> str:
    return NONE if share is None else f"{100 * share:.0f} %"


def _rate(ceiling: Ceiling) -> str:
    """A rate with the prefix that leaves it between 1 and 1000, where there is one."""
    scale = next((scale for scale in PREFIXES if ceiling.rate >= scale), 1.0)
    return f"{ceiling.rate / scale:.3g} {PREFIXES[scale]}{ceiling.unit}"


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False)
    for column in columns:
        table.add_column(column, justify="left" if column in ("", "arm", "measured by") else "right")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
