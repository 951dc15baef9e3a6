import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from course_lib.decode import (
    EncodedImages,
    decode,
    decode_all,
    decode_files,
    decode_jpegs,
    device,
    kind,
    squares,
    unreadable,
)
from course_lib.errors import CourseError


def pixels(height, width, channels, seed=0):
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def photos(tmp_path):
    """Twelve JPEG images of different shapes, some large enough to be decoded in threads."""
    paths = []
    for number in range(12):
        height, width = 150 + 40 * number, 300 - 10 * number
        paths.append(tmp_path / f"{number}.jpg")
        Image.fromarray(pixels(height, width, 3, number)).save(paths[-1], quality=90)
    return tuple(paths)


def test_an_image_of_the_asked_size_keeps_its_pixels(tmp_path):
    image = pixels(32, 32, 3)
    Image.fromarray(image).save(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png", 32, 3), image.transpose(2, 0, 1))


def test_a_grey_image_has_one_channel_or_three_equal_ones(tmp_path):
    image = pixels(9, 9, 1)
    Image.fromarray(image).save(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png", 9, 1), image[None])
    assert np.array_equal(decode(tmp_path / "a.png", 9, 3), np.stack([image] * 3))


@pytest.mark.parametrize("shape", [(8, 14), (14, 8)])
def test_the_square_is_cropped_at_the_centre(tmp_path, shape):
    image = pixels(*shape, 3)
    Image.fromarray(image).save(tmp_path / "a.png")
    middle = image[:, 3:11] if shape == (8, 14) else image[3:11]
    assert np.array_equal(decode(tmp_path / "a.png", 8, 3), middle.transpose(2, 0, 1))


def test_the_short_side_is_resized_with_the_shape_kept(tmp_path):
    wide = np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[None], 30, axis=0)  # a ramp, 30 high and 60 wide
    Image.fromarray(wide).save(tmp_path / "a.png")
    row = decode(tmp_path / "a.png", 10, 1)[0, 5].astype(float)
    assert np.allclose(np.diff(row), 12, atol=1)  # thrice as steep
    assert abs(row.mean() - 118) < 2  # and centred


def test_a_large_jpeg_reduced_while_decoding_looks_the_same(tmp_path):
    ramp = np.linspace(0, 255, 800).astype(np.uint8)
    image = Image.fromarray(np.stack([np.tile(ramp, (600, 1))] * 3, axis=2))
    image.save(tmp_path / "a.jpg", quality=95)
    image.save(tmp_path / "a.png")
    reduced, exact = (decode(tmp_path / name, 64, 3).astype(float) for name in ("a.jpg", "a.png"))
    assert np.abs(reduced - exact).mean() < 1.5


def test_encoded_images_and_a_tensor_of_them_agree(photos):
    encoded = EncodedImages(photos, size=40, channels=3)
    whole = decode_all(photos, 40, 3)
    rows = torch.tensor([7, 0, 7, 11])
    assert len(encoded) == 12
    assert encoded.shape == tuple(whole.shape) == (12, 3, 40, 40)
    assert whole.dtype == encoded[rows].dtype == torch.uint8
    assert torch.equal(encoded[rows], whole[rows])
    assert torch.equal(encoded[2:5], whole[2:5])
    assert torch.equal(encoded[:], whole)
    assert torch.equal(encoded[:0], whole[:0])


def test_decoding_is_the_same_each_time(photos):
    assert torch.equal(decode_all(photos, 24, 3), decode_all(photos, 24, 3))


@pytest.mark.parametrize("rows", [torch.tensor([True] * 12), torch.tensor([0.0]), torch.tensor(3)])
def test_other_rows_are_a_programming_error(photos, rows):
    with pytest.raises(TypeError, match="int64"):
        EncodedImages(photos, 8, 3)[rows]


def test_progress_ends_at_the_total(photos):
    seen = []
    decode_all(photos * 50, 8, 3, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(256, 600), (512, 600), (600, 600)]


def damage(tmp_path):
    """Files that are no images, each for another reason."""
    content = io.BytesIO()
    Image.fromarray(pixels(64, 64, 3)).save(content, format="JPEG")
    png = io.BytesIO()
    Image.fromarray(pixels(64, 64, 3)).save(png, format="PNG")
    files = {
        "truncated.jpg": content.getvalue()[: len(content.getvalue()) // 2],
        "header.png": png.getvalue()[:20],
        "flipped.png": png.getvalue()[:60] + b"\xff" * 200 + png.getvalue()[260:],
        "empty.jpg": b"",
        "text.jpg": b"<html>not found</html>",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return [tmp_path / name for name in files] + [tmp_path / "absent.jpg"]


def test_unreadable_images_are_named_with_the_way_out(tmp_path, photos):
    for path in damage(tmp_path):
        with pytest.raises(CourseError, match=f"cannot read the image .*{path.name}.*--skip-unreadable"):
            decode_all([*photos, path], 16, 3)


def test_unreadable_images_are_found_among_good_ones(tmp_path, photos):
    bad = damage(tmp_path)
    assert unreadable([photos[0], *bad, photos[1]]) == bad


def test_a_bomb_is_refused(tmp_path, photos, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(CourseError, match="exceeds limit"):
        decode(photos[0], 16, 3)


def test_pixels_of_more_than_eight_bits_are_refused(tmp_path):
    Image.fromarray(np.full((8, 8), 40_000, dtype=np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(CourseError, match="convert the image to 8 bits"):
        decode(tmp_path / "a.png", 8, 1)


def test_a_palette_with_transparency_is_colour(tmp_path):
    image = Image.fromarray(pixels(8, 8, 3)).quantize(16)
    image.save(tmp_path / "a.png", transparency=b"\x00" * 16)
    assert np.array_equal(decode(tmp_path / "a.png", 8, 3), np.asarray(image.convert("RGB")).transpose(2, 0, 1))


def test_kind_reads_the_header(tmp_path, photos):
    Image.fromarray(pixels(20, 10, 1)).save(tmp_path / "grey.png")
    assert kind(tmp_path / "grey.png") == (10, 1)
    assert kind(photos[0]) == (150, 3)
    with pytest.raises(CourseError, match="absent"):
        kind(tmp_path / "absent.jpg")


CPU = torch.device("cpu")


@pytest.fixture
def smooth(tmp_path):
    """Four JPEG images without noise, of different shapes, each with a bright spot off its centre."""
    paths = []
    for number, (height, width) in enumerate([(60, 90), (90, 60), (48, 48), (37, 101)]):
        y, x = np.mgrid[0:height, 0:width]
        spot = 200 * np.exp(-((y - 0.4 * height) ** 2 + (x - 0.6 * width) ** 2) / 200)
        image = np.stack([spot, 2 * x + 20, y + 50], axis=2).clip(0, 255).astype(np.uint8)
        paths.append(tmp_path / f"{number}.jpg")
        Image.fromarray(image).save(paths[-1], quality=95)
    return tuple(paths)


class Batches(torch.utils.data.Dataset):
    """What a DataLoader sees of images: batch by batch."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitems__(self, rows):
        return self.images[torch.tensor(rows)]


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.verify)])
def test_workers_of_a_loader_give_the_same_bytes(photos, start):
    images = EncodedImages(photos * 2, 32, 3)
    here = images[:]  # starts the threads of this process: a forked worker must not wait for them
    loader = DataLoader(
        Batches(images), batch_size=8, num_workers=2, collate_fn=as_it_is, multiprocessing_context=start, timeout=60
    )
    assert torch.equal(torch.cat(list(loader)), here)


def as_it_is(batch):
    return batch


@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_decoded_on_a_device_is_that_of_pillow(smooth, channels):
    images = decode_jpegs([path.read_bytes() for path in smooth], CPU, channels)
    for image, path in zip(images, smooth, strict=True):
        expected = np.asarray(Image.open(path).convert("L" if channels == 1 else "RGB"), dtype=float)
        expected = expected[None] if channels == 1 else expected.transpose(2, 0, 1)
        assert image.dtype == torch.uint8 and tuple(image.shape) == expected.shape
        assert np.abs(image.numpy() - expected).mean() < 1


@pytest.mark.parametrize("size", [24, 48, 64])
def test_squares_on_a_device_are_those_of_pillow_at_the_same_place(smooth, size):
    pillow, ours = EncodedImages(smooth, size, 3)[:], decode_files(smooth, size, 3, CPU)
    assert ours.shape == pillow.shape == (4, 3, size, size) and ours.dtype == torch.uint8
    assert (ours.float() - pillow.float()).abs().mean() < 1
    for image, expected in zip(ours[:, 0], pillow[:, 0], strict=True):  # a crop one pixel off would move the spot
        assert torch.allclose(spot_of(image), spot_of(expected), atol=0.2)


def spot_of(image):
    """(2,) where the bright pixels of a (H, W) image are, on average."""
    weight = image.double().square()
    y, x = torch.meshgrid(*map(torch.arange, image.shape), indexing="ij")
    return torch.stack([(y * weight).sum(), (x * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("shape", [(8, 14), (14, 8), (8, 8)])
def test_an_image_of_the_asked_size_is_only_cropped(shape):
    image = torch.from_numpy(pixels(*shape, 3).transpose(2, 0, 1).copy())
    top, left = (side // 2 - 4 for side in shape)
    assert torch.equal(squares([image], 8)[0], image[:, top : top + 8, left : left + 8])


def test_squares_agree_with_pillow_on_noise():
    image = pixels(50, 75, 3)
    expected = np.asarray(Image.fromarray(image).resize((30, 20), Image.Resampling.BILINEAR))[:, 5:25]
    ours = squares([torch.from_numpy(image.transpose(2, 0, 1).copy())], 20)[0].permute(1, 2, 0).numpy()
    assert np.abs(ours.astype(int) - expected.astype(int)).max() <= 1


def test_on_a_device_other_files_go_through_pillow(tmp_path, smooth):
    image = pixels(30, 20, 3)
    Image.fromarray(image).save(tmp_path / "a.png")
    Image.fromarray(pixels(20, 20, 1)).save(tmp_path / "b.jpg")
    paths = (smooth[0], tmp_path / "a.png", tmp_path / "b.jpg")
    first, second, third = decode_jpegs([path.read_bytes() for path in paths], CPU)
    assert first.shape == (3, 60, 90)
    assert np.array_equal(second.numpy(), image.transpose(2, 0, 1))
    assert third.shape == (3, 20, 20) and torch.equal(third[0], third[2])


def test_a_file_that_the_device_refuses_goes_through_pillow_alone(tmp_path, smooth, monkeypatch):
    odd = smooth[1].read_bytes()
    calls = []

    def picky(files, mode, where):
        calls.append(len(files))
        if any(len(file) == len(odd) for file in files):
            raise RuntimeError("not this one")
        return [torch.zeros(3, 4, 4, dtype=torch.uint8) for _ in files]

    monkeypatch.setattr(device, "decoder", lambda: picky)
    images = decode_jpegs([path.read_bytes() for path in smooth], CPU)
    assert [tuple(image.shape[1:]) for image in images] == [(4, 4), (90, 60), (4, 4), (4, 4)]
    assert calls == [4, 1, 1, 1, 1]


def test_unreadable_images_are_named_on_a_device_too(tmp_path, smooth):
    for path in damage(tmp_path):
        if path.name != "truncated.jpg":  # the end of one that is cut may be grey
            with pytest.raises(CourseError, match=f"cannot read the image .*{path.name}.*--skip-unreadable"):
                decode_files([*smooth, path], 16, 3, CPU)
    with pytest.raises(CourseError, match="cannot read the image number 1 "):
        decode_jpegs([smooth[0].read_bytes(), b"damaged"], CPU)


def test_no_images_are_no_images_on_a_device(smooth):
    assert decode_files([], 16, 3, CPU).shape == (0, 3, 16, 16)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_images_decoded_on_a_gpu_are_those_of_pillow(smooth, photos):
    on_gpu = EncodedImages(smooth, 48, 3, on="cuda")[torch.tensor([2, 0])]
    assert on_gpu.device.type == "cuda"
    assert (on_gpu.cpu().float() - EncodedImages(smooth, 48, 3)[torch.tensor([2, 0])].float()).abs().mean() < 1.5
