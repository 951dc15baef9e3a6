"""studies: every claim of the paper as an experiment, on any data; one short file per study.

A study is a set of runs and what is read off them. ``conduct`` runs one into a folder; what it finds is small enough to
be shipped, and lies in ``course_lib/results`` for the data that ours were run on.
"""

from course_lib.errors import unknown
from course_lib.studies import (
    calibration_transfer,
    dark_knowledge,
    four_arms,
    geometry,
    linearity,
    mismatch,
    other_domain,
    overhead,
    post_hoc,
    temperature_tradeoff,
)
from course_lib.studies.conduct import conduct
from course_lib.studies.scale import SCALES, settings_of
from course_lib.studies.study import Findings, Study

__all__ = ["SCALES", "STUDIES", "Findings", "Study", "conduct", "find", "settings_of"]

STUDIES = {
    module.STUDY.name: module.STUDY
    for module in (
        four_arms,
        mismatch,
        linearity,
        calibration_transfer,
        temperature_tradeoff,
        geometry,
        dark_knowledge,
        overhead,
        post_hoc,
        other_domain,
    )
}


def find(name: str) -> Study:
    """The study of a name.

    Raises:
        CourseError: If there is none; the message names the nearest.
    """
    if name not in STUDIES:
        raise unknown("study", name, STUDIES)
    return STUDIES[name]
