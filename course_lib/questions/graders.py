"""graders: the graders are graded, and the matrix of what they say is printed.

``make graders`` calls every answer of the bank for fifty seeds: references and alternatives must get all points,
mistakes must lose some and be named, the untouched stub gets none. Then the references are mutated.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from multiprocessing import get_context

import torch
from rich.console import Console
from rich.table import Table

from course_lib.questions import ASSIGNMENTS, find, questions_of
from course_lib.questions.calling import call
from course_lib.questions.judging import Judge, Judgement
from course_lib.questions.mutants import mutants_of
from course_lib.questions.question import Function, Question

SEEDS = 50
REASONS = {  # why a change of a reference cannot be noticed: the question, and the change without its line
    ("softmax_with_temperature", "Sub becomes Add"): "softmax takes the largest off once more: any shift is free",
    ("softmax_with_temperature", "amax becomes amin"): "softmax takes the largest off once more: any shift is free",
    ("dark_knowledge_share", "two arguments change places"): "both arguments of xlogy are the rest",
    ("sample_lambdas", "two arguments change places"): "both are alpha",
    ("bin_index", "1 becomes 0"): "a check of n_bins, which is at least 1 in every case",
    ("bin_index", "0 becomes 1"): "words of an error, which no case provokes",
    ("calibration_transfer", "0.0 becomes 1.0"): "a value for data without spread, which no case has",
}
KILLED = 0.95  # of all mutants, at least


def stub(*arguments: object) -> None:
    """What a learner finds."""
    raise NotImplementedError


def judged(judge: Judge, function: Function) -> Judgement:
    """What a judge says of a function."""
    return judge.judge([call(function, case, judge.question.differentiable) for case in judge.cases])


def failures(question: Question, seed: int) -> Iterator[str]:
    """What a grader gets wrong with the cases of one seed."""
    judge = Judge(question, seed)
    for right in (question.reference, *question.alternatives):
        if not (found := judged(judge, right)).passed:
            yield f"{question.name}, seed {seed}: {right.__name__} is right and loses: {found.faults[0].sentence}"
    for mistake in question.mistakes:
        found = judge.judge(judge.wrong[mistake.name])
        if found.points == question.points:
            yield f"{question.name}, seed {seed}: {mistake.name} is wrong and gets all points"
        if mistake.name not in found.mistakes:
            yield f"{question.name}, seed {seed}: {mistake.name} is not named"
    if judged(judge, stub).points:
        yield f"{question.name}, seed {seed}: the stub gets points"


def alike(question: Question) -> Iterator[str]:
    """Mistakes that no case tells apart; a learner would hear both advices for either."""
    judge = Judge(question, seed=0)
    for one, other in combinations(judge.wrong, 2):
        if judge.same(judge.wrong[one], judge.wrong[other]):
            yield f"{question.name}: nothing tells {one} from {other}"


def unexplained(question: Question, changes: list[str]) -> Iterator[str]:
    """Survivors for which no reason is known, and reasons for changes that do not survive."""
    left = {(question.name, change.partition(": ")[2]) for change in changes}
    known = {key for key in REASONS if key[0] == question.name}
    for name, change in left - known:
        yield f"{name}: nothing notices when {change}: add a case, or the reason to REASONS"
    for name, change in known - left:
        yield f"{name}: it is noticed when {change}: take the reason out of REASONS"


def survivors(question: Question) -> tuple[int, list[str]]:
    """How many mutants of the reference there are, and those that no case tells from it."""
    judge = Judge(question, seed=0)
    mutants = list(mutants_of(question.reference))
    return len(mutants), [mutant.what for mutant in mutants if judged(judge, mutant.function).passed]


@dataclass(frozen=True)
class Examined:
    """What was found out about one grader.

    Attributes:
        wrong: What it gets wrong, a line each.
        mutants: Of its reference.
        alive: Those that nothing notices.
    """

    wrong: list[str]
    mutants: int
    alive: list[str]


def examine(name: str) -> Examined:
    """Put a grader to all its tests; a question is named, because a definition cannot cross to another process."""
    torch.set_num_threads(1)
    question = find(name)
    wrong = [line for seed in range(SEEDS) for line in failures(question, seed)]
    mutants, alive = survivors(question)
    return Examined([*wrong, *alike(question), *unexplained(question, alive)], mutants, alive)


def main() -> int:
    """Print the matrix; 1 if anything is not as it should be."""
    console = Console(width=120)
    table = Table(title=f"Graders, {SEEDS} seeds", box=None, title_justify="left")
    for column in ("question", "right", "mistakes, each loses points and is named", "mutants", "left"):
        table.add_column(column, justify="left" if column[0] in "qm" and column != "mutants" else "right")
    questions = [question for assignment in ASSIGNMENTS for question in questions_of(assignment).values()]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        found = list(zip(questions, pool.map(examine, [question.name for question in questions]), strict=True))
    for question, each in found:
        names = ", ".join(mistake.name for mistake in question.mistakes)
        numbers = (1 + len(question.alternatives), names, each.mutants, len(each.alive))
        table.add_row(question.name, *map(str, numbers))
    console.print(table)
    for question, each in found:
        for change in each.alive:
            reason = REASONS.get((question.name, change.partition(": ")[2]), "no reason known")
            console.print(f"Not noticed: {question.name}, {change}: {reason}.", markup=False, highlight=False)
    wrong = [line for _, each in found for line in each.wrong]
    for line in wrong:
        console.print(line, style="red", markup=False)
    mutated, alive = (sum(numbers) for numbers in zip(*((e.mutants, len(e.alive)) for _, e in found), strict=True))
    killed = 1 - alive / max(1, mutated)
    console.print(f"{mutated - alive} of {mutated} mutants are noticed ({killed:.1%}).")
    return int(bool(wrong) or killed < KILLED)


if __name__ == "__main__":
    sys.exit(main())
