"""ps4_temperature_scaling: the NLL along the temperature, its minimum, and an honest report of what it mends."""

from course_lib.questions.ps4_temperature_scaling.fit_temperature import FIT_TEMPERATURE
from course_lib.questions.ps4_temperature_scaling.nll import NLL_AT_TEMPERATURE
from course_lib.questions.ps4_temperature_scaling.nll_slope import NLL_SLOPE
from course_lib.questions.ps4_temperature_scaling.scale_and_report import SCALE_AND_REPORT
from course_lib.questions.ps4_temperature_scaling.split_indices import SPLIT_INDICES
from course_lib.questions.ps4_temperature_scaling.temperature_for_confidence import TEMPERATURE_FOR_CONFIDENCE

QUESTIONS = (
    NLL_AT_TEMPERATURE,
    NLL_SLOPE,
    FIT_TEMPERATURE,
    SPLIT_INDICES,
    SCALE_AND_REPORT,
    TEMPERATURE_FOR_CONFIDENCE,
)
