import numpy as np
import pytest
import torch

from course_lib.augment import DevicePlan, View
from course_lib.epoch_plan import PlanSettings, draw_epoch
from course_lib.errors import CourseError


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


def resize_one(image, box, flip, size):
    """A box of an image, resized by torchvision's own crop and PyTorch's bilinear interpolation, one at a time."""
    height, width, top, left = (float(part) for part in box)
    side = image.shape[1]
    pixels = np.zeros((image.shape[0], size, size))
    for row in range(size):
        for column in range(size):
            y = (top + height * (row + 0.5) / size) * side - 0.5
            x = (left + width * ((size - 1 - column if flip else column) + 0.5) / size) * side - 0.5
            y, x = min(max(y, 0), side - 1), min(max(x, 0), side - 1)
            y0, x0 = min(int(y), side - 2), min(int(x), side - 2)
            dy, dx = y - y0, x - x0
            corners = image[:, y0 : y0 + 2, x0 : x0 + 2].double().numpy()
            pixels[:, row, column] = np.einsum("cij,i,j->c", corners, [1 - dy, dy], [1 - dx, dx])
    return pixels / 255


def test_a_resized_crop_is_the_one_interpolated_pixel_by_pixel():
    images, view = stored(n=32, side=12), View(size=9, padding=0, shift=3, flip=True, min_area=0.2)
    plan = DevicePlan.of(draw_epoch(PlanSettings(32, flip=True, min_area=0.2), 0, 0, 32), torch.device("cpu"))
    crops = view.train(images, plan)
    for i in range(32):
        expected = resize_one(images[i], plan.box[:, i], bool(plan.flip[i]), 9)
        assert np.allclose(crops[i].numpy(), expected, atol=1e-5)


def test_the_whole_image_as_a_box_is_the_image():
    images, view = stored(side=8), View(size=8, padding=0, shift=0, flip=True, min_area=0.5)
    whole = torch.tensor([1.0, 1.0, 0.0, 0.0])[:, None].expand(4, 5)
    assert torch.allclose(view.resized_crop(images, whole, torch.zeros(5, dtype=torch.bool)), images / 255, atol=1e-6)
    mirrored = view.resized_crop(images, whole, torch.ones(5, dtype=torch.bool))
    assert torch.allclose(mirrored, images.flip(3) / 255, atol=1e-6)


def test_small_images_are_enlarged_after_the_crop_alike_in_training_and_evaluation():
    view = View.of((9, 3, 32, 32), image_size=224)
    assert (view.size, view.enlarged) == (32, 224)
    images = stored(side=32)
    middle = torch.full((5,), view.shift // 2)
    plan = DevicePlan(
        **{name: middle for name in ("order", "crop_y", "crop_x", "partner", "lam", "cut_y", "cut_x", "box")},
        flip=torch.zeros(5, dtype=torch.bool),
    )
    enlarged = view.train(images, plan)
    assert enlarged.shape == (5, 3, 224, 224) and torch.equal(enlarged, view.centre(images))
    expected = torch.nn.functional.interpolate(images.float() / 255, size=224, mode="bilinear")
    assert torch.allclose(enlarged, expected, atol=1e-6)


def test_images_cannot_be_seen_smaller_than_they_are_kept():
    assert View.of((9, 3, 256, 256), image_size=224) == View.of((9, 3, 256, 256))
    with pytest.raises(CourseError, match="seen at 32 pixels: --image-size 24 can only enlarge"):
        View.of((9, 3, 32, 32), image_size=24)
