"""intervals: how far a number could be off, and whether two models differ at all.

``mean`` has the interval of a mean over models and images, ``ece`` that of an ECE, ``paired`` that of a difference, and
``coverage`` asks how often the second holds the truth; docs/intervals.md tells what it found.
"""

from course_lib.intervals.coverage import ece_interval_coverage
from course_lib.intervals.ece import ece_interval
from course_lib.intervals.mean import LEVEL, Interval, interval_of_mean
from course_lib.intervals.paired import ADDITIVE, BINNED, paired_difference

__all__ = [
    "ADDITIVE",
    "BINNED",
    "LEVEL",
    "Interval",
    "ece_interval",
    "ece_interval_coverage",
    "interval_of_mean",
    "paired_difference",
]
