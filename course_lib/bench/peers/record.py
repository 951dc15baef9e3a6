"""record: one comparison and its target."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from types import ModuleType

from course_lib.bench.clock import Seconds
from course_lib.errors import CourseError


@dataclass(frozen=True)
class Comparison:
    """A number that was measured, and what it should be.

    Attributes:
        what: What is compared, in words.
        value: The median.
        low: Its first quartile over the rounds.
        high: Its third.
        unit: ``times`` for a ratio, ``%``, ``MB`` ...
        target: What the value should reach; None where nothing was promised.
        at_least: Whether it should be at least the target, or at most.
        note: The numbers behind it, and why a target is missed.
    """

    what: str
    value: float
    low: float
    high: float
    unit: str = "times"
    target: float | None = None
    at_least: bool = True
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target; None without a target."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    @property
    def verdict(self) -> str:
        """In words: met, or missed by how much.

        Example:
            >>> Comparison("a", 1.5, 1.4, 1.6, target=2.0).verdict
            'missed: 75 % of it'
            >>> Comparison("b", 2.0, 1.9, 2.1, unit="%", target=3.0, at_least=False).verdict
            'met'
        """
        if self.met is None or self.target is None:
            return "no target"
        if self.met:
            return "met"
        return f"missed: {self.value / self.target:.0%} of it".replace("%", " %")


def ratio(what: str, ours: Seconds, theirs: Seconds, target: float | None = None, note: str = "") -> Comparison:
    """How many times as long theirs takes, round by round.

    Example:
        >>> found = ratio("a step", Seconds((1.0, 1.0, 2.0), 1), Seconds((2.0, 3.0, 8.0), 1), target=2.0)
        >>> found.value, found.met
        (3.0, True)
    """
    rounds = [their / our for our, their in zip(ours.durations, theirs.durations, strict=True)]
    low, _, high = quantiles(rounds, n=4, method="inclusive") if len(rounds) > 1 else rounds * 3
    return Comparison(what, median(rounds), low, high, target=target, note=note)


def fastest(times: Mapping[str, Seconds]) -> str:
    """The name of the function with the shortest median."""
    return min(times, key=lambda name: times[name].median)


def needed(name: str) -> ModuleType:
    """A library of the [bench] extra.

    Raises:
        CourseError: If it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise CourseError(
            f"{name.split('.', maxsplit=1)[0]} is not installed: `make bench` installs it, and so does [bench]"
        ) from error
