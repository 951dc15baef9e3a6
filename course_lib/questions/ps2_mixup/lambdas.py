"""lambdas: mixing weights, for all images or for a share of them. Their values are random, so properties judge them."""

from typing import Any

import numpy as np
from scipy import stats

from course_lib import epoch_plan
from course_lib.questions.case import Array, Case, Outputs, Rng
from course_lib.questions.draws import Generator
from course_lib.questions.question import Mistake, Question

UNLIKELY = 1e-9  # a right answer fails a test of a distribution this seldom
MANY = 500  # weights, from which on a distribution is tested
PER_BATCH = "https://github.com/TorchSSL/TorchSSL/issues/69"
ALPHA = "https://github.com/chainer/chainercv/issues/821"
FOLDED = "https://arxiv.org/abs/1905.02249"  # MixMatch, equation 9
OWN_SEED = "https://github.com/dsilvestro/npBNN/issues/3"


def _seed(rng: Generator) -> Rng:
    return Rng(int(rng.integers(2**31)))


def _sample_cases(rng: Generator) -> list[Case]:
    def case(group: str, n: int, alpha: float, why: str = "") -> Case:
        return Case(group, {"n": n, "alpha": alpha, "rng": _seed(rng)}, why)

    return [
        case("plain", 4, 1.0, "four images"),
        case("plain", 4000, 1.0, "enough images to see the distribution"),
        case("edge", 1, 1.0, "a single image"),
        case("edge", 2, 0.5, "two images"),
        case("stress", 4000, 0.2, "a small alpha: most weights near 0 or 1"),
        case("stress", 4000, 16.0, "a large alpha: most weights near one half"),
        case("random", 4000, float(rng.uniform(0.3, 4))),
        case("random", 9, float(rng.uniform(0.3, 4))),
    ]


def _result(outputs: Outputs) -> Array:
    return outputs["result"]


def _alpha(case: Case) -> float:
    return float(case.arguments["alpha"])  # type: ignore[arg-type]


def _in_range(case: Case, outputs: Outputs) -> bool:
    return bool(((_result(outputs) >= 0) & (_result(outputs) <= 1)).all())


def _rng_is_used(case: Case, outputs: Outputs) -> bool:
    """What the generator draws next is not what it would have drawn at first."""
    given: Any = case.arguments["rng"]
    return not np.array_equal(outputs["rng.rng"], np.random.default_rng(given.seed).integers(0, 2**62, size=4))


def _one_each(case: Case, outputs: Outputs) -> bool:
    mixed = _result(outputs)[_result(outputs) != 1]
    return len(mixed) < 2 or len(np.unique(mixed)) > 1


def _is_beta(weights: Array, alpha: float) -> bool:
    return len(weights) < MANY or bool(stats.kstest(weights, stats.beta(alpha, alpha).cdf).pvalue > UNLIKELY)


def _all_are_beta(case: Case, outputs: Outputs) -> bool:
    return _is_beta(_result(outputs), _alpha(case))


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


def _beta_one(n: int, alpha: float, rng: Generator) -> Array:
    return rng.beta(alpha, 1.0, n)


def _uniform(n: int, alpha: float, rng: Generator) -> Array:
    return rng.uniform(0, 1, n)


def _folded(n: int, alpha: float, rng: Generator) -> Array:
    weights = rng.beta(alpha, alpha, n)
    return np.maximum(weights, 1 - weights)


def _own_generator(n: int, alpha: float, rng: Generator) -> Array:
    return np.random.default_rng(0).beta(alpha, alpha, n)


RANDOM = {
    "A weight lies between 0 and 1.": _in_range,
    "The rng that is given is where the randomness comes from: afterwards it has moved on.": _rng_is_used,
    "Every image that is mixed has a weight of its own.": _one_each,
}

SAMPLE_LAMBDAS = Question(
    name="sample_lambdas",
    assignment="ps2_mixup",
    points=4,
    minutes=6,
    cases=_sample_cases,
    reference=epoch_plan.sample_lambdas,
    random=True,
    alternatives=(_one_by_one, _from_gammas, _mirrored),
    invariants=RANDOM | {"The weights follow Beta(alpha, alpha).": _all_are_beta},
    mistakes=(
        Mistake("per_batch", _per_batch, "How many different weights does a batch of yours have?", PER_BATCH),
        Mistake(
            "beta_one",
            _beta_one,
            "An image and its partner play the same part: is your distribution symmetric about one half?",
            "https://github.com/hongyi-zhang/Fixup/issues/5",
        ),
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


def _partial_cases(rng: Generator) -> list[Case]:
    def case(group: str, n: int, share: float, alpha: float, why: str = "") -> Case:
        return Case(group, {"n": n, "share": share, "alpha": alpha, "rng": _seed(rng)}, why)

    return [
        case("plain", 10, 0.3, 1.0, "three of ten images to be mixed"),
        case("plain", 4000, 0.5, 1.0, "half of many images to be mixed"),
        case("edge", 6, 0.0, 1.0, "no image to be mixed"),
        case("edge", 6, 1.0, 1.0, "all images to be mixed"),
        case("edge", 10, 0.25, 1.0, "two and a half images: half to even gives 2"),
        case("edge", 14, 0.25, 1.0, "three and a half images: half to even gives 4"),
        case("edge", 10, 0.17, 1.0, "1.7 images, which is nearly 2"),
        case("stress", 4000, 0.75, 8.0, "a large alpha"),
        case("stress", 4000, 0.9, 0.5, "a small alpha"),
        case("random", int(rng.integers(2000, 4000)), float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.5, 3))),
        case("random", int(rng.integers(5, 30)), float(rng.uniform(0.1, 0.9)), 1.0),
    ]


