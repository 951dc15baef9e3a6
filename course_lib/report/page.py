"""page: one HTML file that opens offline, from one run or several.

Pictures and styles are inside, nothing is loaded from anywhere. Class names and paths come from whoever made the data,
so everything is escaped. The same run folders give the same bytes.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.calibration import N_BINS
from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.plots import look_of
from course_lib.report.comparisons import COMPARED, Comparison, comparisons
from course_lib.report.ece import EceInterval, ece_intervals, why_not_shown
from course_lib.report.facts import facts, total_seconds, training_times
from course_lib.report.figures import pictures
from course_lib.report.limits import limits
from course_lib.report.run import Run, headline, load_run, name_of
from course_lib.report.tables import AFTER_SCALING, AS_TRAINED, COLUMNS, Row, arm_table, full_table, sample_of
from course_lib.report.verdict import QUESTION, WORDS, findings

TEMPLATES = Path(__file__).parent.parent / "templates"
READINGS = {
    "reliability": (
        "Reliability",
        "On the diagonal a model is right as often as it is sure; below it is overconfident, above underconfident. "
        "Larger points stand for more answers (seeds pooled), hollow ones for so few that chance moves them.",
    ),
    "accuracy_against_gap": (
        "Accuracy and honesty",
        "Small points are students; large ones are an arm's mean with its standard deviation over seeds, hollow ones "
        "other distillation temperatures. A gap of 0 says that claims and results agree on average, not at every "
        "confidence.",
    ),
    "confidence_histograms": (
        "Confidence",
        "Where the dotted line (mean confidence) stands right of the solid one (accuracy), the models claim too much; "
        "left of it, too little.",
    ),
    "learning_curves": (
        "Learning",
        "Lines are means over seeds, bands reach from the worst seed to the best. The axes fit the last three quarters "
        "of the epochs; what is earlier may lie outside. Nothing was chosen by these curves: the last epoch counts.",
    ),
}


@dataclass(frozen=True)
class Chapter:
    """Everything that the page says of one run.

    Attributes:
        title: The name of its folder.
        run: The run.
        rows: Its headline table.
        every: Its rows at every distillation temperature.
        ece_intervals: By the name of the row.
        ece_note: Why some are missing; empty where none is.
        differences: Pair of arms to (scaling, measure) to comparison.
        findings: What the numbers show, in sentences; the first is the short answer.
        limits: What they do not.
        facts: What was run, by heading.
        images: By name: a PNG and its alt text.
    """

    title: str
    run: Run
    rows: list[Row]
    every: list[Row]
    ece_intervals: dict[str, EceInterval]
    ece_note: str
    differences: dict[tuple[str, str], dict[tuple[str, str], Comparison]]
    findings: list[str]
    limits: list[str]
    facts: dict[str, str]
    images: dict[str, tuple[bytes, str]]

    @classmethod
    def of(cls, run: Run, title: str) -> "Chapter":
        """Compute, draw and word everything."""
        compared, intervals = comparisons(run), ece_intervals(run)
        differences: dict[tuple[str, str], dict[tuple[str, str], Comparison]] = {}
        for each in compared:
            differences.setdefault((each.first, each.second), {})[each.scaling, each.measure] = each
        return cls(
            title,
            run,
            arm_table(run),
            full_table(run),
            intervals,
            why_not_shown(list(intervals.values())),
            differences,
            findings(run, compared),
            limits(run, compared),
            facts(run),
            {name: (picture.png(), picture.alt) for name, picture in pictures(run).items()},
        )

    def named(self, arm: str) -> str:
        """An arm with the distillation temperature at which it is reported."""
        return name_of(arm, headline(self.run)[arm])


def write_report(run_folders: Sequence[Path], destination: Path | None = None) -> Path:
    """Render one page from finished runs, and the figures of each into its folder.

    Args:
        run_folders: At least one; several are set side by side under the same headings.
        destination: Where the page goes; by default ``report.html`` in the folder of the run. It must be named for
            several runs.

    Returns:
        Where the page is.

    Raises:
        CourseError: If a folder holds no finished run, or several runs are given without a destination.
        OSError: If the page cannot be written.
    """
    if destination is None and len(run_folders) != 1:
        raise CourseError("several runs share one page: say where it goes, such as --out comparison.html")
    runs = [load_run(folder) for folder in run_folders]
    chapters = [Chapter.of(run, title) for run, title in zip(runs, _titles(run_folders), strict=True)]
    for chapter in chapters:
        for name, (image, _) in chapter.images.items():
            write_atomically(chapter.run.folder / "figures" / f"{name}.png", image)
    place = destination or run_folders[0] / "report.html"
    write_atomically(place, render(chapters))
    return place


def render(chapters: Sequence[Chapter]) -> str:
    """The page as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["typeset"] = _typeset
    environment.filters["as_data"] = lambda image: f"data:image/png;base64,{base64.b64encode(image).decode()}"
    return environment.get_template("report.html").render(
        chapters=chapters,
        question=QUESTION,
        readings=READINGS,
        look_of=look_of,
        columns=COLUMNS,
        as_trained=AS_TRAINED,
        after_scaling=AFTER_SCALING,
        compared=[(scaling, measure) for scaling, measures in COMPARED.items() for measure in measures],
        words=WORDS,
        n_bins=N_BINS,
        sample_of=sample_of,
        training_times=training_times,
        total_seconds=total_seconds,
    )


def _typeset(text: str) -> str:
    """Minus signs before numbers instead of hyphens, and no line break inside ``T = 2`` or ``0.4 %``."""
    with_minus = re.sub(r"(?<![\w.])-(?=\d)", "\N{MINUS SIGN}", text)
    return re.sub(r"T = (?=\d)|(?<=\d) %", lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), with_minus)


def _titles(folders: Sequence[Path]) -> list[str]:
    """The folders' names; their whole paths where two names are the same."""
    names = [folder.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]
