"""augment: stored pixels to the view that a network sees.

In training an image is padded with zeros, cropped where the plan says and perhaps mirrored, or a box of it is resized;
in evaluation it is cropped at its centre. Either way uint8 becomes float in [0, 1]; each network normalises for itself.
Everything is vectorised, on the device that the images are on.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from course_lib.data.pixels import PADDED
from course_lib.epoch_plan import EpochPlan
from course_lib.errors import CourseError

TINY = 16  # pixels; below it a shift by one pixel is a large one, and images are seen as they are


@dataclass(frozen=True)
class View:
    """How images of one data set are cropped and mirrored.

    Attributes:
        size: Pixels on a side of what the network sees.
        padding: Zeros added on every side before a training crop.
        shift: Places that a training crop can start at, in each direction, beside the first.
        flip: Whether training images are mirrored at random.
        min_area: In (0, 1]. Below 1, training crops are boxes that cover at least so much of an image, resized.
        enlarged: Pixels on a side to which crops are enlarged, bilinearly; None leaves them as they are.
    """

    size: int
    padding: int
    shift: int
    flip: bool
    min_area: float = 1.0
    enlarged: int | None = None

    @classmethod
    def of(cls, shape: tuple[int, ...], image_size: int | None = None) -> "View":
        """The usual view of images of a shape.

        Small images are padded by an eighth of their side, which gives CIFAR its usual 4 pixels; those of 8 pixels
        are not moved at all. Large images are stored at 8/7 of their side (256 for 224) and cropped without padding.
        Colour photographs are mirrored; grey images, digits and letters among them, are not.

        Args:
            shape: (N, C, H, W) of the stored images, H = W.
            image_size: Pixels on a side of what the network sees, if it wants more than there are.

        Raises:
            CourseError: If it wants fewer.

        Example:
            >>> View.of((50_000, 3, 32, 32))
            View(size=32, padding=4, shift=8, flip=True, min_area=1.0, enlarged=None)
            >>> View.of((1_000, 3, 256, 256))
            View(size=224, padding=0, shift=32, flip=True, min_area=1.0, enlarged=None)
        """
        _, channels, side, _ = shape
        if side > PADDED:
            size = side * 7 // 8
            view = cls(size=size, padding=0, shift=side - size, flip=channels == 3)
        else:
            padding = side // 8 if side >= TINY else 0
            view = cls(size=side, padding=padding, shift=2 * padding, flip=channels == 3)
        if image_size is None or image_size == view.size:
            return view
        if image_size < view.size:
            raise CourseError(f"images are seen at {view.size} pixels: --image-size {image_size} can only enlarge them")
        return replace(view, enlarged=image_size)

    def centre(self, images: Tensor) -> Tensor:
        """What is evaluated: the middle of each image.

        Args:
            images: (N, C, H, W) uint8.

        Returns:
            (N, C, size, size) float32 in [0, 1], or (N, C, enlarged, enlarged).
        """
        top = (images.shape[2] - self.size) // 2
        left = (images.shape[3] - self.size) // 2
        return self._enlarge(images[:, :, top : top + self.size, left : left + self.size].float() / 255)

    def crop(self, images: Tensor, crop_y: Tensor, crop_x: Tensor, flip: Tensor) -> Tensor:
        """What is trained on: a crop of each image, perhaps mirrored.

        Args:
            images: (N, C, H, W) uint8.
            crop_y: (N,) int64 in ``0..shift``. First row of the crop in the padded image.
            crop_x: (N,) int64 in ``0..shift``. First column.
            flip: (N,) bool.

        Returns:
            (N, C, size, size) float32 in [0, 1].

        Example:
            >>> image = torch.arange(4, dtype=torch.uint8).view(1, 1, 2, 2) * 51
            >>> view = View(size=2, padding=1, shift=2, flip=True)
            >>> view.crop(image, torch.tensor([1]), torch.tensor([0]), torch.tensor([True]))
            tensor([[[[0.0000, 0.0000],
                      [0.4000, 0.0000]]]])
        """
        n, channels, side = images.shape[:3]
        if self.padding:
            images = torch.nn.functional.pad(images, [self.padding] * 4)
            side += 2 * self.padding
        steps = torch.arange(self.size, device=images.device)
        rows = crop_y[:, None] + steps
        columns = crop_x[:, None] + torch.where(flip[:, None], steps.flip(0), steps)
        places = (rows[:, :, None] * side + columns[:, None, :]).view(n, 1, -1).expand(-1, channels, -1)
        return images.flatten(2).gather(2, places).view(n, channels, self.size, self.size).float().div_(255)

    def resized_crop(self, images: Tensor, box: Tensor, flip: Tensor) -> Tensor:
        """What is trained on where crops differ in size: a box of each image, resized bilinearly, perhaps mirrored.

        Args:
            images: (N, C, H, W) uint8.
            box: (4, N) float in [0, 1]. Height, width, top and left of each box, as parts of the image.
            flip: (N,) bool.

        Returns:
            (N, C, size, size) float32 in [0, 1].
        """
        height, width, top, left = box
        middles = (torch.arange(self.size, device=images.device) + 0.5) / self.size
        rows = top[:, None] + height[:, None] * middles
        columns = left[:, None] + width[:, None] * torch.where(flip[:, None], middles.flip(0), middles)
        shape = (len(images), self.size, self.size)
        grid = torch.stack([columns[:, None, :].expand(shape), rows[:, :, None].expand(shape)], dim=3) * 2 - 1
        pixels = torch.nn.functional.grid_sample(
            images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        return pixels.div_(255)

    def train(self, images: Tensor, plan: "DevicePlan") -> Tensor:
        """What is trained on, as the plan of these images says.

        Args:
            images: (N, C, H, W) uint8.
            plan: N positions.

        Returns:
            (N, C, size, size) float32 in [0, 1], or (N, C, enlarged, enlarged).
        """
        if self.min_area < 1:
            return self._enlarge(self.resized_crop(images, plan.box, plan.flip))
        return self._enlarge(self.crop(images, plan.crop_y, plan.crop_x, plan.flip))

    def _enlarge(self, pixels: Tensor) -> Tensor:
        if self.enlarged is None:
            return pixels
        return torch.nn.functional.interpolate(pixels, size=self.enlarged, mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class DevicePlan:
    """A plan as tensors on the device that trains; see ``EpochPlan`` for the shapes."""

    order: Tensor
    crop_y: Tensor
    crop_x: Tensor
    flip: Tensor
    partner: Tensor
    lam: Tensor
    cut_y: Tensor
    cut_x: Tensor
    box: Tensor

    @classmethod
    def of(cls, plan: EpochPlan, device: torch.device, instead_of: "DevicePlan | None" = None) -> "DevicePlan":
        """Move a plan to a device, once an epoch; into the tensors of another plan of the same size where given."""
        tensors = {name: torch.from_numpy(values) for name, values in vars(plan).items()}
        if instead_of is None:
            return cls(**{name: values.to(device) for name, values in tensors.items()})
        for name, values in tensors.items():
            getattr(instead_of, name).copy_(values)
        return instead_of

    def at(self, rows: Tensor) -> "DevicePlan":
        """The plan of some positions; (N,) int64. Partners stay positions of the whole epoch."""
        return DevicePlan(**{name: values.index_select(-1, rows) for name, values in vars(self).items()})
