import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.epoch_plan import (
    PlanSettings,
    draw_epoch,
    partial_lambdas,
    sample_boxes,
    sample_lambdas,
    sample_partners,
)
from course_lib.errors import CourseError

SETTINGS = PlanSettings(batch_size=64, shift=8, flip=True)


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(vars(first).values(), vars(second).values(), strict=True))


def test_a_plan_is_a_pure_function_of_its_arguments():
    assert same(draw_epoch(SETTINGS, 3, 5, 200), draw_epoch(SETTINGS, 3, 5, 200))


@pytest.mark.parametrize("other", [(SETTINGS, 4, 5, 200), (SETTINGS, 3, 6, 200)])
def test_another_seed_or_epoch_gives_another_plan(other):
    plan, changed = draw_epoch(SETTINGS, 3, 5, 200), draw_epoch(*other)
    assert not np.array_equal(plan.order, changed.order)
    assert not np.array_equal(plan.lam, changed.lam)


def test_a_plan_leaves_numpys_global_state_alone():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    draw_epoch(SETTINGS, 0, 0, 128)
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002


@settings(max_examples=50, deadline=None)
@given(n=st.integers(64, 500), seed=st.integers(0, 2**32), epoch=st.integers(0, 300))
def test_every_draw_stays_in_its_range(n, seed, epoch):
    plan = draw_epoch(SETTINGS, seed, epoch, n)
    positions = len(plan.order)
    assert positions == n // 64 * 64
    assert len(set(plan.order.tolist())) == positions and plan.order.min() >= 0 and plan.order.max() < n
    assert plan.crop_y.min() >= 0 and plan.crop_y.max() <= 8 and plan.crop_x.max() <= 8
    assert plan.lam.min() >= 0 and plan.lam.max() <= 1
    assert sorted(plan.partner.tolist()) == list(range(positions))
    assert (plan.partner // 32 == np.arange(positions) // 32).all()


def test_alpha_changes_the_lambdas_and_nothing_else():
    uniform = draw_epoch(PlanSettings(64, alpha=1.0), 0, 0, 128)
    mild = draw_epoch(PlanSettings(64, alpha=0.2), 0, 0, 128)
    assert not np.array_equal(uniform.lam, mild.lam)
    for name in ("order", "crop_y", "crop_x", "flip", "partner"):
        assert np.array_equal(getattr(uniform, name), getattr(mild, name))


def test_a_batch_of_another_size_meets_the_same_partners_and_lambdas():
    small, large = draw_epoch(PlanSettings(32), 1, 2, 128), draw_epoch(PlanSettings(128), 1, 2, 128)
    assert same(small, large)


def test_flips_are_fair_and_can_be_turned_off():
    flips = draw_epoch(PlanSettings(64, flip=True), 0, 0, 6400).flip
    assert abs(flips.mean() - 0.5) < 5 * 0.5 / np.sqrt(6400)
    assert not draw_epoch(PlanSettings(64, flip=False), 0, 0, 6400).flip.any()


def test_lambdas_have_the_moments_of_their_beta_distribution():
    alpha, n = 0.4, 200_000
    lam = sample_lambdas(n, alpha, np.random.default_rng(0))
    variance = 1 / (4 * (2 * alpha + 1))  # of Beta(alpha, alpha)
    assert abs(lam.mean() - 0.5) < 5 * np.sqrt(variance / n)
    assert abs(lam.var() - variance) < 5 * variance / np.sqrt(n)


def test_partners_are_uniform_inside_their_block():
    rng = np.random.default_rng(0)
    counts = np.zeros((4, 4))
    for _ in range(4000):
        counts[np.arange(4), sample_partners(4, 4, rng)] += 1
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000 * 0.75)


