import json
import math
from dataclasses import replace

import pytest
import torch
from PIL import Image
from rich.console import Console

from course_lib.bench import DEFAULTS, bench, machine, print_bench
from course_lib.bench.clock import Seconds
from course_lib.bench.machine import Ceiling
from course_lib.bench.step import noise, splits_of, step_times
from course_lib.data import pixels
from course_lib.errors import CourseError

TINY = replace(DEFAULTS, teacher="cnn8", student="cnn4", batch_size=32, limit=64)
ARM_KEYS = {
    "images_per_second",
    "whole_seconds",
    "prepared_seconds",
    "alone_seconds",
    "cached_seconds",
    "data_share",
    "teacher_share",
    "cache_saves",
    "work",
    "bound",
}


@pytest.fixture(scope="module")
def tiny():
    return bench(TINY, device="cpu", seconds=1.0)


def numbers(values):
    """Every number in nested plain values, with its path."""
    if isinstance(values, dict):
        return [(f"{key}.{path}", number) for key, value in values.items() for path, number in numbers(value)]
    if isinstance(values, list):
        return [found for value in values for found in numbers(value)]
    return [("", values)] if isinstance(values, int | float) else []


def test_every_number_is_finite_and_positive(tiny):
    for path, number in numbers(tiny.as_json()):
        assert math.isfinite(number), path
        assert number > 0 or (number == 0 and path.split(".")[-2] in {"data_share", "teacher_share", "cache_saves"}), (
            path
        )


def test_shares_lie_between_nothing_and_all(tiny):
    for times in tiny.arms.values():
        for share in (times.data_share, times.teacher_share or 0.0, times.cache_saves or 0.0):
            assert 0 <= share < 1


def test_the_json_has_these_keys_and_nothing_that_json_does_not_know(tiny):
    values = json.loads(json.dumps(tiny.as_json(), allow_nan=False))
    assert set(values) == {"version", "machine", "settings", "ceilings", "arms", "unsteady", "not_measured"}
    assert set(values["ceilings"]) == {"compute", "bandwidth", "launch", "decode"}
    assert list(values["arms"]) == ["ce", "mixup", "kd", "mixup_kd"]
    for arm in values["arms"].values():
        assert set(arm) == ARM_KEYS
        assert set(arm["whole_seconds"]) == {"median", "low", "high", "repeats", "calls"}
        assert arm["whole_seconds"]["low"] <= arm["whole_seconds"]["median"] <= arm["whole_seconds"]["high"]


def test_only_arms_with_a_teacher_have_its_numbers(tiny):
    for arm, times in tiny.arms.items():
        assert (times.teacher_share is not None) == (times.cached is not None) == ("kd" in arm)


def test_a_teacher_adds_exactly_its_forward_pass_to_the_counted_work(tiny):
    from torch.utils.flop_counter import FlopCounterMode

    from course_lib.models import build

    teacher = build("cnn8", 100, 3, seed=0).eval()
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        teacher(torch.zeros(32, 3, 32, 32))
    added = tiny.arms["kd"].work.flops - tiny.arms["ce"].work.flops
    assert added == flops.get_total_flops() == tiny.arms["mixup_kd"].work.flops - tiny.arms["mixup"].work.flops


def test_mixing_adds_operations_but_no_counted_flops(tiny):
    plain, mixed = tiny.arms["ce"].work, tiny.arms["mixup"].work
    assert mixed.flops == plain.flops
    assert mixed.operations > plain.operations
    assert mixed.bytes > plain.bytes


def test_what_is_printed_names_the_machine_the_repeats_and_what_is_missing(tiny):
    console = Console(width=120, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        print_bench(tiny, console)
        printed = console.export_text()
    assert tiny.machine["processor"] in printed
    assert "cnn8 -> cnn4, batches of 32 noise images of 3 x 32 x 32, 100 classes" in printed
    assert f"over {tiny.arms['ce'].whole.repeats}" in printed
    assert "GPU: not measured" in printed
    assert "decode: not measured" in printed


def test_a_busy_machine_is_told(tiny):
    def with_whole(*durations):
        whole = Seconds(durations, calls=1)
        return replace(tiny, arms={"ce": replace(tiny.arms["ce"], whole=whole)})

    assert with_whole(10.0, 10.5, 11.0).unsteady == ()
    assert "ce vary" in with_whole(10.0, 14.0, 20.0).unsteady[0]
    assert "ce are faster than a measured ceiling" in with_whole(1e-9, 1e-9).unsteady[0]


def test_of_two_measurements_the_higher_ceiling_counts():
    slow, fast = Ceiling(1.0, "FLOP/s", "slow"), Ceiling(2.0, "FLOP/s", "fast")
    found = machine.higher({"compute": slow, "decode": None}, {"compute": fast, "decode": None})
    assert found == {"compute": fast, "decode": None}
    assert machine.higher({"compute": fast}, {"compute": slow}) == {"compute": fast}


def test_changed_arms_and_other_data_can_be_timed():
    settings = replace(TINY, data="digits", limit=64, arms=("ce", "mixup_kd+outputs=0.5", "mixup+cutmix"))
    times = step_times(settings, splits_of(settings), torch.device("cpu"), seconds=0.3)
    assert list(times) == list(settings.arms)
    assert all(value.whole.repeats >= 3 for value in times.values())


def test_without_a_distilling_arm_no_teacher_is_built():
    settings = replace(TINY, teacher="no such network", arms=("ce",))
    assert list(step_times(settings, noise(64), torch.device("cpu"), seconds=0.1)) == ["ce"]


def test_a_network_that_cannot_take_the_images_is_named_with_a_way_out():
    settings = replace(TINY, student="vgg8", arms=("ce",))
    tiny_images = noise(64, channels=1, side=2, num_classes=10)
    with pytest.raises(CourseError, match=r"(?s)vgg8.*1x2x2.*Choose other networks"):
        step_times(settings, tiny_images, torch.device("cpu"), seconds=0.1)


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(CourseError, match="smaller --batch-size"):
        step_times(replace(TINY, batch_size=128), noise(64), torch.device("cpu"), seconds=0.1)


def test_a_gpu_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(CourseError, match="no GPU"):
        bench(TINY, device="cuda")


def test_decoding_is_measured_where_images_are_decoded_on_the_fly():
    ceiling = machine.decoding(size=64, seconds=0.1)
    assert ceiling.unit == "images/s"
    assert 10 < ceiling.rate < 1e6


def test_images_on_the_disk_can_be_timed(tmp_path, monkeypatch):
    for part, colour in [("train", "red"), ("train", "blue"), ("test", "red"), ("test", "blue")]:
        (tmp_path / part / colour).mkdir(parents=True)
        for number in range(24):
            Image.new("RGB", (20, 16), colour).save(tmp_path / part / colour / f"{number}.jpg")
    monkeypatch.setattr(pixels, "IN_MEMORY_BYTES", 0)
    settings = replace(TINY, data=str(tmp_path), limit=32, image_size=16, arms=("ce", "mixup_kd"))
    found = bench(settings, device="cpu", seconds=0.5)
    assert found.ceilings["decode"] is not None
    assert "decode" in found.bound("ce").least_seconds
    assert not any("decode" in gap for gap in found.not_measured)
