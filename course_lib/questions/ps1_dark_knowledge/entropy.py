"""entropy: how undecided a prediction is, and how much of that is dark knowledge."""

import numpy as np
import torch
from torch import Tensor

from course_lib import dark_knowledge
from course_lib.questions import draws
from course_lib.questions.case import Case, Outputs
from course_lib.questions.question import Mistake, Question

HAND = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])
UNIFORM = np.full((1, 8), 0.125)
EMPTY_ROWS = "https://github.com/pytorch/pytorch/issues/61727"


def _cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case("plain", {"probs": HAND}, "a row that is certain"),
        Case("plain", {"probs": UNIFORM}, "a uniform guess among eight classes"),
        Case("plain", {"probs": draws.probabilities(rng, 3, 4)}),
        Case("edge", {"probs": np.eye(3)[[2, 0]]}, "zero probabilities"),
        Case("edge", {"probs": draws.probabilities(rng, 3, 3, dtype="float32")}, "float32"),
        Case("stress", {"probs": draws.probabilities(rng, 3, 6, scale=40.0)}, "probabilities near 0 and 1"),
        Case("random", {"probs": draws.probabilities(rng, 1, 2)}),
        Case("random", {"probs": draws.probabilities(rng, 5, 9)}),
    ]


def _at_most_uniform(case: Case, outputs: Outputs) -> bool:
    classes = np.asarray(case.arguments["probs"]).shape[1]
    return bool((outputs["result"] <= np.log(classes) + 1e-6).all() and (outputs["result"] >= -1e-6).all())


def _with_where(probs: Tensor) -> Tensor:
    logs = torch.where(probs > 0, probs, torch.ones_like(probs)).log()
    return -(probs * logs).sum(dim=1)


def _with_xlogy(probs: Tensor) -> Tensor:
    return -torch.special.xlogy(probs, probs).sum(dim=1)


def _without_zeros(probs: Tensor) -> Tensor:
    return -(probs * probs.log()).sum(dim=1)


def _in_bits(probs: Tensor) -> Tensor:
    return -torch.special.xlogy(probs, probs).sum(dim=1) / torch.log(torch.tensor(2.0, dtype=probs.dtype))


def _without_minus(probs: Tensor) -> Tensor:
    return torch.special.xlogy(probs, probs).sum(dim=1)


def _mean_over_classes(probs: Tensor) -> Tensor:
    return -torch.special.xlogy(probs, probs).mean(dim=1)


ENTROPY = Question(
    name="entropy",
    assignment="ps1_dark_knowledge",
    points=5,
    minutes=8,
    cases=_cases,
    reference=dark_knowledge.entropy,
    alternatives=(_with_where, _with_xlogy),
    invariants={"Entropy lies between 0, for certainty, and log K, for a uniform guess.": _at_most_uniform},
    mistakes=(
        Mistake("nan_at_zero", _without_zeros, "log 0 is not finite: what shall 0 log 0 contribute?", EMPTY_ROWS),
        Mistake(
            "bits",
            _in_bits,
            "This is in bits; nats, the unit of the losses here, come from the natural logarithm.",
            "https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.entropy.html",
        ),
        Mistake("sign", _without_minus, "Logarithms of probabilities are negative, an entropy is not.", EMPTY_ROWS),
        Mistake(
            "mean_over_classes",
            _mean_over_classes,
            "The classes of a row are added up, not averaged: a uniform guess has log K.",
            "https://github.com/haitongli/knowledge-distillation-pytorch/issues/2",
        ),
    ),
    hints=(
        "Write the formula down for the row (0.5, 0.25, 0.25) and work it out with paper and pencil.",
        "Where a probability is 0 the product should be 0 although the logarithm is not finite.",
        "torch.special.xlogy(x, y) is x log y, and 0 where x is 0.",
    ),
)


