"""page: everything that can be measured about speed on this machine, as ``docs/performance.md``.

``make bench`` runs it. Nothing is copied from elsewhere: a cell that this machine cannot fill says "not measured".
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import quantiles

import torch
from rich.console import Console
from rich.table import Table

from course_lib.bench import Bench, bench
from course_lib.bench.peers import loader, mixing, numbers, reading, step
from course_lib.bench.peers.record import Comparison, needed
from course_lib.experiment.record import environment_of
from course_lib.files import write_atomically

PAGE = Path("docs") / "performance.md"
DATA_SHARE, CACHED = 3.0, 1.05  # of a step, in %; of a step without a teacher
NOT_MEASURED = "not measured"
ON_A_GPU = (
    "`crd` (wrn-40-2 -> wrn-16-2) against a DataLoader and eager loop | at least 3 times",
    "the same with the teacher cache | at least 5 times",
    "cost of data | at most 3 %",
    "CUDA-graphed step against the eager one, batch 64 | at least 2 times",
    "share of the binding ceiling | reported",
    "decoding on the GPU, torchrun on several | reported",
)


def measure(tell: Callable[[str], None]) -> tuple[Bench, list[Comparison]]:
    """Run every comparison; about five minutes on two cores."""
    found: list[Comparison] = []
    for name, compare in (
        ("(a) loader", loader.compare),
        ("(b) mixup", mixing.compare),
        ("(c) whole step", step.compare),
        ("(d) calibration error", numbers.compare_calibration),
        ("(e) temperature", numbers.compare_temperature),
        ("packed images", reading.compare_packs),
        ("memory", reading.compare_memory),
    ):
        tell(f"{name} ...")
        found += compare()
    tell("where a step's time goes ...")
    own = bench(seconds=90.0)
    return own, [*found, *of_step(own)]


def of_step(own: Bench) -> list[Comparison]:
    """The targets that `course bench` itself can judge: the cost of data, and of a teacher whose answers are kept."""
    found = []
    for arm in ("kd", "mixup_kd"):
        times = own.arms[arm]
        share = 100 * times.whole.saved_by(times.prepared)
        what = f"data{' and mixup' if arm == 'mixup_kd' else ''}: part of a {arm} step, resnet20 -> resnet8"
        pairs = zip(times.prepared.durations, times.whole.durations, strict=True)
        rounds = [100 * (1 - short / long) for short, long in pairs]
        low, _, high = quantiles(rounds, n=4, method="inclusive")
        found.append(Comparison(what, share, low, high, "%", DATA_SHARE, at_least=False))
    for arm, alone in (("kd", "ce"), ("mixup_kd", "mixup")):
        cached, without = own.arms[arm].cached, own.arms[alone].whole
        if cached is None:
            continue
        rounds = [ours / theirs for ours, theirs in zip(cached.durations, without.durations, strict=True)]
        low, middle, high = quantiles(rounds, n=4, method="inclusive")
        what = f"a {arm} step with the teacher's answers at hand, against {alone} without a teacher"
        found.append(Comparison(what, middle, low, high, "times", CACHED, at_least=False))
    return found


def table(found: Sequence[Comparison]) -> Table:
    """The comparisons, for a person at a terminal."""
    shown = Table(title="Measured", box=None, title_justify="left")
    for column in ("what", "measured", "range", "target", "verdict"):
        shown.add_column(column, justify="left" if column in ("what", "verdict") else "right", overflow="fold")
    for each in found:
        shown.add_row(each.what, *_cells(each))
    return shown


def _cells(each: Comparison) -> tuple[str, str, str, str]:
    unit = "" if each.unit == "times" else f" {each.unit}"
    digits = 0 if each.unit == "MB" else 1 if each.value >= 10 or each.unit == "%" else 2
    value, low, high = (f"{number:,.{digits}f}" for number in (each.value, each.low, each.high))
    aim = "" if each.target is None else f"{'≥' if each.at_least else '≤'} {each.target:g}{unit}"
    return f"{value}{unit}", "" if low == high else f"{low} to {high}", aim, each.verdict


def page(machine: dict, own: Bench, found: Sequence[Comparison]) -> str:
    """The document."""
    described = (
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads; torch {machine['torch']}, "
        f"Python {machine['python']}, {machine['platform']}; everything below ran on the processor"
    )
    lines = [
        "# How fast it is, and what limits it",
        "",
        "Written by `make bench`; nothing here is typed by hand, and nothing is an estimate.",
        "",
        f"Machine: {described}.",
        "",
        "## Targets and peers",
        "",
        "A ratio is how many times as long the peer takes: same machine, networks, batch and data, timed in turn;",
        "median and quartiles over the rounds. Above 1 ours is faster.",
        "",
        "| what | measured | range | target | verdict |",
        "|---|---|---|---|---|",
        *(f"| {each.what} | {' | '.join(_cells(each))} |" for each in found),
        "",
        "The numbers behind the rows:",
        "",
        *(f"- {each.what}: {each.note}." for each in found if each.note),
        "",
        "## Where a step's time goes, and what binds it",
        "",
        *_limits(own),
        "",
        "## On a GPU",
        "",
        "| what | target | measured |",
        "|---|---|---|",
        *(f"| {line} | {NOT_MEASURED} |" for line in ON_A_GPU),
        "",
        "This page is about processors. A GPU's code paths run under tests on the processor, with functions in place",
        "of CUDA graphs; how fast they are, nobody knows yet. `course bench --device cuda` measures them.",
        "",
    ]
    return "\n".join(lines)


def _limits(own: Bench) -> list[str]:
    settings = own.settings
    lines = [
        f"`course bench`: {settings.teacher} -> {settings.student}, batches of {settings.batch_size} images of "
        f"{' x '.join(map(str, own.shape))}, {own.num_classes} classes.",
        "",
        "| arm | images/s | ms a step (quartiles) | data | teacher | ms, answers kept | binding ceiling | reached |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for arm, times in own.arms.items():
        whole, bound = times.whole, own.bound(arm)
        data = f"{100 * whole.saved_by(times.prepared):.1f} %"
        teacher = "-" if times.alone is None else f"{100 * whole.saved_by(times.alone):.0f} %"
        cached = "-" if times.cached is None else f"{1e3 * times.cached.median:.0f}"
        took = f"{1e3 * whole.median:.0f} ({1e3 * whole.low:.0f} to {1e3 * whole.high:.0f})"
        rate = f"{own.images_per_second(arm):,.0f}"
        reached = f"{100 * bound.achieved:.0f} %"
        lines.append(f"| {' | '.join((arm, rate, took, data, teacher, cached, bound.binding, reached))} |")
    lines += ["", "Ceilings measured in the same minutes:", ""]
    for name, ceiling in own.ceilings.items():
        lines.append(
            f"- {name}: {NOT_MEASURED if ceiling is None else f'{ceiling.rate:.3g} {ceiling.unit}, {ceiling.how}'}"
        )
    return [*lines, *(f"\n{sentence}" for sentence in own.unsteady)]


def main() -> None:
    """Measure, print and write."""
    console = Console()
    for library in ("timm.data", "torchdistill", "torchmetrics"):
        needed(library)
    own, found = measure(lambda line: console.print(line, style="dim", highlight=False))
    console.print(table(found))
    write_atomically(PAGE, page(environment_of(torch.device("cpu")), own, found))
    console.print(f"The whole page: {PAGE}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
