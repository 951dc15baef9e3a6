"""partial_lambdas: mixing weights for a share of the images. Their values are random, so properties judge them."""

import numpy as np

from course_lib import epoch_plan
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.draws import Generator
from course_lib.questions.ps2_mixup.sample_lambdas import (
    ENOUGH,
    MANY,
    PER_BATCH,
    RANDOM,
    alpha_of,
    in_range,
    is_beta,
    one_each,
    result,
    rng_is_used,
    seed,
)
from course_lib.questions.question import Mistake, Question


def _cases(rng: Generator) -> list[Case]:
    def case(group: str, n: int, share: float, alpha: float, why: str = "") -> Case:
        return Case(group, {"n": n, "share": share, "alpha": alpha, "rng": seed(rng)}, why)

    return [
        case("plain", 10, 0.3, 1.0, "three of ten images to be mixed"),
        case("plain", 2 * ENOUGH, 0.5, 1.0, "half of many images to be mixed"),
        case("edge", 6, 0.0, 1.0, "no image to be mixed"),
        case("edge", 6, 1.0, 1.0, "all images to be mixed"),
        case("edge", 10, 0.25, 1.0, "two and a half images: half to even gives 2"),
        case("edge", 14, 0.25, 1.0, "three and a half images: half to even gives 4"),
        case("edge", 10, 0.17, 1.0, "1.7 images, which is nearly 2"),
        case("stress", ENOUGH, 0.75, 8.0, "a large alpha"),
        case("stress", ENOUGH, 0.9, 0.7, "a small alpha"),
        case("random", int(rng.integers(2000, 4000)), float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.7, 3))),
        case("random", int(rng.integers(5, 30)), float(rng.uniform(0.1, 0.9)), 1.0),
    ]


def _exact_count(case: Case, outputs: Outputs) -> bool:
    n, share = (case.arguments[name] for name in ("n", "share"))
    return int((result(outputs) != 1).sum()) == round(share * n)  # type: ignore[operator]


def _rng_is_used_where_it_is_needed(case: Case, outputs: Outputs) -> bool:
    n, share = (case.arguments[name] for name in ("n", "share"))
    return round(share * n) == 0 or rng_is_used(case, outputs)  # type: ignore[operator]


def _mixed_are_beta(case: Case, outputs: Outputs) -> bool:
    return is_beta(result(outputs)[result(outputs) != 1], alpha_of(case))


def _random_places(case: Case, outputs: Outputs) -> bool:
    """Counts of mixed images in the first half, and of neighbours that are both mixed, are those of chance."""
    mixed = result(outputs) != 1
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
    cases=_cases,
    reference=epoch_plan.partial_lambdas,
    random=True,
    alternatives=(_by_choice, _shuffled, _smallest_numbers),
    invariants={
        "A weight lies between 0 and 1.": in_range,
        RANDOM: _rng_is_used_where_it_is_needed,
        "Exactly round(share * n) images are mixed; all others have the weight 1.": _exact_count,
        "The images that are mixed stand at random places.": _random_places,
        "Every image that is mixed has a weight of its own.": one_each,
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
            "The number of images is cut off here: which function rounds to the nearest?",
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
