"""ps1_dark_knowledge: softmax at a temperature, what soft labels know, the loss that learns from them."""

from course_lib.questions.ps1_dark_knowledge.distillation_gradient import DISTILLATION_GRADIENT
from course_lib.questions.ps1_dark_knowledge.distillation_loss import DISTILLATION_LOSS
from course_lib.questions.ps1_dark_knowledge.entropy import ENTROPY
from course_lib.questions.ps1_dark_knowledge.flatten import FLATTEN_DARK_KNOWLEDGE
from course_lib.questions.ps1_dark_knowledge.share import DARK_KNOWLEDGE_SHARE
from course_lib.questions.ps1_dark_knowledge.soft_cross_entropy import SOFT_CROSS_ENTROPY
from course_lib.questions.ps1_dark_knowledge.softmax import SOFTMAX_WITH_TEMPERATURE

QUESTIONS = (
    SOFTMAX_WITH_TEMPERATURE,
    ENTROPY,
    SOFT_CROSS_ENTROPY,
    DISTILLATION_LOSS,
    DISTILLATION_GRADIENT,
    DARK_KNOWLEDGE_SHARE,
    FLATTEN_DARK_KNOWLEDGE,
)
