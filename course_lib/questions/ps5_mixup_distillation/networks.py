"""networks: a student, a teacher and mixed images, as data; what the two questions about networks are asked with."""

import numpy as np

from course_lib.questions import draws
from course_lib.questions.building import HIDDEN
from course_lib.questions.case import Array, Net, Value

FEATURES = 4
LOUD = 100.0  # biases of the classes that make logits of hundreds, and leave all gradients moderate
ENDS = "lambdas of 0 and 1"
ALONE = "images that are their own partners"
STALE = "gradients and momentum left over from an earlier step"
FROZEN = "a student that arrives in evaluation mode"


def net(rng: np.random.Generator, classes: int, *, training: bool, loud: bool = False, left_over: float = 0.0) -> Net:
    """A network whose batch norm has seen other images than it will see."""

    def normal(*shape: int) -> Array:
        return rng.standard_normal(shape).astype("float32")

    weights = {
        "0.weight": normal(HIDDEN, FEATURES),
        "0.bias": normal(HIDDEN),
        "1.weight": rng.uniform(0.5, 1.5, HIDDEN).astype("float32"),
        "1.bias": normal(HIDDEN) / 2,
        "1.running_mean": normal(HIDDEN),
        "1.running_var": rng.uniform(0.5, 2.0, HIDDEN).astype("float32"),
        "1.num_batches_tracked": np.array(rng.integers(1, 50)),
        "3.weight": normal(classes, HIDDEN),
        "3.bias": normal(classes) * np.float32(LOUD if loud else 1.0),
    }
    return Net(weights, training, left_over)


def mixed(rng: np.random.Generator, n: int, why: str) -> dict[str, Value]:
    """Images as rows of features, how much each weighs, and partners, not necessarily a permutation."""
    images = rng.standard_normal((n, FEATURES)).astype("float32")
    lam, partner = draws.lambdas(rng, n, "float32"), draws.partners(rng, n)
    if why == ENDS:
        lam, partner = (np.arange(n) % 2).astype("float32"), (np.arange(n) + 2) % n
    if why == ALONE:
        partner = np.arange(n)
    return {"images": images, "lam": lam, "partner": partner}
