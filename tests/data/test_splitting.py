import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.data.splitting import balanced_order, calib_size, carve, proportional_order
from course_lib.errors import CourseError

pools = st.lists(st.integers(2, 60), min_size=2, max_size=8).flatmap(
    lambda sizes: st.permutations([label for label, size in enumerate(sizes) for _ in range(size)])
)


@given(pools)
@settings(max_examples=60, deadline=None)
def test_training_and_calibration_divide_the_pool(labels):
    labels = torch.tensor(labels)
    num_classes = int(labels.max()) + 1
    train, calib = carve(labels, num_classes, None)
    assert sorted([*train.tolist(), *calib.tolist()]) == list(range(len(labels)))
    assert len(calib) == calib_size(len(labels), num_classes)
    for part in (train, calib):
        assert part.tolist() == sorted(part.tolist())
        assert set(labels[part].tolist()) == set(range(num_classes))  # every class is in both


@given(pools, st.data())
@settings(max_examples=60, deadline=None)
def test_limits_are_nested_and_leave_calibration_alone(labels, data):
    labels = torch.tensor(labels)
    num_classes = int(labels.max()) + 1
    everything, calib = carve(labels, num_classes, None)
    if len(everything) < num_classes:
        return
    small, large = sorted(data.draw(st.integers(num_classes, len(everything))) for _ in range(2))
    (train_small, calib_small), (train_large, calib_large) = (carve(labels, num_classes, n) for n in (small, large))
    assert len(train_small) == small and len(train_large) == large
    assert set(train_small.tolist()) <= set(train_large.tolist()) <= set(everything.tolist())
    assert torch.equal(calib, calib_small) and torch.equal(calib, calib_large)


def test_a_limit_gives_each_class_as_many_and_the_first_ones_the_rest():
    labels = torch.arange(10).repeat(100)
    train, _ = carve(labels, 10, 123)
    assert labels[train].bincount().tolist() == [13, 13, 13] + [12] * 7


def test_a_class_that_runs_out_is_made_up_for_by_the_others():
    labels = torch.tensor([0] * 100 + [1] * 10 + [2] * 100)
    train, calib = carve(labels, 3, 100)
    assert labels[calib].bincount().tolist() == [20, 2, 20]  # calibration keeps the pool's proportions
    assert labels[train].bincount().tolist() == [46, 8, 46]


def test_all_but_the_limit_is_the_whole():
    labels = torch.arange(4).repeat(25)
    everything, _ = carve(labels, 4, None)
    assert torch.equal(carve(labels, 4, len(everything))[0], everything)


@pytest.mark.parametrize(
    ("limit", "said"), [(81, "only 80 training"), (3, "of the 4 classes"), (-1, "of the 4 classes")]
)
def test_impossible_limits_are_refused(limit, said):
    with pytest.raises(CourseError, match=f"--limit {limit}: .*{said}"):
        carve(torch.arange(4).repeat(25), 4, limit)


@pytest.mark.parametrize(
    ("n", "num_classes", "expected"),
    [
        (60_000, 10, 6_000),
        (50_000, 100, 5_000),
        (4_999, 10, 500),
        (1_000, 10, 200),
        (8, 4, 4),
        (3_000_000, 1000, 10_000),
    ],
)
def test_calibration_takes_a_tenth_within_its_bounds(n, num_classes, expected):
    assert calib_size(n, num_classes) == expected


def test_every_prefix_is_balanced_or_proportional():
    labels = torch.tensor([0] * 40 + [1] * 20)
    for n in range(2, 41, 2):
        assert labels[balanced_order(labels)[:n]].bincount().tolist() == [n // 2, n // 2]
    for n in range(3, 61, 3):
        assert labels[proportional_order(labels)[:n]].bincount().tolist() == [2 * n // 3, n // 3]


def test_images_are_shuffled_within_their_class():
    labels = torch.zeros(100, dtype=torch.int64)
    assert balanced_order(labels).tolist() != list(range(100))
