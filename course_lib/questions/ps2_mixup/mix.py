"""mix: convex combinations of a batch with its partners."""

import numpy as np
import torch
from torch import Tensor

from course_lib import mixup
from course_lib.questions import draws
from course_lib.questions.case import Case, Outputs
from course_lib.questions.question import Mistake, Question

PERMUTATIONS = "https://github.com/xudonmao/VMT/issues/1"
IN_PLACE = "https://github.com/huggingface/pytorch-image-models/issues/50"


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, shape: tuple[int, ...], why: str = "", dtype: str = "float64", **given: np.ndarray) -> Case:
        n = shape[0]
        made = {
            "batch": rng.standard_normal(shape).astype(dtype),
            "lam": draws.lambdas(rng, n, dtype),
            "partner": draws.partners(rng, n),
        }
        return Case(group, made | given, why)

    hand = {
        "batch": np.array([[4.0, 0.0, 2.0], [0.0, 8.0, 2.0]]),
        "lam": np.array([0.75, 0.5]),
        "partner": np.array([1, 0]),
    }
    cycle = np.array([1, 2, 0])
    return [
        Case("plain", hand, "two rows of three numbers"),
        case("plain", (3, 2), "three examples in a circle", partner=cycle),
        case("plain", (3, 1, 2, 2), "images", partner=cycle),
        case("edge", (4, 2), "weights of 0 and 1", lam=np.array([0.0, 1.0, 1.0, 0.0])),
        case("edge", (4, 4), "as many numbers as examples", partner=np.array([3, 3, 0, 0])),
        case("edge", (3, 2, 2, 2), "float32 images", "float32", partner=cycle),
        case("edge", (3, 2), "float32 examples and float64 weights", "float32", lam=draws.lambdas(rng, 3)),
        case("edge", (1, 3), "one example that is its own partner", partner=np.array([0])),
        case("edge", (2, 3), "weights of 1", lam=np.ones(2), partner=np.array([1, 0])),
        case("stress", (64, 3, 4, 4), "64 colour images, float32", "float32"),
        case("random", (7,)),
        case("random", (6, 2, 3, 3)),
    ]


def _itself_is_kept(case: Case, outputs: Outputs) -> bool:
    batch, lam, partner = (np.asarray(case.arguments[name]) for name in ("batch", "lam", "partner"))
    same = (lam == 1) | (partner == np.arange(len(batch)))
    return bool(np.allclose(outputs["result"][same], batch[same], atol=1e-5))


def _within_range(case: Case, outputs: Outputs) -> bool:
    batch = np.asarray(case.arguments["batch"])
    return bool((outputs["result"] <= batch.max() + 1e-5).all() and (outputs["result"] >= batch.min() - 1e-5).all())


def _is_new(case: Case, outputs: Outputs) -> bool:
    return not bool(outputs["shares"])


def _wide(lam: Tensor, batch: Tensor) -> Tensor:
    return lam.to(batch.dtype).reshape(-1, *[1] * (batch.ndim - 1))


def _as_formula(batch: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return _wide(lam, batch) * batch + (1 - _wide(lam, batch)) * batch[partner]


def _with_lerp(batch: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return torch.lerp(batch[partner], batch, _wide(lam, batch))


def _one_by_one(batch: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    rows = [float(a) * batch[i] + (1 - float(a)) * batch[j] for i, (a, j) in enumerate(zip(lam, partner, strict=True))]
    return torch.stack(rows)


def _as_matrix(batch: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    weight = lam.to(batch.dtype)
    matrix = torch.diag(weight).index_put((torch.arange(len(batch)), partner), 1 - weight, accumulate=True)
    return torch.tensordot(matrix, batch, dims=1)


def _swapped(batch: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return mixup.mix(batch, 1 - lam, partner)


def _reversed(batch: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return mixup.mix(batch, lam, torch.arange(len(batch)).flip(0))


def _inverse(batch: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return mixup.mix(batch, lam, partner.argsort(stable=True))


def _one_weight(batch: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return mixup.mix(batch, lam[:1].expand(len(lam)), partner)


def _chained(batch: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    mixed = batch.clone()
    for i, j in enumerate(partner):
        mixed[i] = lam[i] * mixed[i] + (1 - lam[i]) * mixed[j]
    return mixed


def _twice_weighed(batch: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    weight = _wide(lam, batch)
    kept = weight * batch
    return kept + (1 - weight) * kept[partner]


def _in_place(batch: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
    return batch.copy_(mixup.mix(batch, lam, partner))


MIX = Question(
    name="mix",
    assignment="ps2_mixup",
    points=6,
    minutes=12,
    cases=_cases,
    reference=mixup.mix,
    alternatives=(_as_formula, _with_lerp, _one_by_one, _as_matrix),
    invariants={
        "A weight of 1, or being one's own partner, leaves an example as it is.": _itself_is_kept,
        "A mixed value lies between the smallest and the largest of the batch.": _within_range,
        "What comes back is a new tensor, also where nothing is to be mixed.": _is_new,
    },
    mistakes=(
        Mistake(
            "swapped",
            _swapped,
            "Whose weight is lam: that of the example itself, or that of its partner?",
            "https://github.com/kornia/kornia/issues/3077",
        ),
        Mistake("reversed", _reversed, "Who is mixed with whom is said by partner, not by the order.", PERMUTATIONS),
        Mistake(
            "inverse",
            _inverse,
            "Example i meets example partner[i]; yours meets the one whose partner is i.",
            PERMUTATIONS,
        ),
        Mistake(
            "one_weight",
            _one_weight,
            "Each example has a weight of its own; yours all use that of the first.",
            "https://github.com/TorchSSL/TorchSSL/issues/69",
        ),
        Mistake(
            "chained",
            _chained,
            "Some partners of yours have been mixed already: where should they be read from?",
            "https://github.com/Megvii-BaseDetection/YOLOX/pull/275",
        ),
        Mistake(
            "twice_weighed",
            _twice_weighed,
            "What part of the mixture is the partner here? The two weights should add up to 1.",
            IN_PLACE,
        ),
        Mistake(
            "in_place",
            _in_place,
            "The caller still needs the batch as it was: return a new tensor.",
            "https://github.com/huggingface/pytorch-image-models/issues/1143",
        ),
    ),
    hints=(
        "batch[partner] puts the partner of example i at place i.",
        "lam is (N,), a batch of images (N, C, H, W): which shape must lam have to be multiplied with them?",
        "lam.view(-1, 1, 1, 1) fits images; make the number of ones depend on batch.ndim.",
    ),
)
