"""ps2_mixup: drawing lambdas, mixing images and labels, and what a model says between two images."""

from course_lib.questions.ps2_mixup.confusion_mass import CONFUSION_MASS
from course_lib.questions.ps2_mixup.lambdas import PARTIAL_LAMBDAS, SAMPLE_LAMBDAS
from course_lib.questions.ps2_mixup.linearity import LINEAR_PREDICTION, VICINAL_NONLINEARITY
from course_lib.questions.ps2_mixup.mix import MIX
from course_lib.questions.ps2_mixup.mix_labels import MIX_LABELS

QUESTIONS = (
    SAMPLE_LAMBDAS,
    MIX,
    MIX_LABELS,
    PARTIAL_LAMBDAS,
    LINEAR_PREDICTION,
    VICINAL_NONLINEARITY,
    CONFUSION_MASS,
)
