"""epoch_plan: everything random about one epoch, drawn before the epoch begins.

A plan is a pure function of its settings, the seed, the epoch and the number of images. From this follow three things:
a resumed run replays exactly; every arm, temperature and label weight of one seed meets the same images, mixed in the
same way; and a teacher's logits of an epoch can be kept and used again. Each kind of draw has a stream of its own, so
that another alpha changes the lambdas and nothing else.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from course_lib.errors import CourseError


@dataclass(frozen=True)
class PlanSettings:
    """All that shapes a plan.

    Attributes:
        batch_size: Images in a step; the last images of an epoch that fill no batch are left out of that epoch.
        shift: Crops start at a row and a column in ``0..shift`` pixels; 0 means no choice.
        flip: Whether an image is mirrored, left to right, with probability one half.
        min_area: In (0, 1]. Crops cover between this part and the whole of an image, and are resized; 0.08 is usual
            for ImageNet. 1 leaves crops as large as they are, and only shifts them.
        alpha: Lambdas come from Beta(alpha, alpha); 1 is uniform (the paper), 0.2 to 0.4 mixes mildly.
        share: In [0, 1]. Part of the images of an epoch that are mixed, to the nearest image; 1 in the paper.
        one_lambda_per_batch: Whether a whole batch shares its lambda; the paper draws one per image.
        mixing_block: Partners are found among this many neighbouring positions. It divides ``batch_size``, so that
            a batch can be shared among processes without changing who is mixed with whom.
    """

    batch_size: int
    shift: int = 0
    flip: bool = False
    min_area: float = 1.0
    alpha: float = 1.0
    share: float = 1.0
    one_lambda_per_batch: bool = False
    mixing_block: int = 32

    def __post_init__(self) -> None:
        """Refuse settings that no plan can follow."""
        if self.batch_size < 1 or self.batch_size % self.mixing_block:
            advice = f"choose a multiple of {self.mixing_block}"
            raise CourseError(f"batch size {self.batch_size} cannot be cut into mixing blocks: {advice}")
        if not 0 < self.min_area <= 1:
            raise CourseError(f"the smallest area of a crop must lie in (0, 1], got {self.min_area}: 0.08 is usual")
        if not 0 < self.alpha < math.inf:
            raise CourseError(f"alpha must be positive and finite, got {self.alpha}: 1 draws lambda uniformly")
        if not 0 <= self.share <= 1:
            raise CourseError(f"the share of mixed images must lie in [0, 1], got {self.share}: 1 mixes all")

    def steps(self, n_images: int) -> int:
        """Steps in one epoch of ``n_images`` images: whole batches only."""
        if n_images < self.batch_size:
            raise CourseError(
                f"a batch of {self.batch_size} is larger than the training split of {n_images} images: "
                "choose a smaller --batch-size or a larger --limit"
            )
        return n_images // self.batch_size


@dataclass(frozen=True)
class EpochPlan:
    """One epoch, position by position; P positions fill whole batches.

    Attributes:
        order: (P,) int64. Which image of the training split stands at a position.
        crop_y: (P,) int64 in 0..shift. First row of its crop.
        crop_x: (P,) int64 in 0..shift. First column of its crop.
        flip: (P,) bool. Whether it is mirrored.
        partner: (P,) int64. The position, in the same mixing block, that it is mixed with; it may be its own.
        lam: (P,) float32 in [0, 1]. Weight of the image itself; its partner weighs ``1 - lam``.
        cut_y: (P,) float32 in [0, 1). Where CutMix centres its box, as a part of the height.
        cut_x: (P,) float32 in [0, 1). Likewise, of the width.
        box: (4, P) float32 in [0, 1]. Height, width, top and left of a resized crop, as parts of the image.
    """

    order: NDArray[np.int64]
    crop_y: NDArray[np.int64]
    crop_x: NDArray[np.int64]
    flip: NDArray[np.bool_]
    partner: NDArray[np.int64]
    lam: NDArray[np.float32]
    cut_y: NDArray[np.float32]
    cut_x: NDArray[np.float32]
    box: NDArray[np.float32]


def sample_lambdas(n: int, alpha: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw one mixing weight per image from Beta(alpha, alpha).

    Source: Zhang et al., "mixup", ICLR 2018, https://arxiv.org/abs/1710.09412, section 2; one lambda per image as in
    arXiv 2606.12171.

    Args:
        n: How many.
        alpha: Positive. Small values mix mildly, 1 draws uniformly, large values mix half and half.
        rng: Where the randomness comes from; it is advanced.

    Returns:
        (n,) float64 in [0, 1].
    """
    return rng.beta(alpha, alpha, size=n)


