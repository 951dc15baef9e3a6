"""training: one loop that trains any network on any supervision, and resumes bit for bit.

A step takes a batch of the epoch plan, crops it, mixes it where the arm mixes, asks the frozen teacher about the very
same images where the arm distils, and follows the gradient of the supervision. The last epoch counts; nothing is chosen
on the way. Everything random comes from the plan or, for dropout, from a seed of the step. So the state between two
steps is the weights, the optimizer's averages and a few sums, and a run that continues from it ends with the same bits
(on one machine, build and number of threads).
"""

from course_lib.training.lesson import Batch, Lesson
from course_lib.training.settings import TrainingSettings
from course_lib.training.trainer import Trainer, frozen

__all__ = ["Batch", "Lesson", "Trainer", "TrainingSettings", "frozen"]
