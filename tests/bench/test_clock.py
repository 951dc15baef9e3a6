import math

import pytest
import torch

from course_lib.bench import clock
from course_lib.bench.clock import Seconds, interleaved, seconds_per_call
from course_lib.errors import CourseError

CPU = torch.device("cpu")


@pytest.fixture
def time(monkeypatch):
    """A clock that stands still until somebody moves it."""
    now = [0.0]
    monkeypatch.setattr(clock, "perf_counter", lambda: now[0])
    return now


def taking(time, seconds, log=None, name=""):
    """A function that moves the clock: by a number of seconds, or by what a function of the calls so far says."""
    calls = iter(range(10**6))

    def function():
        number = next(calls)
        time[0] += seconds(number) if callable(seconds) else seconds
        if log is not None:
            log.append(name)

    return function


def test_a_call_of_known_duration_is_timed_exactly(time):
    found = seconds_per_call(taking(time, 0.25), CPU, at_least_seconds=1.0, repeats=4)
    assert found.durations == (0.25,) * 4
    assert (found.median, found.low, found.high, found.fastest, found.repeats) == (0.25, 0.25, 0.25, 0.25, 4)


def test_short_calls_are_repeated_until_they_last_long_enough(time):
    found = seconds_per_call(taking(time, 2**-10), CPU, at_least_seconds=1.0, repeats=3)
    assert found.calls >= 2**10
    assert found.median == pytest.approx(2**-10)


def test_a_call_that_takes_no_time_at_all_ends_the_search_once_it_takes_some(time):
    call = taking(time, lambda number: 1e-3 * (number > 50))
    found = seconds_per_call(call, CPU, at_least_seconds=0.1, repeats=1)
    assert found.median == pytest.approx(1e-3)


def test_the_warm_up_does_not_count(time):
    call = taking(time, lambda number: 100.0 if number == 0 else 1.0)
    assert seconds_per_call(call, CPU, at_least_seconds=0.5, repeats=3).high == 1.0


def test_quartiles_of_five_repeats_are_the_second_and_the_fourth():
    seconds = Seconds((5.0, 1.0, 4.0, 2.0, 3.0), calls=1)
    assert (seconds.low, seconds.median, seconds.high) == (2.0, 3.0, 4.0)


def test_one_repeat_is_its_own_quartile():
    assert Seconds((2.0,), calls=1).as_json() == {"median": 2.0, "low": 2.0, "high": 2.0, "repeats": 1, "calls": 1}


def test_functions_take_turns_and_each_round_begins_with_another(time):
    log = []
    functions = {name: taking(time, 1.0, log, name) for name in "abc"}
    interleaved(functions, CPU, rounds=3, at_least_seconds=0.5)
    assert "".join(log[-9:]) == "abcbcacab"


def test_a_machine_that_slows_down_slows_all_functions_alike(time):
    functions = {name: taking(time, lambda number: 2.0**number) for name in "ab"}
    found = interleaved(functions, CPU, rounds=4, at_least_seconds=0.0)
    assert found["a"].durations == found["b"].durations
    assert found["a"].saved_by(found["b"]) == 0.0


def test_no_further_round_begins_when_time_is_up_but_three_are_made(time):
    found = interleaved({"a": taking(time, 1.0)}, CPU, rounds=100, at_least_seconds=0.5, at_most_seconds=0.1)
    assert found["a"].repeats == 3
    found = interleaved({"a": taking(time, 1.0)}, CPU, rounds=100, at_least_seconds=0.5, at_most_seconds=6.5)
    assert found["a"].repeats == 5  # two calls warm up, the fifth round begins at 6 seconds, the sixth would at 7


def test_the_saved_share_is_the_median_over_rounds():
    whole, part = Seconds((1.0, 2.0, 10.0), calls=1), Seconds((0.75, 1.0, 1.0), calls=1)
    assert whole.saved_by(part) == 0.5
    assert part.saved_by(whole) == 0.0  # what takes longer saves nothing
    with pytest.raises(ValueError, match="longer than"):
        whole.saved_by(Seconds((1.0,), calls=1))


def test_a_real_function_takes_a_finite_positive_time():
    found = seconds_per_call(lambda: sum(range(1000)), CPU, at_least_seconds=0.001, repeats=3)
    assert all(0 < duration < math.inf for duration in found.durations)


def test_no_repeat_is_refused():
    with pytest.raises(CourseError, match="at least 1 repeat, got 0"):
        seconds_per_call(lambda: None, CPU, repeats=0)


def test_a_gpu_is_waited_for_around_repeats_and_not_between_calls(time, monkeypatch):
    log = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: log.append("wait"))
    found = seconds_per_call(taking(time, 1.0, log, "call"), torch.device("cuda"), at_least_seconds=2.5, repeats=1)
    assert found.calls == 3
    assert log[-5:] == ["wait", "call", "call", "call", "wait"]
