import numpy as np
import torch

from course_lib.augment import DevicePlan, View
from course_lib.epoch_plan import PlanSettings, draw_epoch


def stored(n=5, channels=3, side=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, channels, side, side), dtype=torch.uint8, generator=generator)


def crop_one(image, view, y, x, flip):
    """The same crop written with NumPy, one image at a time."""
    padded = np.pad(image.numpy(), [(0, 0), (view.padding,) * 2, (view.padding,) * 2])
    window = padded[:, y : y + view.size, x : x + view.size]
    return (window[:, :, ::-1] if flip else window).astype(np.float32) / 255


def test_a_crop_is_the_one_written_image_by_image():
    images, view = stored(n=64), View(size=8, padding=2, shift=4, flip=True)
    plan = DevicePlan.of(draw_epoch(PlanSettings(32, shift=4, flip=True), 0, 0, 64), torch.device("cpu"))
    crops = view.crop(images, plan.crop_y, plan.crop_x, plan.flip)
    for i in range(64):
        expected = crop_one(images[i], view, int(plan.crop_y[i]), int(plan.crop_x[i]), bool(plan.flip[i]))
        assert np.array_equal(crops[i].numpy(), expected)


def test_the_middle_crop_without_flip_is_the_view_of_evaluation():
    for view, side in ((View(8, 1, 2, False), 8), (View(28, 0, 4, True), 32)):
        images = stored(side=side)
        middle = torch.full((5,), view.shift // 2)
        training = view.crop(images, middle, middle, torch.zeros(5, dtype=torch.bool))
        assert torch.equal(training, view.centre(images))


def test_views_are_in_zero_to_one_and_leave_the_stored_images_alone():
    images = stored()
    before = images.clone()
    view = View.of(tuple(images.shape))
    corner = torch.zeros(5, dtype=torch.int64)
    for seen in (view.centre(images), view.crop(images, corner, corner, corner.bool())):
        assert seen.dtype == torch.float32 and seen.min() >= 0 and seen.max() <= 1
    assert torch.equal(images, before)


def test_small_images_are_padded_large_ones_cropped_and_grey_ones_never_mirrored():
    assert View.of((9, 1, 8, 8)) == View(size=8, padding=0, shift=0, flip=False)
    assert View.of((9, 1, 28, 28)) == View(size=28, padding=3, shift=6, flip=False)
    assert View.of((9, 3, 32, 32)) == View(size=32, padding=4, shift=8, flip=True)
    assert View.of((9, 3, 256, 256)) == View(size=224, padding=0, shift=32, flip=True)
