"""Comparisons compare the same things; where a peer is installed, they run."""

import importlib.util

import pytest
import torch

from course_lib.bench.clock import Seconds
from course_lib.bench.peers import loader, mixing, numbers, reading, step
from course_lib.bench.peers.record import Comparison, fastest, needed, ratio
from course_lib.errors import CourseError

needs_timm = pytest.mark.skipif(not importlib.util.find_spec("timm"), reason="timm comes with [bench]")


def test_a_ratio_is_the_median_over_rounds_of_their_time_over_ours():
    found = ratio("x", Seconds((1.0, 2.0, 4.0), 1), Seconds((2.0, 2.0, 2.0), 1), target=1.5)
    assert (found.value, found.low, found.high) == (1.0, 0.75, 1.5) and found.met is False
    assert found.verdict == "missed: 67 % of it"
    assert ratio("x", Seconds((1.0,), 1), Seconds((2.0,), 1)).met is None


def test_a_target_at_most_is_met_from_below():
    assert Comparison("x", 2.9, 2, 3, "%", 3.0, at_least=False).met
    assert Comparison("x", 3.1, 3, 4, "%", 3.0, at_least=False).verdict == "missed: 103 % of it"


def test_the_fastest_is_the_one_with_the_shortest_median():
    assert fastest({"a": Seconds((1.0, 9.0, 9.0), 1), "b": Seconds((2.0, 2.0, 2.0), 1)}) == "b"


def test_a_library_that_is_not_there_is_named_with_the_way_to_it():
    with pytest.raises(CourseError, match="nowhere is not installed: `make bench`"):
        needed("nowhere.at_all")


@pytest.mark.filterwarnings("ignore")
def test_loading_packing_and_calibration_are_compared():
    found = [
        *loader.compare(images=256, rounds=1),
        *numbers.compare_calibration(rounds=1, sizes=((500, 10),)),
        *numbers.compare_temperature(problems=3, rounds=1),
        *reading.compare_packs(images=16, rounds=1),
    ]
    assert all(each.value > 0 and each.low <= each.value <= each.high for each in found)
    share = next(each for each in found if "1e-6" in each.what)
    assert share.value == 100  # ours solves what is drawn, against a bisection written with NumPy


@pytest.mark.parametrize("seed", range(6))
def test_the_reference_temperature_has_no_slope_left(seed):
    logits, labels = numbers.problem(seed)
    right = numbers.bisection(logits, labels)
    if 1.01e-3 < right < 0.99e3:
        scaled = (logits.double() / right).requires_grad_(False)
        z, p = logits.double(), scaled.softmax(1)
        slope = ((p * z).sum(1) - z.gather(1, labels[:, None])[:, 0]).mean()
        assert abs(float(slope)) < 1e-6 * float(z.abs().max())


def test_our_step_is_that_of_a_run(monkeypatch):
    stored, labels = loader.noise(256), torch.arange(256) % step.CLASSES
    take = step.our_step(stored, labels)
    before = {name: value.clone() for name, value in take.__self__.network.state_dict().items()}
    take()
    assert any(not torch.equal(before[name], value) for name, value in take.__self__.network.state_dict().items())
    prepared = step.our_step(stored, labels, kind=step.Prepared)
    prepared()
    prepared()
    assert prepared.__self__._kept is prepared.__self__._batch()


@needs_timm
@pytest.mark.filterwarnings("ignore")
def test_steps_and_mixing_are_compared_with_timm_and_torchdistill():
    found = [*mixing.compare(rounds=1), *step.compare(rounds=1)]
    assert len(found) == 4 and all(each.value > 0 for each in found)


@needs_timm
@pytest.mark.filterwarnings("ignore")
def test_the_peers_steps_minimise_the_same_loss(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(8, 3, 32, 32, generator=generator), torch.arange(8)
    losses = []
    monkeypatch.setattr(torch.Tensor, "item", lambda self: losses.append(float(self.detach().numpy())))
    step.with_torchdistill()(images, labels)
    step.with_timm()(images, labels)
    assert losses[0] == pytest.approx(losses[-1], rel=1e-4)
