"""limits: how often somebody may knock, as buckets that fill with time."""

import time
from collections import OrderedDict
from collections.abc import Callable

REMEMBERED = 4096  # callers; the one that was silent the longest is forgotten first, with a full bucket


class RateLimit:
    """One bucket a caller: so many requests at once, and so many a second after that.

    Example:
        >>> now = 0.0
        >>> limit = RateLimit(at_once=2, per_second=1, clock=lambda: now)
        >>> [limit.allows("a") for _ in range(3)], limit.allows("b")
        ([True, True, False], True)
        >>> now = 1.0
        >>> limit.allows("a"), limit.allows("a")
        (True, False)
    """

    def __init__(self, at_once: float, per_second: float, clock: Callable[[], float] = time.monotonic):
        """Full buckets for everybody.

        Args:
            at_once: Requests that a full bucket allows, at least 1.
            per_second: How fast it fills.
            clock: Seconds.
        """
        self._at_once, self._per_second, self._clock = at_once, per_second, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when that was

    def left(self, caller: str) -> float:
        """How many requests a caller's bucket holds now; takes none."""
        now = self._clock()
        left, then = self._buckets.get(caller, (self._at_once, now))
        return min(self._at_once, left + (now - then) * self._per_second)

    def allows(self, caller: str) -> bool:
        """Take one request out of a caller's bucket; whether there was one."""
        left = self.left(caller)
        allowed = left >= 1
        self._buckets.pop(caller, None)  # to the end of the row
        self._buckets[caller] = (left - allowed, self._clock())
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return allowed
