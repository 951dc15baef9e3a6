"""show: studies and their findings, as people read them in a terminal."""

from rich import box
from rich.console import Console
from rich.table import Table

from course_lib import results
from course_lib.claims import CLAIMS, shown
from course_lib.results import Result
from course_lib.studies import STUDIES


def print_list(console: Console) -> None:
    """What each study asks, which claim it tests, and what it cost where it was run for us."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for column in ("study", "asks", "claims", "--scale full took"):
        table.add_column(column, no_wrap=column == "study")
    costs = _costs()
    for study in STUDIES.values():
        table.add_row(study.name, study.asks, ", ".join(study.claims) or "left open", costs.get(study.name, "not run"))
    console.print(table)
    console.print(
        "--scale small takes less than 3 minutes on digits. Costs are those of the results that came with the library, "
        "on the machines that their manifests name.",
        highlight=False,
    )


def _costs() -> dict[str, str]:
    """What the shipped results took, by study."""
    found: dict[str, list[str]] = {}
    for name in results.names():
        manifest = results.load(name).manifest
        found.setdefault(manifest["study"], []).append(f"{manifest['data']}: {minutes(manifest['seconds'])}")
    return {study: ", ".join(costs) for study, costs in found.items()}


def minutes(seconds: float) -> str:
    """A duration as people say it.

    Example:
        >>> minutes(42.4), minutes(200)
        ('42 s', '3.3 min')
    """
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def print_findings(found: Result, console: Console) -> None:
    """The evidence of a study, and where its tables lie."""
    if "evidence" in found.tables:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
        for column in ("claim", "what was measured", "predicted", "found, with 95 % interval", "speaks"):
            table.add_column(column)
        for row in found.table("evidence"):
            title = CLAIMS[str(row["claim"])].title
            table.add_row(
                f"{row['claim']}: {title}", str(row["says"]), str(row["predicted"]), shown(row), str(row["finding"])
            )
        console.print(table)
    tables = ", ".join(f"{name}.csv" for name in found.tables)
    console.print(f"Tables in {found.folder}: {tables}", markup=False, highlight=False)
