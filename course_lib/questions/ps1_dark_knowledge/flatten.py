"""flatten: a teacher without dark knowledge."""

import numpy as np
import torch
from torch import Tensor

from course_lib import dark_knowledge
from course_lib.questions import draws
from course_lib.questions.case import Case, Outputs
from course_lib.questions.question import Mistake, Question

SMOOTHING = "https://arxiv.org/abs/1512.00567"  # label smoothing spreads over all classes, the true one included
BORN_AGAIN = "https://arxiv.org/abs/1805.04770"  # which permutes dark knowledge instead: another ablation


def _cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case("plain", {"probs": np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])}, "two images and three classes"),
        Case("plain", {"probs": draws.probabilities(rng, 2, 4)}),
        Case("edge", {"probs": np.eye(3)}, "rows that are certain"),
        Case("edge", {"probs": draws.probabilities(rng, 3, 2)}, "only two classes"),
        Case("edge", {"probs": draws.probabilities(rng, 3, 3, dtype="float32")}, "float32"),
        Case("stress", {"probs": draws.probabilities(rng, 2, 6, scale=12.0)}, "very confident rows"),
        Case("random", {"probs": draws.probabilities(rng, 5, 9)}),
        Case("random", {"probs": draws.probabilities(rng, 1, 50)}),
    ]


def _confidence_kept(case: Case, outputs: Outputs) -> bool:
    return bool(np.allclose(outputs["result"].max(axis=1), np.asarray(case.arguments["probs"]).max(axis=1), atol=1e-6))


def _rows_sum_to_one(case: Case, outputs: Outputs) -> bool:
    return bool(np.allclose(outputs["result"].sum(axis=1), 1, atol=1e-5))


def _with_one_hot(probs: Tensor) -> Tensor:
    top = torch.nn.functional.one_hot(probs.argmax(dim=1), probs.shape[1]).to(probs.dtype)
    confidence = probs.amax(dim=1, keepdim=True)
    return top * confidence + (1 - top) * (1 - confidence) / (probs.shape[1] - 1)


def _row_by_row(probs: Tensor) -> Tensor:
    rows = []
    for row in probs:
        flat = torch.full_like(row, float(1 - row.max()) / (len(row) - 1))
        flat[row.argmax()] = row.max()
        rows.append(flat)
    return torch.stack(rows)


def _over_all(probs: Tensor) -> Tensor:
    top = torch.nn.functional.one_hot(probs.argmax(dim=1), probs.shape[1]).to(probs.dtype)
    confidence = probs.amax(dim=1, keepdim=True)
    return top * confidence + (1 - confidence) / probs.shape[1]


def _divided_by_all(probs: Tensor) -> Tensor:
    top = torch.nn.functional.one_hot(probs.argmax(dim=1), probs.shape[1]).to(probs.dtype)
    confidence = probs.amax(dim=1, keepdim=True)
    return top * confidence + (1 - top) * (1 - confidence) / probs.shape[1]


def _hard(probs: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(probs.argmax(dim=1), probs.shape[1]).to(probs.dtype)


def _reversed(probs: Tensor) -> Tensor:
    permuted = probs.flip(1).clone()
    rows, top = torch.arange(len(probs)), probs.argmax(dim=1)
    other = probs.shape[1] - 1 - top
    permuted[rows, other] = permuted[rows, top].clone()
    permuted[rows, top] = probs.amax(dim=1)
    return permuted


FLATTEN_DARK_KNOWLEDGE = Question(
    name="flatten_dark_knowledge",
    assignment="ps1_dark_knowledge",
    points=5,
    minutes=10,
    cases=_cases,
    reference=dark_knowledge.flatten_dark_knowledge,
    alternatives=(_with_one_hot, _row_by_row),
    invariants={
        "The confidence of each row stays what it was.": _confidence_kept,
        "Each row still sums to 1.": _rows_sum_to_one,
    },
    mistakes=(
        Mistake(
            "over_all",
            _over_all,
            "The top class gets a part of the rest as well: its probability should stay.",
            SMOOTHING,
        ),
        Mistake(
            "divided_by_all", _divided_by_all, "How many classes share the rest? Check the sum of a row.", SMOOTHING
        ),
        Mistake("hard", _hard, "This throws the confidence away as well: the rest has to go somewhere.", SMOOTHING),
        Mistake("permuted", _reversed, "The others are dealt out anew, not spread evenly.", BORN_AGAIN),
    ),
    hints=(
        "What is left of 1 when the top class has taken its part?",
        "How many other classes are there to share it?",
        "Fill a tensor with the shared part, then write the top probability where argmax says.",
    ),
)
