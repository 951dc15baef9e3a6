"""The page says what was measured, and what was not."""

from dataclasses import replace

import pytest
import torch

from course_lib import bench
from course_lib.bench.page import NOT_MEASURED, of_step, page
from course_lib.bench.peers.record import Comparison
from course_lib.experiment.record import environment_of


@pytest.fixture(scope="module")
def own():
    settings = replace(bench.DEFAULTS, teacher="cnn4", student="cnn2", limit=256)
    return bench.bench(settings, device="cpu", seconds=1.0)


def test_every_comparison_is_a_row_with_its_target_and_verdict(own):
    found = [
        Comparison("a loader", 25.04, 24.0, 26.0, target=20.0, note="images/s: 5 and 125"),
        Comparison("a step", 1.104, 1.0, 1.2, target=1.2),
        Comparison("memory", 950.0, 950.0, 950.0, "MB", 1024.0, at_least=False),
        Comparison("without a target", 0.76, 0.75, 0.77),
    ]
    text = page(environment_of(torch.device("cpu")), own, found)
    assert "| a loader | 25.0 | 24.0 to 26.0 | ≥ 20 | met |" in text
    assert "| a step | 1.10 | 1.00 to 1.20 | ≥ 1.2 | missed: 92 % of it |" in text
    assert "| memory | 950 MB |  | ≤ 1024 MB | met |" in text
    assert "| without a target | 0.76 | 0.75 to 0.77 |  | no target |" in text
    assert "- a loader: images/s: 5 and 125." in text
    for arm in ("ce", "mixup", "kd", "mixup_kd"):
        assert f"| {arm} |" in text


def test_cells_of_a_gpu_say_not_measured(own):
    text = page(environment_of(torch.device("cpu")), own, [])
    section = text[text.index("## On a GPU") :]
    rows = [line for line in section.splitlines() if line.startswith("| ") and "target" not in line]
    assert len(rows) == 6 and all(row.endswith(f"| {NOT_MEASURED} |") for row in rows)


def test_the_cost_of_data_and_of_a_kept_teacher_are_read_off_the_steps(own):
    found = {each.what: each for each in of_step(own)}
    assert len(found) == 4
    for what, each in found.items():
        assert (each.unit, each.target) == (("%", 3.0) if what.startswith("data") else ("times", 1.05))
        assert not each.at_least and each.value >= 0
