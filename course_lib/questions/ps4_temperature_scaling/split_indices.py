"""split_indices: two parts that share no image. The order is random, so properties judge it."""

import numpy as np

from course_lib.questions.case import Array, Case, Outputs, Rng
from course_lib.questions.chance import uniform_p_value
from course_lib.questions.draws import Generator
from course_lib.questions.question import Mistake, Question

UNLIKELY = 1e-9
MANY = 500
Parts = tuple[Array, Array]


def _reference(n: int, share: float, rng: Generator) -> Parts:
    order = rng.permutation(n)
    first = round(share * n)
    return order[:first], order[first:]


def _cases(rng: Generator) -> list[Case]:
    def case(group: str, n: int, share: float, why: str = "") -> Case:
        return Case(group, {"n": n, "share": share, "rng": Rng(int(rng.integers(2**31)))}, why)

    return [
        case("plain", 10, 0.3, "three of ten images in the first part"),
        case("plain", 2000, 0.5),
        case("edge", 6, 0.0, "an empty first part"),
        case("edge", 6, 1.0, "an empty second part"),
        case("edge", 10, 0.25, "two and a half images: half to even gives 2"),
        case("edge", 14, 0.25, "three and a half images: half to even gives 4"),
        case("edge", 10, 0.17, "1.7 images, which is nearly 2"),
        case("stress", 20_000, 0.1, "many images"),
        case("random", int(rng.integers(1000, 3000)), float(rng.uniform(0.3, 0.7))),
        case("random", int(rng.integers(10, 30)), float(rng.uniform(0.1, 0.9))),
    ]


def _sizes(case: Case, outputs: Outputs) -> bool:
    n, share = (case.arguments[name] for name in ("n", "share"))
    return len(outputs["result.0"]) == round(share * n)  # type: ignore[operator]


def _all_once(case: Case, outputs: Outputs) -> bool:
    together = np.concatenate([outputs["result.0"], outputs["result.1"]])
    return np.array_equal(np.sort(together), np.arange(int(case.arguments["n"])))  # type: ignore[arg-type]


def _rng_is_used(case: Case, outputs: Outputs) -> bool:
    given = case.arguments["rng"]
    fresh = np.random.default_rng(given.seed).integers(0, 2**62, size=4)  # type: ignore[union-attr]
    return not np.array_equal(outputs["rng.rng"], fresh)


def _shuffled(case: Case, outputs: Outputs) -> bool:
    """Each part is a fair sample, and does not stand in order."""
    for name in ("result.0", "result.1"):
        part = outputs[name]
        if len(part) < MANY:
            continue
        n = int(case.arguments["n"])  # type: ignore[arg-type]
        in_place = uniform_p_value((part + 0.5) / n) > UNLIKELY
        in_order = abs(np.corrcoef(np.arange(len(part)), part)[0, 1]) < 0.3
        if not (in_place and in_order):
            return False
    return True


def _by_shuffling(n: int, share: float, rng: Generator) -> Parts:
    places = np.arange(n)
    rng.shuffle(places)
    first, second = np.split(places, [round(n * share)])
    return first, second


def _by_random_keys(n: int, share: float, rng: Generator) -> Parts:
    order = rng.random(n).argsort()
    return order[: round(share * n)], order[round(share * n) :]


def _by_choice(n: int, share: float, rng: Generator) -> Parts:
    first = rng.choice(n, size=round(share * n), replace=False)
    return first, rng.permutation(np.setdiff1d(np.arange(n), first))


def _in_order(n: int, share: float, rng: Generator) -> Parts:
    places = np.arange(n)
    return places[: round(share * n)], places[round(share * n) :]


def _overlapping(n: int, share: float, rng: Generator) -> Parts:
    first = round(share * n)
    return rng.permutation(n)[:first], rng.permutation(n)[first:]


def _cut_off(n: int, share: float, rng: Generator) -> Parts:
    order = rng.permutation(n)
    return order[: int(share * n)], order[int(share * n) :]


def _both_cut_off(n: int, share: float, rng: Generator) -> Parts:
    order = rng.permutation(n)
    return order[: int(share * n)], order[len(order) - int((1 - share) * n) :]


def _by_coin(n: int, share: float, rng: Generator) -> Parts:
    order = rng.permutation(n)
    chosen = rng.random(n) < share
    return order[chosen], order[~chosen]


def _own_seed(n: int, share: float, rng: Generator) -> Parts:
    return _reference(n, share, np.random.default_rng(0))


SPLIT_INDICES = Question(
    name="split_indices",
    assignment="ps4_temperature_scaling",
    points=6,
    minutes=8,
    cases=_cases,
    reference=_reference,
    random=True,
    alternatives=(_by_shuffling, _by_random_keys, _by_choice),
    invariants={
        "The first part has round(share * n) entries.": _sizes,
        "Together the parts hold every number of range(n) once: nothing twice, nothing lost.": _all_once,
        "The rng that is given is where the randomness comes from: afterwards it has moved on.": _rng_is_used,
        "Both parts are shuffled.": _shuffled,
    },
    mistakes=(
        Mistake(
            "in_order",
            _in_order,
            "Images often come sorted by class; then your parts hold different classes.",
            "https://github.com/stanford-crfm/helm/issues/220",
        ),
        Mistake(
            "overlapping",
            _overlapping,
            "Some images are in both parts here: how often do you shuffle?",
            "https://github.com/marin-community/marin/pull/2700",
        ),
        Mistake(
            "cut_off",
            _cut_off,
            "The number of images is cut off here: which function rounds to the nearest?",
            "https://github.com/uafgeotools/lts_array/issues/20",
        ),
        Mistake(
            "both_cut_off",
            _both_cut_off,
            "Both sizes are rounded down here: an image can be in no part.",
            "https://github.com/v7labs/darwin-py/issues/13",
        ),
        Mistake(
            "by_coin",
            _by_coin,
            "A coin for each image gives the share only on average; here the size is exact.",
            "https://github.com/apple/turicreate/issues/347",
        ),
        Mistake(
            "own_seed",
            _own_seed,
            "Whoever splits twice gets the same split twice: the generator is an argument, nobody makes a new one.",
            "https://github.com/dsilvestro/npBNN/issues/3",
        ),
    ),
    hints=(
        "Shuffle all numbers once, then cut the row at one place.",
        "rng.permutation(n) is the shuffled row.",
        "round() rounds half to even; int() cuts off.",
    ),
)
