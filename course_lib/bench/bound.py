"""bound: how long a step must take on this machine, and which of its ceilings says so.

    compute    FLOPs / (FLOP/s)              bandwidth  bytes / (byte/s)
    launch     operations / (operations/s)   decode     images / (images/s)

    the largest of these least times binds          achieved = largest least time / measured time

Each least time assumes that everything else is free, so a step may come near to its bound and not pass it. Two of them
hold only for a step whose operations are started one by one and keep nothing in a cache. A step that is faster than
one of these two has beaten it, and is not bound by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from course_lib.bench.work import Work
from course_lib.errors import CourseError

BEATABLE = {"bandwidth": "a cache serves part of the traffic", "launch": "a graph starts many operations at once"}


@dataclass(frozen=True)
class Bound:
    """A measured step beside the least times that the ceilings allow.

    Attributes:
        least_seconds: By ceiling; ``compute`` is always among them.
        measured_seconds: Of the step.
    """

    least_seconds: Mapping[str, float]
    measured_seconds: float

    @property
    def beaten(self) -> tuple[str, ...]:
        """Ceilings that do not hold for this step, since it is faster; see ``BEATABLE`` for why."""
        return tuple(name for name in BEATABLE if self.least_seconds.get(name, 0) > self.measured_seconds)

    @property
    def binding(self) -> str:
        """The ceiling with the largest least time, of those that are not beaten."""
        unbeaten = {name: least for name, least in self.least_seconds.items() if name not in self.beaten}
        return max(unbeaten, key=lambda name: unbeaten[name])

    @property
    def achieved(self) -> float:
        """Share of the binding ceiling that the step reaches; above 1 only by an error of measurement."""
        return self.least_seconds[self.binding] / self.measured_seconds

    def as_json(self) -> dict[str, Any]:
        """Least times, which one binds, and what is reached of it, as plain values."""
        return {
            "least_seconds": dict(self.least_seconds),
            "beaten": list(self.beaten),
            "binding": self.binding,
            "achieved": self.achieved,
        }


def bound_of(work: Work, n_images: int, measured_seconds: float, rates: Mapping[str, float | None]) -> Bound:
    """Set a step beside the ceilings.

    Args:
        work: Of the step.
        n_images: In the step.
        measured_seconds: Of the step, positive.
        rates: Ceilings per second: ``compute``, ``bandwidth``, ``launch`` and ``decode``; None where the step needs
            none of it.

    Returns:
        The bound.

    Raises:
        CourseError: If a rate or the time is not positive.

    Example:
        >>> work = Work(flops=6_000, operations=10, bytes=800)
        >>> bound = bound_of(work, 4, 8.0, {"compute": 1_000.0, "bandwidth": 400.0, "launch": 100.0, "decode": None})
        >>> bound.least_seconds, bound.binding, bound.achieved
        ({'compute': 6.0, 'bandwidth': 2.0, 'launch': 0.1}, 'compute', 0.75)
    """
    amounts = {"compute": work.flops, "bandwidth": work.bytes, "launch": work.operations, "decode": n_images}
    known = {name: rate for name, rate in rates.items() if rate is not None}
    for name, value in {"measured time": measured_seconds, **known}.items():
        if not value > 0:
            raise CourseError(f"{name} must be positive to bound a step, got {value}: measure it again")
    return Bound({name: amounts[name] / rate for name, rate in known.items()}, measured_seconds)
