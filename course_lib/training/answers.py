"""answers: what the teacher says about the images of each step: asked, or found in a cache.

The answers of an epoch to one view, the mixed images or the clean ones, lie in one table on the device. Where they were
found, steps read them; where they were not, steps ask the teacher and fill the table, which is kept at the end of the
epoch if no row is missing. Without a cache there is no table.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict

import torch
from torch import Tensor

from course_lib.epoch_plan import EpochPlan
from course_lib.ranks import Ranks
from course_lib.teacher_cache import Question, TeacherCache
from course_lib.training.lesson import Lesson

SHOWS = ("order", "crop_y", "crop_x", "flip", "box")  # what of a plan decides about an image,
MIXES = {"none": (), "mixup": ("partner", "lam"), "cutmix": ("partner", "lam", "cut_y", "cut_x")}  # and its mixing
HALF = (-65504.0, 65504.0)  # the range of float16


class Answers:
    """A teacher's logits on one view of the images.

    Attributes:
        found: Whether those of this epoch were in the cache.
    """

    def __init__(
        self,
        ask: Callable[[Tensor], Tensor],
        lesson: Lesson,
        cache: TeacherCache | None,
        ranks: Ranks,
        device: torch.device,
        *,
        clean: bool,
    ):
        """Prepare to answer.

        Args:
            ask: Images on the device to the teacher's (N, K) logits.
            lesson: What is taught.
            cache: Where answers are kept; None keeps none.
            ranks: This process among those that train together; each keeps its own rows.
            device: Where answers are wanted.
            clean: Whether the images are shown before they are mixed.
        """
        self.found = False
        self._ask = ask
        self._lesson = lesson
        self._cache = cache
        self._ranks = ranks
        self._device = device
        self._clean = clean or not lesson.mixes
        self._rows = lesson.steps_per_epoch * len(ranks.share(lesson.plan.batch_size))
        self._table: Tensor | None = None
        self._complete = False
        self._asked: Question = {}

    def begin(self, plan: EpochPlan, *, whole: bool) -> None:
        """A new epoch, or the rest of one, starts: look whether its answers are known."""
        self._complete = False
        if self._cache is None:
            return
        self._asked = self._question(plan)
        shape, dtype = (self._rows, self._lesson.num_classes), self._lesson.teacher_dtype
        known = self._cache.find(self._asked, shape, dtype)
        self.found = known is not None
        self._complete = whole and not self.found
        if self._device.type == "cpu":  # read from the file itself, or written to a table of this epoch
            self._table = known if known is not None else torch.empty(shape, dtype=dtype)
            return
        if self._table is None:
            self._table = torch.empty(shape, dtype=dtype, device=self._device)
        if known is not None:
            self._table.copy_(known)

    def to(self, images: Tensor, rows: Tensor) -> Tensor:
        """The teacher's logits on some images of the epoch.

        Args:
            images: (N, C, H, W) float.
            rows: (N,) int64, on the device. Their places among this process's images of the epoch.

        Returns:
            (N, K) float32, rounded as the lesson says, without gradient.
        """
        if self.found and self._table is not None:
            return self._table.index_select(0, rows).float()
        with torch.inference_mode():
            said = self._ask(images)
        said = said.clone()  # a copy made outside inference mode may enter a loss
        if self._lesson.teacher_dtype == torch.float16:
            said = said.clamp_(*HALF)
        said = said.to(self._lesson.teacher_dtype)
        if self._table is not None:
            self._table.index_copy_(0, rows, said)
        return said.float()

    def end(self) -> None:
        """The epoch is over: keep its answers if all are there and nobody kept them before."""
        if self._cache is not None and self._complete and self._table is not None:
            self._cache.keep(self._asked, self._table)

    def _question(self, plan: EpochPlan) -> Question:
        """All that decides about the answers, beside the teacher: the images, and what becomes of each."""
        lesson = self._lesson
        mixing = "none" if self._clean else lesson.mixing
        drawn = hashlib.sha256()
        for name in (*SHOWS, *MIXES[mixing]):  # as it was drawn: NumPy may draw otherwise one day
            drawn.update(getattr(plan, name).tobytes())
        return {
            "images": lesson.train.index_hash,
            "decoded": getattr(lesson.train.images, "on", "here"),
            "view": asdict(lesson.view),
            "plan": drawn.hexdigest(),
            "batch_size": lesson.plan.batch_size,
            "mixing": mixing,
            "rank": [self._ranks.rank, self._ranks.size],
            "dtype": str(lesson.teacher_dtype),
        }