def _share_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case("plain", {"probs": np.array([[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]])}, "two classes that share the rest"),
        Case("plain", {"probs": np.array([[0.6, 0.4, 0.0]])}, "one class that has all the rest"),
        Case("plain", {"probs": draws.probabilities(rng, 3, 5)}),
        Case("edge", {"probs": np.eye(3)}, "rows that are certain"),
        Case("edge", {"probs": draws.probabilities(rng, 4, 2)}, "only two classes"),
        Case("stress", {"probs": draws.probabilities(rng, 3, 6, scale=4.0)}, "very confident rows"),
        Case("random", {"probs": draws.probabilities(rng, 5, 9)}),
        Case("random", {"probs": draws.probabilities(rng, 2, 4, dtype="float32")}),
    ]


def _between_zero_and_one(case: Case, outputs: Outputs) -> bool:
    return bool((outputs["result"] >= -1e-6).all() and (outputs["result"] <= 1 + 1e-6).all())


def _by_difference(probs: Tensor) -> Tensor:
    top = probs.amax(dim=1)
    whole = _with_xlogy(probs)
    of_top = -torch.special.xlogy(top, top) - torch.special.xlogy(1 - top, 1 - top)
    return torch.where(whole > 1e-12, (whole - of_top) / whole.clamp_min(1e-300), torch.zeros_like(whole)).clamp_min(0)


def _row_by_row(probs: Tensor) -> Tensor:
    shares = []
    for row in probs:
        others = torch.cat([row[: row.argmax()], row[row.argmax() + 1 :]])
        rest = others.sum()
        whole = -torch.special.xlogy(row, row).sum()
        conditional = others / rest if rest > 0 else others
        inner = -torch.special.xlogy(conditional, conditional).sum()
        shares.append(rest * inner / whole if whole > 0 else torch.zeros((), dtype=probs.dtype))
    return torch.stack(shares)


def _not_weighted(probs: Tensor) -> Tensor:
    top = probs.amax(dim=1, keepdim=True)
    others = probs.clone().scatter(1, probs.argmax(dim=1, keepdim=True), 0.0)
    conditional = others / (1 - top).clamp_min(1e-300)
    whole = _with_xlogy(probs)
    return torch.where(whole > 0, _with_xlogy(conditional) / whole.clamp_min(1e-300), torch.zeros_like(whole))


def _not_conditional(probs: Tensor) -> Tensor:
    others = probs.clone().scatter(1, probs.argmax(dim=1, keepdim=True), 0.0)
    whole = _with_xlogy(probs)
    return torch.where(whole > 0, _with_xlogy(others) / whole.clamp_min(1e-300), torch.zeros_like(whole))


def _absolute(probs: Tensor) -> Tensor:
    return _by_difference(probs) * _with_xlogy(probs)


def _mass_only(probs: Tensor) -> Tensor:
    return 1 - probs.amax(dim=1)


CHAIN = "https://arxiv.org/abs/2203.08679"  # DKD: the same split of the softmax

DARK_KNOWLEDGE_SHARE = Question(
    name="dark_knowledge_share",
    assignment="ps1_dark_knowledge",
    points=5,
    minutes=15,
    cases=_share_cases,
    reference=dark_knowledge.dark_knowledge_share,
    alternatives=(_by_difference, _row_by_row),
    invariants={"A share lies between 0 and 1.": _between_zero_and_one},
    mistakes=(
        Mistake(
            "not_weighted", _not_weighted, "How often do the others come to speak at all? Weigh them by that.", CHAIN
        ),
        Mistake("not_conditional", _not_conditional, "Among the others, probabilities must sum to 1 first.", CHAIN),
        Mistake("absolute", _absolute, "This is an amount in nats; a share is a part of the whole entropy.", CHAIN),
        Mistake(
            "mass_only", _mass_only, "This is how much the others have, not how undecided it is among them.", CHAIN
        ),
    ),
    hints=(
        "Split the question 'which class?' into 'the top one or another?' and 'which other?'.",
        "The chain rule of entropy adds the two up; the second one counts only as often as it is asked.",
        "Divide the other probabilities by their sum, take the entropy, weigh it by that sum, divide by the whole.",
    ),
    tolerance=(1e-5, 1e-7),
)
