"""console: the headline table in a terminal."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from course_lib.report.run import Run
from course_lib.report.tables import AFTER_SCALING, AS_TRAINED, Column, Row, Spread, arm_table, sample_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_table(run: Run, console: "Console") -> None:
    """Print the headline table as trained, and after temperature scaling.

    Where the console is too narrow for one line a row, standard deviations go below their means.
    """
    from rich.measure import Measurement

    room = console.options.update(max_width=10_000)
    tables = _console_tables(run, joint="")
    if max(Measurement.get(console, room, table).maximum for table in tables) > console.width:
        tables = _console_tables(run, joint="\n")
    for table in tables:
        console.print(table)
        console.print()
    console.print(f"{sample_of(run)}. Distilling arms: the T with the lowest calib NLL.", highlight=False, markup=False)


def _console_tables(run: Run, joint: str) -> list["Table"]:
    """As trained and after scaling; ``joint`` stands between a mean and its deviation."""
    rows = arm_table(run)
    return [
        _console_table("As trained", rows, lambda row: row.as_trained, AS_TRAINED, joint),
        _console_table(
            "After temperature scaling (accuracy stays)", rows, lambda row: row.scaled, AFTER_SCALING, joint
        ),
    ]


def _console_table(
    title: str,
    rows: Sequence[Row],
    values: Callable[[Row], Mapping[str, Spread] | None],
    columns: Sequence[Column],
    joint: str,
) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1 if joint else 0, 0, 0),
    )
    table.add_column("", no_wrap=True)
    for column in columns:
        heading = column.heading.replace(" ", "\n") if len(column.heading) > 8 else column.heading
        table.add_column(heading, justify="right", no_wrap=not joint)
    for row in rows:
        spreads = values(row)
        cells = ["" if spreads is None else column.cell(spreads[column.measure], joint) for column in columns]
        table.add_row(*map(Text, [row.name, *cells]))
    return table
