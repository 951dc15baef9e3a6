"""dial_teacher: a teacher that is less sure, or surer, and says the same."""

import numpy as np
import torch
from torch import Tensor

from course_lib import dark_knowledge
from course_lib.questions import draws
from course_lib.questions.case import Case, Outputs
from course_lib.questions.question import Mistake, Question


def _cases(rng: np.random.Generator) -> list[Case]:
    def case(group: str, n: int, classes: int, tau: float, why: str = "", scale: float = 2.0) -> Case:
        return Case(group, {"teacher_logits": draws.logits(rng, n, classes, scale), "tau": tau}, why)

    single = draws.logits(rng, 2, 4, dtype="float32")
    return [
        Case("plain", {"teacher_logits": np.array([[2.0, -1.0, 0.0], [0.0, 0.0, 4.0]]), "tau": 2.0}, "two images"),
        case("plain", 3, 4, 0.5, "a tau below 1"),
        case("edge", 2, 3, 1.0, "a tau of 1"),
        Case("edge", {"teacher_logits": single, "tau": 3.0}, "float32"),
        case("edge", 1, 2, 1.5, "a batch of one image"),
        case("stress", 3, 5, 0.05, "logits of 10,000 and a cold tau", scale=1e4),
        case("stress", 300, 10, 1e3, "a few hundred images and a hot tau"),
        case("random", 4, 7, float(rng.uniform(1.2, 9))),
        case("random", 5, 100, float(rng.uniform(0.2, 0.8))),
    ]


def _same_answers(case: Case, outputs: Outputs) -> bool:
    before = np.asarray(case.arguments["teacher_logits"]).argmax(axis=1)
    return bool((outputs["result"].argmax(axis=1) == before).all())


def _one_changes_nothing(case: Case, outputs: Outputs) -> bool:
    logits = np.asarray(case.arguments["teacher_logits"])
    return case.arguments["tau"] != 1 or bool(np.allclose(outputs["result"], logits, atol=1e-6))


def _by_the_inverse(teacher_logits: Tensor, tau: float) -> Tensor:
    return teacher_logits * (1 / tau)


def _image_by_image(teacher_logits: Tensor, tau: float) -> Tensor:
    dialled = torch.empty_like(teacher_logits)
    for place, row in enumerate(teacher_logits.tolist()):
        dialled[place] = torch.tensor([logit / tau for logit in row], dtype=torch.float64)
    return dialled


def _multiplied(teacher_logits: Tensor, tau: float) -> Tensor:
    return teacher_logits * tau


def _probabilities(teacher_logits: Tensor, tau: float) -> Tensor:
    return (teacher_logits / tau).softmax(dim=1)


def _of_probabilities(teacher_logits: Tensor, tau: float) -> Tensor:
    return teacher_logits.softmax(dim=1) / tau


def _of_log_probabilities(teacher_logits: Tensor, tau: float) -> Tensor:
    return teacher_logits.log_softmax(dim=1) / tau


def _twice(teacher_logits: Tensor, tau: float) -> Tensor:
    return teacher_logits / tau / tau


def _in_place(teacher_logits: Tensor, tau: float) -> Tensor:
    return teacher_logits.div_(tau)


DIAL_TEACHER = Question(
    name="dial_teacher",
    assignment="ps5_mixup_distillation",
    points=3,
    minutes=4,
    cases=_cases,
    reference=dark_knowledge.dial_teacher,
    alternatives=(_by_the_inverse, _image_by_image),
    invariants={
        "However sure the teacher is made, its answers stay the same.": _same_answers,
        "A tau of 1 changes nothing.": _one_changes_nothing,
    },
    mistakes=(
        Mistake(
            "multiplied",
            _multiplied,
            "A tau above 1 should make the teacher less sure: do its logits grow or shrink?",
            "https://github.com/bowang-lab/BLEEP/issues/5",
        ),
        Mistake(
            "probabilities",
            _probabilities,
            "A student's loss takes a softmax of what you hand back: would that be the second one?",
            "https://github.com/gpleiss/temperature_scaling/issues/29",
        ),
        Mistake(
            "of_probabilities",
            _of_probabilities,
            "Probabilities are dialled here: what should be, is what comes before them.",
            "https://github.com/gpleiss/temperature_scaling/issues/29",
        ),
        Mistake(
            "of_log_probabilities",
            _of_log_probabilities,
            "The input holds logits already, and a tau of 1 should leave them as they are.",
            "https://github.com/MoonshotAI/Kimi-Audio/pull/161",
        ),
        Mistake(
            "twice",
            _twice,
            "A tau of 2 makes your teacher as unsure as one of 4 should.",
            "https://github.com/RL-Align/RL-Kernel/issues/81",
        ),
        Mistake(
            "in_place",
            _in_place,
            "Whoever dials the same teacher again starts from what you have left: its logits should stay.",
            "https://github.com/Adibvafa/CodonTransformer/pull/20",
        ),
    ),
    hints=(
        "What changes how sure a softmax is, and never which class is its largest?",
        "It is the temperature, applied to the teacher alone.",
        "One operation on the whole tensor, no softmax and no loop.",
    ),
)
