"""ps3_calibration: confidence and correctness, bins, the calibration errors, and the scores that see more."""

from course_lib.questions.ps3_calibration.adaptive_ece import ADAPTIVE_ECE
from course_lib.questions.ps3_calibration.bin_index import BIN_INDEX
from course_lib.questions.ps3_calibration.confidence import CONFIDENCE_AND_CORRECT, SIGNED_GAP
from course_lib.questions.ps3_calibration.errors_of_bins import EXPECTED_CALIBRATION_ERROR, OVERCONFIDENCE_ERROR
from course_lib.questions.ps3_calibration.reliability_bins import RELIABILITY_BINS
from course_lib.questions.ps3_calibration.scores import BRIER_SCORE, NEGATIVE_LOG_LIKELIHOOD

QUESTIONS = (
    CONFIDENCE_AND_CORRECT,
    BIN_INDEX,
    RELIABILITY_BINS,
    EXPECTED_CALIBRATION_ERROR,
    SIGNED_GAP,
    OVERCONFIDENCE_ERROR,
    NEGATIVE_LOG_LIKELIHOOD,
    BRIER_SCORE,
    ADAPTIVE_ECE,
)
