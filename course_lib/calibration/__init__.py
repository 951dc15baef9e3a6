"""calibration: reliability bins and every calibration number.

``top_label`` has ECE and its relatives, ``groups`` the same for classes and for bins of lambda. ``equal_mass``,
``classwise`` and ``smooth`` have the other errors that are called ECE. ``measures`` and ``variants`` compute all of
them, in one pass each. docs/calibration.md compares them.
"""

from course_lib.calibration.classwise import classwise_ece
from course_lib.calibration.equal_mass import adaptive_ece, debiased_l2, equal_mass_index
from course_lib.calibration.groups import GroupReliability, by_group
from course_lib.calibration.measures import Measures, measure
from course_lib.calibration.smooth import smooth_ece
from course_lib.calibration.top_label import (
    N_BINS,
    ReliabilityBins,
    bin_index,
    expected_calibration_error,
    maximum_calibration_error,
    overconfidence_error,
    reliability_bins,
    signed_gap,
)
from course_lib.calibration.variants import Variants, measure_variants

__all__ = [
    "N_BINS",
    "GroupReliability",
    "Measures",
    "ReliabilityBins",
    "Variants",
    "adaptive_ece",
    "bin_index",
    "by_group",
    "classwise_ece",
    "debiased_l2",
    "equal_mass_index",
    "expected_calibration_error",
    "maximum_calibration_error",
    "measure",
    "measure_variants",
    "overconfidence_error",
    "reliability_bins",
    "signed_gap",
    "smooth_ece",
]
