"""ps5_mixup_distillation: a student that learns from a teacher on mixed images, and what passes on to it."""

from course_lib.questions.ps5_mixup_distillation.calibration_transfer import CALIBRATION_TRANSFER
from course_lib.questions.ps5_mixup_distillation.dial_teacher import DIAL_TEACHER
from course_lib.questions.ps5_mixup_distillation.linearity_gain import LINEARITY_GAIN
from course_lib.questions.ps5_mixup_distillation.mixup_distillation_loss import MIXUP_DISTILLATION_LOSS
from course_lib.questions.ps5_mixup_distillation.pareto_front import PARETO_FRONT
from course_lib.questions.ps5_mixup_distillation.training_step import TRAINING_STEP

QUESTIONS = (
    MIXUP_DISTILLATION_LOSS,
    TRAINING_STEP,
    DIAL_TEACHER,
    LINEARITY_GAIN,
    CALIBRATION_TRANSFER,
    PARETO_FRONT,
)
