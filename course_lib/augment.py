"""augment: stored pixels to the view that a network sees.

In training an image is padded with zeros, cropped where the plan says and perhaps mirrored; in evaluation
it is cropped at its centre. Either way uint8 becomes float in [0, 1]; each network normalises for itself.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.data.pixels import PADDED
from course_lib.epoch_plan import EpochPlan

TINY = 16  # pixels; below it a shift by one pixel is a large one, and images are seen as they are


@dataclass(frozen=True)
class View:
    """How images of one data set are cropped and mirrored.

    Attributes:
        size: Pixels on a side of what the network sees.
        padding: Zeros added on every side before a training crop.
        shift: Places that a training crop can start at, in each direction, beside the first.
        flip: Whether training images are mirrored at random.
    """

    size: int
    padding: int
    shift: int
    flip: bool

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> "View":
        """The usual view of images of a shape.

        Small images are padded by an eighth of their side, which gives CIFAR its usual 4 pixels; those of 8 pixels
        are not moved at all. Large images are stored at 8/7 of their side (256 for 224) and cropped without padding.
        Colour photographs are mirrored; grey images, digits and letters among them, are not.

        Args:
            shape: (N, C, H, W) of the stored images, H = W.

        Example:
            >>> View.of((50_000, 3, 32, 32))
            View(size=32, padding=4, shift=8, flip=True)
            >>> View.of((1_000, 3, 256, 256))
            View(size=224, padding=0, shift=32, flip=True)
        """
        _, channels, side, _ = shape
        if side > PADDED:
            size = side * 7 // 8
            return cls(size=size, padding=0, shift=side - size, flip=channels == 3)
        padding = side // 8 if side >= TINY else 0
        return cls(size=side, padding=padding, shift=2 * padding, flip=channels == 3)

    def centre(self, images: Tensor) -> Tensor:
        """What is evaluated: the middle of each image.

        Args:
            images: (N, C, H, W) uint8.

        Returns:
            (N, C, size, size) float32 in [0, 1].
        """
        top = (images.shape[2] - self.size) // 2
        left = (images.shape[3] - self.size) // 2
        return images[:, :, top : top + self.size, left : left + self.size].float() / 255

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
        n, channels = images.shape[:2]
        if self.padding:
            images = torch.nn.functional.pad(images, [self.padding] * 4)
        steps = torch.arange(self.size, device=images.device)
        rows = crop_y[:, None] + steps
        columns = crop_x[:, None] + torch.where(flip[:, None], steps.flip(0), steps)
        image = torch.arange(n, device=images.device).view(n, 1, 1, 1)
        channel = torch.arange(channels, device=images.device).view(1, channels, 1, 1)
        return images[image, channel, rows[:, None, :, None], columns[:, None, None, :]].float() / 255


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

    @classmethod
    def of(cls, plan: EpochPlan, device: torch.device) -> "DevicePlan":
        """Move a plan to a device, once an epoch."""
        return cls(**{name: torch.from_numpy(values).to(device) for name, values in vars(plan).items()})
