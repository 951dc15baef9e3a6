"""plots: values to figures, each with a sentence that says what it shows.

Every function returns a ``Picture``: a matplotlib figure that no global state knows of, and its alt text made from the
same values. Nothing is read from disk here and nothing is shown; ``save`` writes a PNG.
"""

from course_lib.plots.honesty import Students, accuracy_against_gap, confidence_histograms
from course_lib.plots.learning import Curve, learning_curves
from course_lib.plots.reliability import Answers, answers_of, reliability_of_arms, reliability_of_one
from course_lib.plots.style import LOOKS, Look, Picture, drawing, look_of, save

__all__ = [
    "LOOKS",
    "Answers",
    "Curve",
    "Look",
    "Picture",
    "Students",
    "accuracy_against_gap",
    "answers_of",
    "confidence_histograms",
    "drawing",
    "learning_curves",
    "look_of",
    "reliability_of_arms",
    "reliability_of_one",
    "save",
]
