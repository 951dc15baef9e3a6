"""mixing: two images in one, what a label says about the mixture, and what models say."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.mixup import mix, mix_labels
from course_lib.plots.style import FAINT, QUIET, look_of
from course_lib.widgets.explorer import Explorer, float_slider, int_slider, log_slider
from course_lib.widgets.svg import Chart, picture, pixels, shares, words
from course_lib.widgets.temperature import _square

SIZE = (900, 640)
STEPS = 41  # places along lambda at which models are asked
ARMS = {"teacher": "teacher", "student": "mixup_kd"}  # how models with these names look
Model = Callable[[Tensor], Tensor]


class MixupExplorer(Explorer):
    """A mixture of two images along lambda."""

    def __init__(
        self,
        images: Any = None,
        labels: Any = None,
        models: Mapping[str, Model] | None = None,
        class_names: Sequence[str] = (),
    ):
        """Explore mixtures.

        Args:
            images: (N, C, H, W), uint8 or float in [0, 1]; handwritten digits by default.
            labels: (N,) classes.
            models: At most two, by name: functions from (N, C, H, W) float images in [0, 1] to (N, K) logits.
            class_names: K words; numbers by default.

        Raises:
            CourseError: If the shapes do not fit.
        """
        if images is None:
            from course_lib.widgets.live import digits

            images, labels = digits().test.images, digits().test.labels
        pictures = torch.as_tensor(images)
        self.images = pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures.float()
        if labels is None or self.images.ndim != 4 or len(self.images) != len(labels) or len(labels) < 2:
            raise CourseError(f"images must be (N, C, H, W) with N labels, got images {tuple(self.images.shape)}")
        self.labels = torch.as_tensor(labels).long()
        self.models = dict(models or {})
        if len(self.models) > 2:
            raise CourseError(f"at most two models fit side by side, got {len(self.models)}: choose two")
        self.names = list(class_names) or [str(k) for k in range(int(self.labels.max()) + 1)]
        self._asked: tuple[int, int] | None = None
        self._curves: dict[str, np.ndarray] = {}
        last = len(self.images) - 1
        other = next((i for i in range(1, last + 1) if self.labels[i] != self.labels[0]), last)
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
        target = mix_labels(self.labels[pair], weight, swap, len(self.names))[0]
        marks = []
        for place, (image, word) in enumerate(
            (
                (self.images[first], f"{self.names[classes[0]]}"),
                (mixture, f"{lam:.0%} and {1 - lam:.0%}"),
                (self.images[second], f"{self.names[classes[1]]}"),
            )
        ):
            marks += [pixels(_square(image.numpy()), 30 + 195 * place, 30, 170), words(30 + 195 * place, 222, word)]
        marks += self._density(lam)
        said = (
            f"The mixture is {lam:.0%} of a {self.names[classes[0]]} and {1 - lam:.0%} of a {self.names[classes[1]]}; "
        )
        said += "its label says " + " and ".join(
            f"{float(target[k]):.0%} {self.names[k]}" for k in dict.fromkeys(classes)
        )
        for place, (name, curve) in enumerate(self._curves_of(first, second).items()):
            marks += self._chart(place, name, curve, lam, classes)
            here = curve[round(lam * (STEPS - 1))]
            outside = 1 - sum(here[k] for k in set(classes))
            parts = " and ".join(f"{here[k]:.0%} {self.names[k]}" for k in dict.fromkeys(classes))
            said += f". The {name} says {parts}, and {outside:.0%} something else"
        height = SIZE[1] if self.models else 250
        return picture(marks, SIZE[0], height, said + "."), said + "."

    def _curves_of(self, first: int, second: int) -> dict[str, np.ndarray]:
        """What each model says along lambda, (STEPS, K); asked once for a pair."""
        if self._asked != (first, second):
            lam = torch.linspace(0, 1, STEPS)
            many = torch.cat([self.images[first].expand(STEPS, -1, -1, -1), self.images[second][None]])
            partner = torch.full((STEPS + 1,), STEPS)
            mixtures = mix(many, torch.cat([lam, torch.ones(1)]), partner)[:STEPS]
            with torch.inference_mode():
                self._curves = {
                    name: torch.as_tensor(model(mixtures)).float().softmax(dim=1).numpy()
                    for name, model in self.models.items()
                }
            self._asked = (first, second)
        return self._curves

    def _density(self, lam: float) -> list[str]:
        alpha = self.controls["alpha"].value
        x = np.linspace(0.01, 0.99, 99)
        y = np.minimum(stats.beta.pdf(x, alpha, alpha), 4.0)
        chart = Chart((650, 60, 220, 120), (0, 1), (0, 4))
        chart.axes([(0, "0"), (0.5, "½"), (1, "1")], [], "weight", "how often it is drawn")
        chart.line([lam, lam], [0, 4], QUIET, dash="4 4", width=1.5)
        chart.line(x, y, look_of("kd").colour)
        return chart.marks

    def _chart(self, place: int, name: str, curve: np.ndarray, lam: float, classes: list[int]) -> list[str]:
        look = look_of(ARMS.get(name, "ce"))
        chart = Chart((70 + 440 * place, 320, 350, 240), (0, 1), (0, 1))
        chart.axes([(0, "0"), (0.5, "½"), (1, "1")], shares(0.5), "weight of the first", "probability", name)
        x = np.linspace(0, 1, STEPS)
        chart.line([0, 1], [0, 1], FAINT, width=2)
        chart.line([0, 1], [1, 0], FAINT, width=2)
        chart.line([lam, lam], [0, 1], QUIET, dash="4 4", width=1.5)
        chart.line(x, curve[:, classes[0]], look.colour)
        chart.line(x, curve[:, classes[1]], look.colour, dash="8 4")
        rest = 1 - curve[:, list(set(classes))].sum(axis=1)
        chart.line(x, rest, QUIET, dash="2 4")
        chart.label(0.97, curve[-1, classes[0]], self.names[classes[0]], look.colour, "end", dy=20)
        chart.label(0.03, curve[0, classes[1]], self.names[classes[1]], look.colour, dy=20)
        top = int(rest.argmax())
        chart.label(x[top], rest[top], "others", QUIET, "middle", dy=-12)
        return chart.marks
