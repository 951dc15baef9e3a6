"""share: how much of an entropy is dark knowledge."""

import numpy as np
import torch
from torch import Tensor

from course_lib import dark_knowledge
from course_lib.questions import draws
from course_lib.questions.case import Case, Outputs
from course_lib.questions.ps1_dark_knowledge.entropy import ZEROS, with_xlogy
from course_lib.questions.question import Mistake, Question


def _cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case("plain", {"probs": np.array([[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]])}, "two classes that share the rest"),
        Case("plain", {"probs": np.array([[0.6, 0.4, 0.0]])}, "one class that has all the rest"),
        Case("plain", {"probs": draws.probabilities(rng, 3, 5)}),
        Case("edge", {"probs": np.eye(3)}, "rows that are certain"),
        Case("edge", {"probs": np.array([[0.5, 0.25, 0.25, 0.0]])}, "a zero among others"),
        Case("edge", {"probs": draws.probabilities(rng, 4, 2)}, "only two classes"),
        Case("edge", {"probs": np.array([[0.4, 0.4, 0.2], [0.25, 0.5, 0.25]])}, "two top classes that are equal"),
        Case("stress", {"probs": draws.probabilities(rng, 3, 6, scale=4.0)}, "very confident rows"),
        Case("stress", {"probs": np.array([[1 - 2e-6, 1e-6, 1e-6]])}, "a row that is all but certain"),
        Case("random", {"probs": draws.probabilities(rng, 5, 9)}),
        Case("random", {"probs": draws.probabilities(rng, 2, 4, dtype="float32")}),
    ]


def _between_zero_and_one(case: Case, outputs: Outputs) -> bool:
    return bool((outputs["result"] >= -1e-6).all() and (outputs["result"] <= 1 + 1e-6).all())


def _by_difference(probs: Tensor) -> Tensor:
    top = probs.amax(dim=1)
    whole = with_xlogy(probs)
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


def _zeros_among_others(probs: Tensor) -> Tensor:
    others = probs.clone().scatter(1, probs.argmax(dim=1, keepdim=True), 0.0)
    rest = others.sum(dim=1)
    conditional = others / rest.clamp_min(1e-300)[:, None]
    return -rest * (conditional * conditional.log()).sum(dim=1) / with_xlogy(probs)


def _not_conditional(probs: Tensor) -> Tensor:
    others = probs.clone().scatter(1, probs.argmax(dim=1, keepdim=True), 0.0)
    whole = with_xlogy(probs)
    return torch.where(whole > 0, with_xlogy(others) / whole.clamp_min(1e-300), torch.zeros_like(whole))


def _absolute(probs: Tensor) -> Tensor:
    return _by_difference(probs) * with_xlogy(probs)


def _all_tied(probs: Tensor) -> Tensor:
    others = torch.where(probs == probs.amax(dim=1, keepdim=True), 0.0, probs)
    rest = others.sum(dim=1)
    among = with_xlogy(others) + torch.special.xlogy(rest, rest)
    whole = with_xlogy(probs)
    return torch.where(whole > 0, among / whole.clamp_min(1e-300), torch.zeros_like(whole)).clamp_min(0)


DARK_KNOWLEDGE_SHARE = Question(
    name="dark_knowledge_share",
    assignment="ps1_dark_knowledge",
    points=5,
    minutes=15,
    cases=_cases,
    reference=dark_knowledge.dark_knowledge_share,
    alternatives=(_by_difference, _row_by_row),
    invariants={"A share lies between 0 and 1.": _between_zero_and_one},
    mistakes=(
        Mistake(
            "not_conditional",
            _not_conditional,
            "Among the others, probabilities must sum to 1 first.",
            "https://github.com/facebookresearch/fairseq/pull/882",
        ),
        Mistake(
            "absolute",
            _absolute,
            "This is an amount in nats; a share is a part of the whole entropy.",
            "https://github.com/mne-tools/mne-features/issues/78",
        ),
        Mistake(
            "nan_at_zero",
            _zeros_among_others,
            "Where another class has no probability at all, or the top one has it all, yours is not a number.",
            ZEROS,
        ),
        Mistake(
            "all_tied",
            _all_tied,
            "Where two classes share the first place, how many of them are left out?",
            "https://github.com/arcee-ai/mergekit/pull/677",
        ),
    ),
    hints=(
        "Split the question 'which class?' into 'the top one or another?' and 'which other?'.",
        "The chain rule of entropy adds the two up; the second one counts only as often as it is asked.",
        "Divide the other probabilities by their sum, take the entropy, weigh it by that sum, divide by the whole.",
    ),
    tolerance=(1e-5, 1e-7),
)