def partial_lambdas(n: int, share: float, alpha: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw mixing weights for an exact share of the images; the others stay as they are.

    Args:
        n: How many.
        share: In [0, 1]. ``round(share * n)`` images, half to even, at random places are mixed.
        alpha: Positive; see ``sample_lambdas``.
        rng: Where the randomness comes from; it is advanced.

    Returns:
        (n,) float64 in [0, 1]; 1 where an image is not mixed.

    Example:
        >>> lam = partial_lambdas(10, share=0.3, alpha=1.0, rng=np.random.default_rng(0))
        >>> int((lam < 1).sum())
        3
    """
    lam = sample_lambdas(n, alpha, rng)
    lam[rng.permutation(n)[round(share * n) :]] = 1.0
    return lam


def sample_partners(n: int, block: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Permute positions inside blocks of neighbours.

    Args:
        n: Positions, a multiple of ``block``.
        block: Positions in a block.
        rng: Where the randomness comes from; it is advanced.

    Returns:
        (n,) int64, a permutation that maps each block onto itself.
    """
    blocks = np.arange(n, dtype=np.int64).reshape(-1, block)
    return rng.permuted(blocks, axis=1).reshape(-1)


def sample_boxes(n: int, min_area: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw the crops of random-resized-cropping from square images.

    The area is uniform in [min_area, 1], the logarithm of width over height uniform between those of 3/4 and 4/3, and
    the place uniform where the box fits. A box that would be wider or higher than the image is narrowed to it, where
    torchvision's ``RandomResizedCrop`` draws again.

    Source: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, https://arxiv.org/abs/1409.4842, section 6.

    Args:
        n: How many.
        min_area: In (0, 1].
        rng: Where the randomness comes from; it is advanced.

    Returns:
        (4, n) float32: height, width, top and left, as parts of the image's side.
    """
    area = rng.uniform(min_area, 1, n)
    ratio = np.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3), n))
    height, width = np.minimum(1, np.sqrt([area / ratio, area * ratio]))
    top, left = rng.random((2, n)) * (1 - np.stack([height, width]))
    return np.stack([height, width, top, left]).astype(np.float32)


def draw_epoch(settings: PlanSettings, seed: int, epoch: int, n_images: int) -> EpochPlan:
    """Draw all that is random about one epoch.

    Args:
        settings: What shapes the plan.
        seed: The run's seed, at least 0.
        epoch: Counted from 0.
        n_images: Images in the training split.

    Returns:
        The plan, the same for the same arguments on every machine with this NumPy stream.

    Raises:
        CourseError: If not even one batch can be filled.

    Example:
        >>> plan = draw_epoch(PlanSettings(batch_size=32), seed=0, epoch=0, n_images=70)
        >>> len(plan.order), len(set(plan.order.tolist()))
        (64, 64)
        >>> bool((plan.partner // 32 == np.arange(64) // 32).all())
        True
    """
    n = settings.steps(n_images) * settings.batch_size
    streams = np.random.SeedSequence([seed, epoch]).spawn(7)
    order, crop, flip, partner, lam, cut, box = (np.random.default_rng(stream) for stream in streams)
    crop_y, crop_x = crop.integers(0, settings.shift + 1, size=(2, n))
    cut_y, cut_x = cut.random((2, n), dtype=np.float32)
    return EpochPlan(
        order=order.permutation(n_images)[:n],
        crop_y=crop_y,
        crop_x=crop_x,
        flip=(flip.random(n) < 0.5) & settings.flip,
        partner=sample_partners(n, settings.mixing_block, partner),
        lam=_lambdas(settings, n, lam).astype(np.float32),
        cut_y=cut_y,
        cut_x=cut_x,
        box=sample_boxes(n, settings.min_area, box) if settings.min_area < 1 else np.ones((4, n), np.float32),
    )


def _lambdas(settings: PlanSettings, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The weights of an epoch: one per image or per batch, 1 where an image is not mixed."""
    if not settings.one_lambda_per_batch:
        return partial_lambdas(n, settings.share, settings.alpha, rng)
    of_batch = sample_lambdas(n // settings.batch_size, settings.alpha, rng).repeat(settings.batch_size)
    mixed = rng.permutation(n) < round(settings.share * n)
    return np.where(mixed, of_batch, 1.0)
