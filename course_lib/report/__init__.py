"""report: a finished run folder to tables, a verdict in words, and one HTML page."""

from course_lib.report.comparisons import Comparison, comparisons
from course_lib.report.console import print_table
from course_lib.report.page import write_report
from course_lib.report.run import Run, headline, load_run
from course_lib.report.tables import Row, Spread, arm_table, full_table
from course_lib.report.verdict import verdict

__all__ = [
    "Comparison",
    "Row",
    "Run",
    "Spread",
    "arm_table",
    "comparisons",
    "full_table",
    "headline",
    "load_run",
    "print_table",
    "verdict",
    "write_report",
]
