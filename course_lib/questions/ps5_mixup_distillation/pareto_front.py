"""pareto_front: the models that no other beats in accuracy and calibration at once."""

import numpy as np
import torch
from torch import Tensor

from course_lib import relations
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.question import Mistake, Question


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, accuracy: Array, ece: Array, why: str = "") -> Case:
        order = rng.permutation(len(accuracy))
        return Case(group, {"accuracy": accuracy[order], "ece": ece[order]}, why)

    def drawn(n: int) -> tuple[Array, Array]:
        return rng.uniform(0.5, 1.0, n), rng.uniform(0.0, 0.2, n)

    hand = {"accuracy": np.array([0.7, 0.9, 0.8, 0.6]), "ece": np.array([0.02, 0.1, 0.05, 0.08])}
    accuracy, ece = drawn(6)
    best = np.append(accuracy, 1.0), np.append(ece, 0.0)
    twins = np.array([0.9, 0.9, 0.8, 0.8, 0.7]), np.array([0.1, 0.1, 0.05, 0.05, 0.06])
    ties = np.array([0.9, 0.9, 0.8, 0.8, 0.7]), np.array([0.1, 0.2, 0.1, 0.05, 0.05])
    many = rng.integers(40, 60, 300) / 64, rng.integers(0, 16, 300) / 64
    rounded = rng.integers(50, 100, 30) / 100, rng.integers(0, 20, 30) / 100
    chain = np.sort(rng.uniform(0.5, 1.0, 5)), np.sort(rng.uniform(0.0, 0.2, 5))
    return [
        Case("plain", hand, "four models"),
        case("plain", *ties, "equals in one of the two"),
        case("edge", *twins, "models that are equal in both"),
        case("edge", *best, "one model that beats all"),
        case("edge", *chain, "models none of which beats another"),
        case("edge", *drawn(1), "a single model"),
        case("edge", np.array([0.9, 0.9 + 1e-9]), np.array([0.1, 0.1]), "two models that are nearly equal"),
        case("stress", *many, "a few hundred models, many of them equal"),
        case("stress", *drawn(200), "a few hundred models"),
        case("random", *drawn(12)),
        case("random", *rounded),
    ]


def _ascending(case: Case, outputs: Outputs) -> bool:
    return bool((np.diff(outputs["result"]) > 0).all())


def _best_are_in(case: Case, outputs: Outputs) -> bool:
    accuracy, ece = (np.asarray(case.arguments[name]) for name in ("accuracy", "ece"))
    front = outputs["result"]
    return accuracy[front].max() == accuracy.max() and ece[front].min() == ece.min()


def _pair_by_pair(accuracy: Tensor, ece: Tensor) -> Tensor:
    models = list(zip(accuracy.tolist(), ece.tolist(), strict=True))
    beaten = [any(a >= own and e <= off and (a, e) != (own, off) for a, e in models) for own, off in models]
    return torch.tensor([place for place, out in enumerate(beaten) if not out])


def _scan(accuracy: Tensor, ece: Tensor) -> Tensor:
    """Group models of one accuracy, best first: only the best calibrated of a group can be new on the front."""
    least, kept = float("inf"), []
    for level in accuracy.unique().flip(0):
        group = (accuracy == level).nonzero()[:, 0]
        lowest = ece[group].min().item()
        if lowest < least:
            kept.append(group[ece[group] == lowest])
            least = lowest
    return torch.cat(kept).sort().values


def _sorted_scan(accuracy: Tensor, ece: Tensor) -> list[int]:
    return np.lexsort((ece.numpy(), -accuracy.numpy())).tolist()


def _one_of_equals(accuracy: Tensor, ece: Tensor) -> Tensor:
    least, kept = float("inf"), []
    for place in _sorted_scan(accuracy, ece):
        if ece[place].item() < least:
            kept.append(place)
            least = ece[place].item()
    return torch.tensor(sorted(kept))


def _tie_in_scan(accuracy: Tensor, ece: Tensor) -> Tensor:
    least, kept = float("inf"), []
    for place in _sorted_scan(accuracy, ece):
        if ece[place].item() <= least:
            kept.append(place)
            least = ece[place].item()
    return torch.tensor(sorted(kept))


def _strict_in_both(accuracy: Tensor, ece: Tensor) -> Tensor:
    beats = (accuracy[:, None] > accuracy) & (ece[:, None] < ece)
    return (~beats.any(dim=0)).nonzero()[:, 0]


def _less_accurate(accuracy: Tensor, ece: Tensor) -> Tensor:
    return relations.pareto_front(-accuracy, ece)


def _the_beaten(accuracy: Tensor, ece: Tensor) -> Tensor:
    front = set(relations.pareto_front(accuracy, ece).tolist())
    return torch.tensor([place for place in range(len(accuracy)) if place not in front], dtype=torch.int64)


PARETO_FRONT = Question(
    name="pareto_front",
    assignment="ps5_mixup_distillation",
    points=5,
    minutes=12,
    cases=_cases,
    reference=relations.pareto_front,
    alternatives=(_pair_by_pair, _scan),
    invariants={
        "Places come in ascending order, each once.": _ascending,
        "The most accurate model and the best calibrated one, or their equals, are on the front.": _best_are_in,
    },
    mistakes=(
        Mistake(
            "one_of_equals",
            _one_of_equals,
            "Two models that are equal in both: does either of them beat the other?",
            "https://github.com/meta-pytorch/botorch/pull/657",
        ),
        Mistake(
            "strict_in_both",
            _strict_in_both,
            "A model that is as accurate as another and worse calibrated is still on your front.",
            "https://github.com/microsoft/Olive/pull/165",
        ),
        Mistake(
            "tie_in_scan",
            _tie_in_scan,
            "A model that is as well calibrated as another and less accurate is still on your front.",
            "https://github.com/optuna/optuna-dashboard/pull/687",
        ),
        Mistake(
            "less_accurate",
            _less_accurate,
            "Of accuracy and calibration error, which should be large and which small?",
            "https://github.com/facebook/Ax/issues/869",
        ),
        Mistake(
            "the_beaten",
            _the_beaten,
            "These are the models that are beaten: the others are asked for.",
            "https://github.com/secondmind-labs/trieste/pull/143",
        ),
    ),
    hints=(
        "When exactly does model j beat model i? Write it down with both comparisons and the word strictly.",
        "accuracy[:, None] >= accuracy compares all pairs at once: row j, column i.",
        "i is out if any row j is as good in both and better in one; nonzero() turns what is left into places.",
    ),
)