def _exact_count(case: Case, outputs: Outputs) -> bool:
    n, share = (case.arguments[name] for name in ("n", "share"))
    return int((_result(outputs) != 1).sum()) == round(share * n)  # type: ignore[operator]


def _mixed_are_beta(case: Case, outputs: Outputs) -> bool:
    return _is_beta(_result(outputs)[_result(outputs) != 1], _alpha(case))


def _random_places(case: Case, outputs: Outputs) -> bool:
    """Counts of mixed images in the first half, and of neighbours that are both mixed, are those of chance."""
    mixed = _result(outputs) != 1
    n, count = len(mixed), int(mixed.sum())
    if min(count, n - count) < MANY // 2:
        return True
    share = count / n
    first_half, spread = mixed[: n // 2].sum(), np.sqrt(n * share * (1 - share))
    neighbours = (mixed[1:] & mixed[:-1]).sum()
    return bool(abs(first_half - count / 2) < 4 * spread and abs(neighbours - n * share**2) < 8 * spread)


def _by_choice(n: int, share: float, alpha: float, rng: Generator) -> Array:
    weights = np.ones(n)
    places = rng.choice(n, size=round(share * n), replace=False)
    weights[places] = rng.beta(alpha, alpha, len(places))
    return weights


def _shuffled(n: int, share: float, alpha: float, rng: Generator) -> Array:
    count = round(share * n)
    weights = np.concatenate([rng.beta(alpha, alpha, count), np.ones(n - count)])
    rng.shuffle(weights)
    return weights


def _smallest_numbers(n: int, share: float, alpha: float, rng: Generator) -> Array:
    rank = rng.random(n).argsort().argsort()
    return np.where(rank < round(share * n), rng.beta(alpha, alpha, n), 1.0)


def _by_coin(n: int, share: float, alpha: float, rng: Generator) -> Array:
    weights = rng.beta(alpha, alpha, n)
    weights[rng.random(n) >= share] = 1.0
    return weights


def _first_ones(n: int, share: float, alpha: float, rng: Generator) -> Array:
    weights = rng.beta(alpha, alpha, n)
    weights[round(share * n) :] = 1.0
    return weights


def _cut_off(n: int, share: float, alpha: float, rng: Generator) -> Array:
    weights = rng.beta(alpha, alpha, n)
    weights[rng.permutation(n)[int(share * n) :]] = 1.0
    return weights


def _all_or_none(n: int, share: float, alpha: float, rng: Generator) -> Array:
    return rng.beta(alpha, alpha, n) if rng.random() < share else np.ones(n)


PARTIAL_LAMBDAS = Question(
    name="partial_lambdas",
    assignment="ps2_mixup",
    points=7,
    minutes=12,
    cases=_partial_cases,
    reference=epoch_plan.partial_lambdas,
    random=True,
    alternatives=(_by_choice, _shuffled, _smallest_numbers),
    invariants={
        "A weight lies between 0 and 1.": _in_range,
        "Exactly round(share * n) images are mixed; all others have the weight 1.": _exact_count,
        "The images that are mixed stand at random places.": _random_places,
        "Every image that is mixed has a weight of its own.": _one_each,
        "The weights of the images that are mixed follow Beta(alpha, alpha).": _mixed_are_beta,
    },
    mistakes=(
        Mistake(
            "by_coin",
            _by_coin,
            "A coin for each image mixes the share only on average; here the number is exact.",
            "https://github.com/apple/turicreate/issues/347",
        ),
        Mistake(
            "first_ones",
            _first_ones,
            "It is always the first images of yours that are mixed.",
            "https://github.com/stanford-crfm/helm/issues/220",
        ),
        Mistake(
            "cut_off",
            _cut_off,
            "1.7 images are nearer to 2 than to 1: which function rounds to the nearest?",
            "https://github.com/uafgeotools/lts_array/issues/20",
        ),
        Mistake(
            "all_or_none",
            _all_or_none,
            "One coin decides for the whole batch here: some images should be mixed and others not.",
            PER_BATCH,
        ),
    ),
    hints=(
        "Two steps: which images, and with which weights?",
        "rng.permutation(n) puts the places in random order; the first so many of them are as good as any.",
        "Start from n weights of Beta(alpha, alpha), then set those that are not chosen to 1.",
    ),
)
