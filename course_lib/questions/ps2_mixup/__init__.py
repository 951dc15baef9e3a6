"""ps2_mixup: drawing lambdas, mixing images and labels, and what a model says between two images."""

from course_lib.questions.ps2_mixup.confusion_mass import CONFUSION_MASS
from course_lib.questions.ps2_mixup.linear_prediction import LINEAR_PREDICTION
from course_lib.questions.ps2_mixup.mix import MIX
from course_lib.questions.ps2_mixup.mix_labels import MIX_LABELS
from course_lib.questions.ps2_mixup.partial_lambdas import PARTIAL_LAMBDAS
from course_lib.questions.ps2_mixup.sample_lambdas import SAMPLE_LAMBDAS
from course_lib.questions.ps2_mixup.vicinal_nonlinearity import VICINAL_NONLINEARITY

QUESTIONS = (
    SAMPLE_LAMBDAS,
    MIX,
    MIX_LABELS,
    PARTIAL_LAMBDAS,
    LINEAR_PREDICTION,
    VICINAL_NONLINEARITY,
    CONFUSION_MASS,
)
