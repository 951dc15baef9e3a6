"""sample_lambdas: mixing weights, one per image. Their values are random, so properties judge them."""

from typing import Any

import numpy as np
from scipy import special

from course_lib import epoch_plan
from course_lib.questions.case import Array, Case, Outputs, Rng
from course_lib.questions.chance import uniform_p_value
from course_lib.questions.draws import Generator
from course_lib.questions.question import Mistake, Question

UNLIKELY = 1e-9  # a right answer fails a test of a distribution this seldom
DEVIATIONS = 5.4  # of the spread, 7e-8: no more in four or five cases than once in a million gradings
MANY = 500  # weights, from which on a distribution is tested
ENOUGH = 20_000  # weights, from which alpha is told from 1.2 alpha
PER_BATCH = "https://github.com/TorchSSL/TorchSSL/issues/69"
ALPHA = "https://github.com/keras-team/keras-cv/issues/1361"  # gives alpha to a scale, which cancels
FOLDED = "https://github.com/google-research/mixmatch/blob/master/libml/layers.py"  # augment_pair
OWN_SEED = "https://github.com/dsilvestro/npBNN/issues/3"


def seed(rng: Generator) -> Rng:
    """A generator that starts from what is drawn."""
    return Rng(int(rng.integers(2**31)))


def _cases(rng: Generator) -> list[Case]:
    def case(group: str, n: int, alpha: float, why: str = "") -> Case:
        return Case(group, {"n": n, "alpha": alpha, "rng": seed(rng)}, why)

    return [
        case("plain", 4, 1.0, "four images"),
        case("plain", ENOUGH, 1.0, "enough images to see the distribution"),
        case("edge", 1, 1.0, "a single image"),
        case("edge", 2, 0.5, "two images"),
        case("stress", ENOUGH, 0.2, "a small alpha: most weights near 0 or 1"),
        case("stress", ENOUGH, 16.0, "a large alpha: most weights near one half"),
        case("random", ENOUGH, float(rng.uniform(0.3, 4))),
        case("random", 9, float(rng.uniform(0.3, 4))),
    ]


def result(outputs: Outputs) -> Array:
    """The weights."""
    return outputs["result"]


def alpha_of(case: Case) -> float:
    """What they should follow."""
    return float(case.arguments["alpha"])  # type: ignore[arg-type]


def in_range(case: Case, outputs: Outputs) -> bool:
    """Whether all are weights."""
    return bool(((result(outputs) >= 0) & (result(outputs) <= 1)).all())


def rng_is_used(case: Case, outputs: Outputs) -> bool:
    """What the generator draws next is not what it would have drawn at first."""
    given: Any = case.arguments["rng"]
    return not np.array_equal(outputs["rng.rng"], np.random.default_rng(given.seed).integers(0, 2**62, size=4))


def one_each(case: Case, outputs: Outputs) -> bool:
    """Whether not all that are mixed have the same."""
    mixed = result(outputs)[result(outputs) != 1]
    return len(mixed) < 2 or len(np.unique(mixed)) > 1


def is_beta(weights: Array, alpha: float) -> bool:
    """Whether weights may be of Beta(alpha, alpha): their distribution as a whole, and how far from 1/2 they are."""
    if len(weights) < MANY:
        return True
    squares = (weights.astype("float64") - 0.5) ** 2
    mean, fourth = 1 / (4 * (2 * alpha + 1)), 3 / (16 * (2 * alpha + 1) * (2 * alpha + 3))
    spread = np.sqrt((fourth - mean**2) / len(weights))
    alike = uniform_p_value(special.betainc(alpha, alpha, weights)) > UNLIKELY
    return bool(alike and abs(squares.mean() - mean) < DEVIATIONS * spread)


def _all_are_beta(case: Case, outputs: Outputs) -> bool:
    return is_beta(result(outputs), alpha_of(case))


def _one_by_one(n: int, alpha: float, rng: Generator) -> Array:
    return np.array([rng.beta(alpha, alpha) for _ in range(n)])


def _from_gammas(n: int, alpha: float, rng: Generator) -> Array:
    own, other = rng.gamma(alpha, size=n), rng.gamma(alpha, size=n)
    return own / (own + other)


def _mirrored(n: int, alpha: float, rng: Generator) -> Array:
    weights = rng.beta(alpha, alpha, n)
    return np.where(rng.random(n) < 0.5, weights, 1 - weights)


def _per_batch(n: int, alpha: float, rng: Generator) -> Array:
    return np.full(n, rng.beta(alpha, alpha))


def _uniform(n: int, alpha: float, rng: Generator) -> Array:
    own, other = rng.gamma(1.0, 1 / alpha, n), rng.gamma(1.0, 1 / alpha, n)
    return own / (own + other)


def _folded(n: int, alpha: float, rng: Generator) -> Array:
    weights = rng.beta(alpha, alpha, n)
    return np.maximum(weights, 1 - weights)


def _own_generator(n: int, alpha: float, rng: Generator) -> Array:
    return np.random.default_rng(0).beta(alpha, alpha, n)


RANDOM = "The rng that is given is where the randomness comes from: afterwards it has moved on."

SAMPLE_LAMBDAS = Question(
    name="sample_lambdas",
    assignment="ps2_mixup",
    points=4,
    minutes=6,
    cases=_cases,
    reference=epoch_plan.sample_lambdas,
    random=True,
    alternatives=(_one_by_one, _from_gammas, _mirrored),
    invariants={
        "A weight lies between 0 and 1.": in_range,
        RANDOM: rng_is_used,
        "Every image has a weight of its own.": one_each,
        "The weights follow Beta(alpha, alpha).": _all_are_beta,
    },
    mistakes=(
        Mistake("per_batch", _per_batch, "How many different weights does a batch of yours have?", PER_BATCH),
        Mistake("uniform", _uniform, "What does alpha change in your weights?", ALPHA),
        Mistake("folded", _folded, "Your weights never fall below one half; mixup's do.", FOLDED),
        Mistake(
            "own_generator",
            _own_generator,
            "Whoever calls twice gets the same weights twice: the generator is an argument, nobody makes a new one.",
            OWN_SEED,
        ),
    ),
    hints=(
        "A NumPy Generator has a method for each distribution; which one lies in [0, 1] and has two parameters?",
        "Both parameters are alpha.",
        "One call draws all n at once: look at its size argument.",
    ),
)
