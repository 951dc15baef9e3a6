"""flatten: a teacher without dark knowledge. Of tied top classes either may stay, so properties judge the values."""

import numpy as np
import torch
from torch import Tensor

from course_lib import dark_knowledge
from course_lib.questions import draws
from course_lib.questions.case import Array, Case, Outputs
from course_lib.questions.question import Mistake, Question

PRECISION = {"float64": (1e-6, 1e-9), "float32": (1e-4, 1e-5)}  # relative and absolute


def _cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case("plain", {"probs": np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])}, "two images and three classes"),
        Case("plain", {"probs": draws.probabilities(rng, 2, 4)}),
        Case("edge", {"probs": np.eye(3)}, "rows that are certain"),
        Case("edge", {"probs": draws.probabilities(rng, 3, 2)}, "only two classes"),
        Case("edge", {"probs": np.array([[0.4, 0.4, 0.2]])}, "two top classes that are equal"),
        Case("edge", {"probs": draws.probabilities(rng, 3, 3, dtype="float32")}, "float32"),
        Case("stress", {"probs": draws.probabilities(rng, 2, 6, scale=12.0)}, "very confident rows"),
        Case("random", {"probs": draws.probabilities(rng, 5, 9)}),
        Case("random", {"probs": draws.probabilities(rng, 1, 50)}),
    ]


def _close(mine: Array, right: Array) -> bool:
    relative, absolute = PRECISION[str(mine.dtype)]
    return bool(np.allclose(mine, right, rtol=relative, atol=absolute))


def _confidence_kept(case: Case, outputs: Outputs) -> bool:
    return _close(outputs["result"].max(axis=1), np.asarray(case.arguments["probs"]).max(axis=1))


def _top_stays_on_top(case: Case, outputs: Outputs) -> bool:
    probs = np.asarray(case.arguments["probs"])
    rows = np.arange(len(probs))
    return bool((probs[rows, outputs["result"].argmax(axis=1)] == probs.max(axis=1)).all())


def _others_share_evenly(case: Case, outputs: Outputs) -> bool:
    probs = np.asarray(case.arguments["probs"])
    rest = np.sort(probs, axis=1)[:, :-1]
    return _close(np.sort(outputs["result"], axis=1)[:, :-1], np.broadcast_to(rest.mean(axis=1)[:, None], rest.shape))


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


def _last_of_tied(probs: Tensor) -> Tensor:
    return _with_one_hot(probs.flip(1)).flip(1)


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


def _both_kept(probs: Tensor) -> Tensor:
    confidence = probs.amax(dim=1, keepdim=True)
    return torch.where(probs == confidence, confidence, (1 - confidence) / (probs.shape[1] - 1))


FLATTEN_DARK_KNOWLEDGE = Question(
    name="flatten_dark_knowledge",
    assignment="ps1_dark_knowledge",
    points=5,
    minutes=10,
    cases=_cases,
    reference=dark_knowledge.flatten_dark_knowledge,
    random=True,
    alternatives=(_with_one_hot, _row_by_row, _last_of_tied),
    invariants={
        "The confidence of each row stays what it was.": _confidence_kept,
        "The class on top stays on top.": _top_stays_on_top,
        "Each row still sums to 1.": _rows_sum_to_one,
        "All other classes have the same probability.": _others_share_evenly,
    },
    mistakes=(
        Mistake(
            "over_all",
            _over_all,
            "The top class gets a part of the rest as well: its probability should stay.",
            "https://github.com/JIA-Lab-research/MiSLAS/issues/4",
        ),
        Mistake(
            "divided_by_all",
            _divided_by_all,
            "How many classes share the rest? Check the sum of a row.",
            "https://github.com/CoinCheung/pytorch-loss/pull/19",
        ),
        Mistake(
            "hard",
            _hard,
            "This throws the confidence away as well: the rest has to go somewhere.",
            "https://github.com/JDAI-CV/FADA/issues/21",
        ),
        Mistake(
            "both_kept",
            _both_kept,
            "Where two classes share the first place, how many places keep their probability in yours?",
            "https://github.com/arcee-ai/mergekit/pull/677",
        ),
    ),
    hints=(
        "What is left of 1 when the top class has taken its part?",
        "How many other classes are there to share it?",
        "Fill a tensor with the shared part, then write the top probability where argmax says.",
    ),
)
