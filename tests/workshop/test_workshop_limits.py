"""Buckets that fill with time."""

from hypothesis import given
from hypothesis import strategies as st

from course_lib.workshop import limits
from course_lib.workshop.limits import RateLimit


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_full_bucket_allows_so_many_at_once_and_then_so_many_a_second():
    clock = Clock()
    limit = RateLimit(at_once=3, per_second=2, clock=clock)
    assert [limit.allows("a") for _ in range(5)] == [True, True, True, False, False]
    clock.now = 1.0
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]
    clock.now = 1000.0  # it never holds more than three
    assert [limit.allows("a") for _ in range(4)] == [True, True, True, False]


def test_one_caller_takes_nothing_from_another():
    limit = RateLimit(at_once=1, per_second=1, clock=Clock())
    assert limit.allows("a") and not limit.allows("a") and limit.allows("b")


def test_callers_beyond_those_remembered_push_out_the_one_that_was_silent_the_longest(monkeypatch):
    monkeypatch.setattr(limits, "REMEMBERED", 2)
    limit = RateLimit(at_once=1, per_second=0.001, clock=Clock())
    assert limit.allows("a") and limit.allows("b") and not limit.allows("a") and limit.allows("c")
    assert not limit.allows("a") and len(limit._buckets) == 2  # b is forgotten, a is not


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5), st.floats(0.1, 10))
def test_never_more_than_a_full_bucket_and_what_flowed_in_is_allowed(pauses, at_once, per_second):
    clock = Clock()
    limit = RateLimit(at_once, per_second, clock=clock)
    allowed = 0
    for pause in pauses:
        clock.now += pause
        allowed += limit.allows("a")
    assert allowed <= at_once + clock.now * per_second + 1e-6
    assert allowed >= min(len(pauses), at_once)