@pytest.mark.parametrize(
    ("build", "advice"),
    [
        (lambda: PlanSettings(batch_size=40), "multiple of 32"),
        (lambda: PlanSettings(batch_size=0), "multiple of 32"),
        (lambda: PlanSettings(batch_size=32, alpha=0.0), "alpha must be positive and finite"),
        (lambda: draw_epoch(PlanSettings(64), 0, 0, 63), "larger than the training split of 63"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_advice(build, advice):
    with pytest.raises(CourseError, match=advice):
        build()


@pytest.mark.parametrize(
    ("n", "share", "mixed"), [(10, 0.3, 3), (10, 0.25, 2), (10, 0.35, 4), (7, 0.0, 0), (7, 1.0, 7)]
)
def test_exactly_the_share_of_images_is_mixed_half_to_even(n, share, mixed):
    lam = partial_lambdas(n, share, 1.0, np.random.default_rng(0))
    assert (lam < 1).sum() == mixed and lam.shape == (n,)


def test_the_places_of_mixed_images_are_random():
    rng = np.random.default_rng(0)
    count = sum((partial_lambdas(10, 0.3, 1.0, rng) < 1).astype(int) for _ in range(3_000))
    assert abs(count / 3_000 - 0.3).max() < 0.05  # six standard errors


def test_another_share_or_alpha_changes_lambdas_and_nothing_else():
    base = draw_epoch(SETTINGS, 3, 5, 200)
    for other in (PlanSettings(64, shift=8, flip=True, share=0.5), PlanSettings(64, shift=8, flip=True, alpha=0.2)):
        changed = draw_epoch(other, 3, 5, 200)
        assert not np.array_equal(base.lam, changed.lam)
        for name in ("order", "crop_y", "crop_x", "flip", "partner", "cut_y", "cut_x"):
            assert np.array_equal(getattr(base, name), getattr(changed, name))


def test_images_that_stay_mixed_keep_their_lambdas():
    whole = draw_epoch(PlanSettings(64), 0, 0, 128).lam
    half = draw_epoch(PlanSettings(64, share=0.5), 0, 0, 128).lam
    assert (half < 1).sum() == 64 and np.array_equal(half[half < 1], whole[half < 1])


def test_one_lambda_per_batch_is_one_number_for_all_mixed_images_of_a_batch():
    lam = draw_epoch(PlanSettings(64, one_lambda_per_batch=True, share=0.5), 0, 0, 256).lam.reshape(4, 64)
    values = [set(batch[batch < 1].tolist()) for batch in lam]
    assert all(len(each) == 1 for each in values) and len(set.union(*values)) == 4
    assert (lam < 1).sum() == 128


def test_a_share_outside_its_range_is_refused():
    with pytest.raises(CourseError, match="share of mixed images"):
        PlanSettings(64, share=1.01)


def test_boxes_fit_their_image_and_cover_what_they_should():
    height, width, top, left = draw_epoch(PlanSettings(64, min_area=0.08), 0, 0, 64_000).box.astype(float)
    for values in (height, width, top, left):
        assert values.min() >= 0 and values.max() <= 1
    assert (top + height).max() <= 1 + 1e-6 and (left + width).max() <= 1 + 1e-6
    ratio, area = width / height, width * height
    assert ratio.min() >= 3 / 4 - 1e-5 and ratio.max() <= 4 / 3 + 1e-5
    assert area.min() >= 0.08 * 3 / 4 and abs(np.median(ratio) - 1) < 0.01
    fits = (height < 1) & (width < 1) & (area < 0.5)  # boxes of less than half are never narrowed: uniform in area
    assert abs(area[fits].mean() - 0.29) < 0.003


def test_boxes_agree_with_those_of_torchvision_where_they_need_not_be_narrowed():
    from torchvision.transforms import RandomResizedCrop

    image = torch.empty(3, 1000, 1000)
    drawn = np.array([RandomResizedCrop.get_params(image, (0.08, 0.4), (3 / 4, 4 / 3)) for _ in range(2000)]) / 1000
    top, left, height, width = drawn.T
    ours = sample_boxes(20_000, 0.08, np.random.default_rng(0)).astype(float)
    small = ours[:, ours[0] * ours[1] < 0.4]
    for mine, theirs in zip(small, (height, width, top, left), strict=True):
        assert abs(mine.mean() - theirs.mean()) < 0.02 and abs(mine.std() - theirs.std()) < 0.02


def test_a_smallest_area_changes_the_boxes_and_nothing_else():
    plain, boxed = draw_epoch(PlanSettings(64), 0, 0, 128), draw_epoch(PlanSettings(64, min_area=0.3), 0, 0, 128)
    assert (plain.box == 1).all() and not (boxed.box == 1).all()
    assert all(np.array_equal(values, vars(boxed)[name]) for name, values in vars(plain).items() if name != "box")
