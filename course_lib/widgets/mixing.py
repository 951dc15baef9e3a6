"""mixing: two images in one, what a label says about the mixture, and what models say."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.mixup import mix, mix_labels
from course_lib.plots.style import FAINT, LOOKS, QUIET, look_of
from course_lib.widgets.arrays import checked_images, checked_labels, dark_on_white, names_of
from course_lib.widgets.explorer import Explorer, float_slider, int_slider, log_slider
from course_lib.widgets.svg import Chart, picture, pixels, shares, words

SIZE = (900, 640)
STEPS = 41  # places along lambda at which models are asked
ARMS = {**{arm: arm for arm in LOOKS}, "student": "mixup_kd"}  # how models with these names look; others as ce
DENSEST = 4.0  # where the curve of Beta is cut off
Model = Callable[[Tensor], Tensor]


class MixupExplorer(Explorer):
    """A mixture of two images along lambda."""

    small: ClassVar[bool] = False  # models of the reader may be large

    def __init__(
        self,
        images: Any = None,
        labels: Any = None,
        models: Mapping[str, Model] | None = None,
        class_names: Sequence[str] | None = None,
    ):
        """Explore mixtures.

        Args:
            images: (N, C, H, W) or (N, H, W), uint8 or float in [0, 1]; handwritten digits by default.
            labels: (N,) classes.
            models: At most two, by name: functions from (N, C, H, W) float images in [0, 1] to (N, K) logits.
            class_names: K words; numbers by default.

        Raises:
            CourseError: If the shapes do not fit, those that models return included.
        """
        if images is None:
            from course_lib.widgets.live import digits

            images, labels = digits().test.images, digits().test.labels
        if labels is None:
            raise CourseError("images were given without labels: a mixture needs the classes of both of its images")
        self.labels = checked_labels(labels)
        self.images = checked_images(images, len(self.labels))
        if len(self.labels) < 2 or bool((self.labels < 0).any()):
            raise CourseError("at least two images with classes from 0 on are needed to mix")
        self.models = dict(models or {})
        if len(self.models) > 2:
            raise CourseError(f"at most two models fit side by side, got {len(self.models)}: choose two")
        self._asked: tuple[int, int] | None = None
        self._curves: dict[str, np.ndarray] = {}
        other = next((i for i in range(1, len(self.labels)) if self.labels[i] != self.labels[0]), 1)
        known = [curve.shape[1] for curve in self._curves_of(0, other).values()] or [int(self.labels.max()) + 1]
        self.names = names_of(class_names, len(class_names) if class_names and not self.models else known[0])
        if len({*known, len(self.names)}) > 1 or int(self.labels.max()) >= len(self.names):
            raise CourseError(f"labels reach {int(self.labels.max())}, but there are {known} classes: they must agree")
        last = len(self.images) - 1
        controls = {
            "lam": float_slider("weight of the first", 0.5, 0.0, 1.0, 0.01),
            "first": int_slider("first image", 0, 0, last),
            "second": int_slider("second image", other, 0, last),
            "alpha": log_slider("alpha of Beta", 1.0, 0.1, 16.0),
        }
        super().__init__("Two images in one", controls)

    def draw(self) -> tuple[str, str]:
        """The pair and its mixture, what models say along lambda, and how often each lambda is drawn."""
        first, second, lam = (self.controls[name].value for name in ("first", "second", "lam"))
        pair = torch.tensor([first, second])
        weight, swap = torch.full((2,), lam), torch.tensor([1, 0])
        mixture = mix(self.images[pair], weight, swap)[0]
        classes = [int(k) for k in self.labels[pair]]
        own, other = (self.names[k] for k in classes)
        target = mix_labels(self.labels[pair], weight, swap, len(self.names))[0]
        shown = (self.images[first], own), (mixture, f"{lam:.0%} and {1 - lam:.0%}"), (self.images[second], other)
        marks = []
        for place, (image, word) in enumerate(shown):
            left = 30 + 200 * place
            marks += [pixels(dark_on_white(image), left, 30, 170), words(left, 224, word[:18])]
        marks += self._density(lam)
        said = f"The mixture is {lam:.0%} of a {own} and {1 - lam:.0%} of a {other}; its label says "
        said += " and ".join(f"{float(target[k]):.0%} {self.names[k]}" for k in dict.fromkeys(classes))
        for place, (name, curve) in enumerate(self._curves_of(first, second).items()):
            marks += self._chart(place, name, curve, lam, classes)
            said += f". The {name} says {self._answer(curve, lam, classes)}"
        alpha = self.controls["alpha"].value
        said += (
            f". With alpha = {alpha:.2g}, {2 * stats.beta.cdf(0.1, alpha, alpha):.0%} of all weights that are drawn "
        )
        said += "leave one image at least nine tenths."
        return picture(marks, SIZE[0], SIZE[1] if self.models else 250, said), said

    def _answer(self, curve: np.ndarray, lam: float, classes: list[int]) -> str:
        """What a model says at this place, between the two nearest that it was asked about."""
        grid = np.linspace(0, 1, STEPS)
        here = {k: float(np.interp(lam, grid, curve[:, k])) for k in classes}
        parts = " and ".join(f"{share:.0%} {self.names[k]}" for k, share in here.items())
        return f"{parts}, and {max(0.0, 1 - sum(here.values())):.0%} something else"

    def _curves_of(self, first: int, second: int) -> dict[str, np.ndarray]:
        """What each model says along lambda, (STEPS, K); asked once for a pair."""
        if self._asked != (first, second):
            lam = torch.linspace(0, 1, STEPS)
            both = torch.cat([self.images[first].expand(STEPS, -1, -1, -1), self.images[second][None]])
            mixtures = mix(both, torch.cat([lam, torch.ones(1)]), torch.full((STEPS + 1,), STEPS))[:STEPS]
            with torch.no_grad():
                self._curves = {name: _probs(name, model(mixtures)) for name, model in self.models.items()}
            self._asked = (first, second)
        return self._curves

    def _density(self, lam: float) -> list[str]:
        alpha = self.controls["alpha"].value
        x = np.linspace(0.005, 0.995, 199)
        y = np.minimum(stats.beta.pdf(x, alpha, alpha), DENSEST)
        chart = Chart((655, 78, 220, 122), (0, 1), (0, DENSEST))
        chart.axes(
            [(0, "0"), (0.5, "½"), (1, "1")], [], "weight", "how often it is drawn", f"Beta, alpha = {alpha:.2g}"
        )
        chart.area(x, np.zeros_like(x), y, look_of("kd").colour)
        chart.line([lam, lam], [0, DENSEST], QUIET, dash="4 4", width=1.5)
        chart.line(x, y, look_of("kd").colour)
        return chart.marks

    def _chart(self, place: int, name: str, curve: np.ndarray, lam: float, classes: list[int]) -> list[str]:
        look = look_of(ARMS.get(name, "ce"))
        chart = Chart((70 + 440 * place, 330, 350, 240), (0, 1), (0, 1))
        chart.axes([(0, "0"), (0.5, "½"), (1, "1")], shares(0.5), "weight of the first", "probability", name)
        x = np.linspace(0, 1, STEPS)
        for ends in ([0, 1], [1, 0]):  # what the label says
            chart.line([0, 1], ends, FAINT, width=2)
        chart.line([lam, lam], [0, 1], QUIET, dash="4 4", width=1.5)
        rest = 1 - curve[:, list(set(classes))].sum(axis=1)
        chart.line(x, rest, QUIET, dash="2 4")
        chart.line(x, curve[:, classes[0]], look.colour)
        chart.line(x, curve[:, classes[1]], look.colour, dash="8 4")
        chart.label(1, curve[-1, classes[0]], self.names[classes[0]][:12], look.colour, "end", dy=20, dx=-6, bold=True)
        chart.label(0, curve[0, classes[1]], self.names[classes[1]][:12], look.colour, dy=20, dx=6, bold=True)
        top = int(rest.argmax())
        if rest[top] > 0.02:
            anchor = "start" if top < STEPS // 4 else "end" if top > 3 * STEPS // 4 else "middle"
            chart.label(x[top], rest[top], "others", QUIET, anchor, dy=-12)
        return chart.marks


def _probs(name: str, logits: Any) -> np.ndarray:
    """What a model returned, as probabilities."""
    values = torch.as_tensor(logits).float()
    if values.ndim != 2 or len(values) != STEPS or values.shape[1] < 2 or not bool(values.isfinite().all()):
        raise CourseError(f"model {name} must return finite logits, ({STEPS}, K), got {tuple(values.shape)}")
    return values.softmax(dim=1).numpy()
