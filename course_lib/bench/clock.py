"""clock: how long a call takes, with its spread.

    a repeat = calls one after another, the device waited for once before and once after
    seconds  = duration of a repeat / its calls           median and quartiles over the repeats

Nothing waits for the device between the calls of a repeat, as nothing does in training. Functions that are compared are
timed in turn, one repeat of each per round, so that a machine that slows down slows all of them alike.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import torch

from course_lib.errors import CourseError

Call = Callable[[], Any]
LEAST_ROUNDS = 3  # below it there are no quartiles worth the name


@dataclass(frozen=True)
class Seconds:
    """Duration of one call, in seconds, over several repeats.

    Attributes:
        durations: One per repeat, in the order in which they were taken, positive.
        calls: Calls in each repeat.

    Example:
        >>> seconds = Seconds((4.0, 1.0, 3.0, 2.0, 5.0), calls=10)
        >>> seconds.median, seconds.low, seconds.high, seconds.fastest, seconds.repeats
        (3.0, 2.0, 4.0, 1.0, 5)
    """

    durations: tuple[float, ...]
    calls: int

    @property
    def median(self) -> float:
        """Over the repeats."""
        return median(self.durations)

    @property
    def low(self) -> float:
        """First quartile of the repeats, interpolated."""
        return self._quartiles()[0]

    @property
    def high(self) -> float:
        """Third quartile of the repeats, interpolated."""
        return self._quartiles()[2]

    @property
    def fastest(self) -> float:
        """Shortest of the repeats."""
        return min(self.durations)

    @property
    def unsteadiness(self) -> float:
        """Distance of the quartiles as a part of the median, at least 0."""
        return (self.high - self.low) / self.median

    @property
    def repeats(self) -> int:
        """How many there are."""
        return len(self.durations)

    def _quartiles(self) -> list[float]:
        return quantiles(self.durations, n=4, method="inclusive") if self.repeats > 1 else [*self.durations] * 3

    def saved_by(self, shorter: "Seconds") -> float:
        """Share of the time that a shorter way saves: the median over rounds that timed both.

        Returns:
            A fraction in [0, 1); 0 also where the difference drowns in the noise.

        Example:
            >>> Seconds((1.0, 2.0, 8.0), calls=1).saved_by(Seconds((0.5, 1.5, 2.0), calls=1))
            0.5
        """
        ratios = [short / long for short, long in zip(shorter.durations, self.durations, strict=True)]
        return max(0.0, 1 - median(ratios))

    def as_json(self) -> dict[str, float | int]:
        """Median, quartiles and counts as plain values."""
        return {
            "median": self.median,
            "low": self.low,
            "high": self.high,
            "repeats": self.repeats,
            "calls": self.calls,
        }


def seconds_per_call(
    function: Call, device: torch.device, *, at_least_seconds: float = 0.1, repeats: int = 5
) -> Seconds:
    """Time one function.

    Args:
        function: Is called without arguments; what it returns is dropped.
        device: What it works on; a CUDA device is waited for before and after each repeat.
        at_least_seconds: Duration of a repeat, at least; short functions are called several times in each.
        repeats: How many are timed, after a warm-up that is not.

    Returns:
        Seconds of one call.

    Raises:
        CourseError: If no repeat is asked for.
    """
    return interleaved({"it": function}, device, rounds=repeats, at_least_seconds=at_least_seconds)["it"]


def interleaved(
    functions: Mapping[str, Call],
    device: torch.device,
    *,
    rounds: int = 5,
    at_least_seconds: float = 0.1,
    at_most_seconds: float = math.inf,
) -> dict[str, Seconds]:
    """Time several functions in turn: one repeat of each per round, and each round begins with another one.

    Args:
        functions: What is timed, by name; each is called without arguments.
        device: What they work on.
        rounds: Repeats of each function.
        at_least_seconds: Duration of a repeat, at least.
        at_most_seconds: When no further round begins, warm-up included; the first three rounds are always made.

    Returns:
        Seconds of one call of each function, by its name.

    Raises:
        CourseError: If no round is asked for.
    """
    if rounds < 1:
        raise CourseError(f"a duration needs at least 1 repeat, got {rounds}")
    names, started = list(functions), perf_counter()
    calls = {name: _calls_of(functions[name], device, at_least_seconds) for name in names}
    durations: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        if number >= LEAST_ROUNDS and perf_counter() - started > at_most_seconds:
            break
        first = number % max(1, len(names))
        for name in names[first:] + names[:first]:
            durations[name].append(_elapsed(functions[name], device, calls[name]) / calls[name])
    return {name: Seconds(tuple(durations[name]), calls[name]) for name in names}


def _calls_of(function: Call, device: torch.device, at_least_seconds: float) -> int:
    """Warm a function up, and find how many of its calls last long enough."""
    _elapsed(function, device, 1)  # the first call allocates, compiles and chooses algorithms
    calls = 1
    while (seconds := _elapsed(function, device, calls)) < at_least_seconds:
        wanted = calls * at_least_seconds / max(seconds, 1e-9)
        calls = min(10 * calls, max(calls + 1, math.ceil(1.1 * wanted)))
    return calls


def _elapsed(function: Call, device: torch.device, calls: int) -> float:
    """Seconds that some calls take together, work of the device included."""
    _wait_for(device)
    started = perf_counter()
    for _ in range(calls):
        function()
    _wait_for(device)
    return perf_counter() - started


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
