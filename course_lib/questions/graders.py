"""graders: the graders are graded, and the matrix of what they say is printed.

``make graders`` calls every answer of the bank for fifty seeds: references, alternatives and the solutions' notebooks
must get all points, mistakes must lose some and be named, the untouched stub gets none. Then references and solutions
are mutated.
"""

import signal
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
from course_lib.questions.judging import Judge
from course_lib.questions.mutants import mutants_of
from course_lib.questions.question import Function, Question
from course_lib.questions.solved import SOLUTIONS, solution_of

SEEDS = 50
SHIFT = "softmax takes the largest off once more, and any shift is free"
MASKED = "a divisor where nothing is divided: the last line replaces what comes of it"
CHECK = "nothing but a check of the arguments uses it"
EXACT = "0 and 1 are the same in any dtype, and the product has the dtype of lam"
UNLIKE = "every student of the cases differs from the others"
REASONS = {  # why a change cannot be noticed: the question, the change, and a part of its line
    ("softmax_with_temperature", "Sub becomes Add", "logits.amax"): SHIFT,
    ("softmax_with_temperature", "amax becomes amin", "logits.amax"): SHIFT,
    ("softmax_with_temperature", "dim is left out", "logits.amax"): SHIFT,
    ("dark_knowledge_share", "1.0 becomes 0.0", "torch.where(rest > 0, rest, 1.0)"): MASKED,
    ("dark_knowledge_share", "1.0 becomes 0.0", "torch.where(whole > 0, whole, 1.0)"): MASKED,
    ("mix_labels", "dtype is left out", "torch.eye"): EXACT,
    ("bin_index", "device is left out", "inner_edges = "): "all cases are on the CPU",
    ("bin_index", "GtE becomes Lt", "outside = "): CHECK,
    ("bin_index", "LtE becomes Gt", "outside = "): CHECK,
    ("bin_index", "0 becomes 1", "outside = "): CHECK,
    ("bin_index", "1 becomes 0", "outside = "): CHECK,
    ("scale_and_report", "Sub becomes Add", "centred = "): SHIFT,
    ("adaptive_ece", "kind is left out", "np.argsort"): "equal confidences share a bin, whichever comes first",
    ("scale_and_report", "amax becomes amin", "centred = "): SHIFT,
    ("scale_and_report", "dim is left out", "centred = "): SHIFT,
    ("calibration_transfer", "0.0 becomes 1.0", "else 0.0"): UNLIKE,
}
KILLED = 0.95  # of all mutants, at least
PATIENCE = 10.0  # seconds of computing for a mutant; one that needs more runs without end


def stub(*arguments: object) -> None:
    """What a learner finds."""
    raise NotImplementedError


def failures(question: Question, seed: int) -> Iterator[str]:
    """What a grader gets wrong with the cases of one seed."""
    judge, solution = Judge(question, seed), solution_of(question)
    if solution is None:
        yield f"{question.name}: there is no solution in {SOLUTIONS}"
    for right in filter(None, (question.reference, *question.alternatives, solution)):
        if not (found := judge.of(right)).passed:
            who = "the solution" if right is solution else right.__name__
            yield f"{question.name}, seed {seed}: {who} is right and loses: {found.faults[0].sentence}"
    for mistake in question.mistakes:
        found = judge.judge(judge.wrong[mistake.name])
        if found.points == question.points:
            yield f"{question.name}, seed {seed}: {mistake.name} is wrong and gets all points"
        if mistake.name not in found.mistakes:
            yield f"{question.name}, seed {seed}: {mistake.name} is not named"
    if judge.of(stub).points:
        yield f"{question.name}, seed {seed}: the stub gets points"


def alike(question: Question) -> Iterator[str]:
    """Mistakes that no case tells apart; a learner would hear both advices for either."""
    judge = Judge(question, seed=0)
    for one, other in combinations(judge.wrong, 2):
        if judge.same(judge.wrong[one], judge.wrong[other]):
            yield f"{question.name}: nothing tells {one} from {other}"


def reason(question: Question, change: str) -> str:
    """Why a change that survives cannot be noticed; empty if nobody knows."""
    known = ((key, why) for key, why in REASONS.items() if key[0] == question.name)
    return next((why for (_, what, line), why in known if _is(change, what, line)), "")


def unexplained(question: Question, changes: list[str]) -> Iterator[str]:
    """Survivors for which no reason is known, and reasons for changes that do not survive."""
    for change in changes:
        if not reason(question, change):
            yield f"{question.name}: nothing notices when {change}: add a case, or the reason to REASONS"
    for name, what, line in REASONS:
        if name == question.name and not any(_is(change, what, line) for change in changes):
            yield f"{name}: it is noticed when {what} in {line}: take the reason out of REASONS"


def _is(change: str, what: str, line: str) -> bool:
    return change.startswith(f"{what} in: ") and line in change


def survivors(question: Question) -> tuple[int, list[str]]:
    """How many mutants of the reference and of the solution there are, and those that no case tells from it."""
    judge = Judge(question, seed=0)
    originals = filter(None, (question.reference, solution_of(question)))
    mutants = [mutant for original in originals for mutant in mutants_of(original)]
    return len(mutants), [mutant.what for mutant in mutants if not _noticed(judge, mutant.function)]


def _noticed(judge: Judge, function: Function) -> bool:
    """Whether a mutant loses points; one that runs without end does."""

    def ring(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        return judge.notices(function)
    except TimeoutError:  # between two calls
        return True
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@dataclass(frozen=True)
class Examined:
    """What was found out about one grader.

    Attributes:
        wrong: What it gets wrong, a line each.
        mutants: Of its reference and its solution.
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
        numbers = (2 + len(question.alternatives), names, each.mutants, len(each.alive))
        table.add_row(question.name, *map(str, numbers))
    console.print(table)
    for question, each in found:
        for change in each.alive:
            why = reason(question, change) or "no reason known"
            console.print(f"Not noticed: {question.name}, {change}: {why}.", markup=False, highlight=False)
    wrong = [line for _, each in found for line in each.wrong]
    for line in wrong:
        console.print(line, style="red", markup=False)
    mutated, alive = (sum(numbers) for numbers in zip(*((e.mutants, len(e.alive)) for _, e in found), strict=True))
    killed = 1 - alive / max(1, mutated)
    console.print(f"{mutated - alive} of {mutated} mutants are noticed ({killed:.1%}).")
    return int(bool(wrong) or killed < KILLED)


if __name__ == "__main__":
    sys.exit(main())
