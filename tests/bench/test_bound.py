import pytest

from course_lib.bench.bound import bound_of
from course_lib.bench.work import Work
from course_lib.errors import CourseError

# 12e9 FLOPs, 3e9 bytes, 600 operations
WORK = Work(flops=12_000_000_000, operations=600, bytes=3_000_000_000)
RATES = {"compute": 100e9, "bandwidth": 30e9, "launch": 200e3, "decode": 400.0}  # 0.12, 0.1, 0.003 and 0.16 s for 64


def test_least_times_are_amounts_over_rates():
    least = bound_of(WORK, 64, 0.32, RATES).least_seconds
    assert least == pytest.approx({"compute": 0.12, "bandwidth": 0.1, "launch": 0.003, "decode": 0.16})


def test_the_largest_least_time_binds():
    bound = bound_of(WORK, 64, 0.32, RATES)
    assert bound.binding == "decode"
    assert bound.achieved == pytest.approx(0.5)


def test_what_is_not_needed_does_not_bind():
    bound = bound_of(WORK, 64, 0.24, RATES | {"decode": None})
    assert set(bound.least_seconds) == {"compute", "bandwidth", "launch"}
    assert bound.binding == "compute"
    assert bound.achieved == pytest.approx(0.5)


def test_a_step_at_its_ceiling_has_achieved_all():
    assert bound_of(WORK, 64, 0.16, RATES).achieved == pytest.approx(1.0)


def test_traffic_that_a_cache_serves_does_not_bind():
    bound = bound_of(WORK, 64, 0.2, RATES | {"bandwidth": 10e9, "decode": None})  # 0.3 s of traffic in 0.2 s
    assert bound.beaten == ("bandwidth",)
    assert bound.binding == "compute"
    assert bound.achieved == pytest.approx(0.6)


def test_operations_that_a_graph_starts_do_not_bind():
    bound = bound_of(WORK, 64, 0.2, RATES | {"launch": 1e3, "decode": None})  # 0.6 s of starting in 0.2 s
    assert bound.beaten == ("launch",)
    assert bound.binding == "compute"


def test_the_ceiling_of_arithmetic_cannot_be_beaten():
    bound = bound_of(WORK, 64, 0.1, {"compute": 100e9, "bandwidth": 10e9, "launch": 1e3})
    assert bound.beaten == ("bandwidth", "launch")
    assert bound.binding == "compute"
    assert bound.achieved == pytest.approx(1.2)  # an error of measurement, shown as it is


def test_a_faster_machine_with_the_same_step_is_used_less():
    twice = {name: 2 * rate for name, rate in RATES.items()}
    assert bound_of(WORK, 64, 0.32, twice).achieved == pytest.approx(bound_of(WORK, 64, 0.32, RATES).achieved / 2)


def test_the_bound_speaks_json():
    assert bound_of(WORK, 64, 0.2, {"compute": 100e9}).as_json() == {
        "least_seconds": {"compute": pytest.approx(0.12)},
        "beaten": [],
        "binding": "compute",
        "achieved": pytest.approx(0.6),
    }


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan")])
def test_rates_and_times_that_are_not_positive_are_refused(wrong):
    with pytest.raises(CourseError, match="launch must be positive"):
        bound_of(WORK, 64, 0.2, RATES | {"launch": wrong})
    with pytest.raises(CourseError, match="measured time must be positive"):
        bound_of(WORK, 64, wrong, RATES)
