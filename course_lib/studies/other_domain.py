"""other-domain: the four arms on data that are no images; mixup then mixes rows of numbers."""

from dataclasses import replace

from course_lib.studies.four_arms import STUDY as FOUR_ARMS

STUDY = replace(
    FOUR_ARMS,
    name="other-domain",
    asks="Does it also hold for data that are no images, with mixup on rows of features?",
    data="tabular",
)
