"""chance: whether numbers may be drawn from a distribution, without what scipy.stats loads for two seconds."""

import numpy as np
from scipy import special

from course_lib.questions.case import Array


def uniform_p_value(values: Array) -> float:
    """How seldom numbers drawn evenly from [0, 1] lie as unevenly as these.

    The largest distance between the two distribution functions, compared with its limit for many numbers: of a few
    hundred it says enough, of ten too little. Values of any distribution become such numbers by its own distribution
    function.

    Source: Kolmogorov, "Sulla determinazione empirica di una legge di distribuzione", 1933.

    Args:
        values: (N,), N at least 1.

    Returns:
        In [0, 1].

    Example:
        >>> uniform_p_value(np.linspace(0, 1, 500)) > 0.99, uniform_p_value(np.linspace(0, 0.8, 500)) < 1e-9
        (True, True)
    """
    ordered, n = np.sort(values), len(values)
    above = (np.arange(1, n + 1) / n - ordered).max()
    below = (ordered - np.arange(n) / n).max()
    return float(special.kolmogorov(np.sqrt(n) * max(above, below)))
