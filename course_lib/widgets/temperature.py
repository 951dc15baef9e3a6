"""temperature: what a model says about one image, softened or sharpened, with its dark knowledge or without."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from course_lib import dark_knowledge, results
from course_lib.errors import CourseError
from course_lib.plots.style import INK, LOOKS, QUIET
from course_lib.widgets.explorer import Explorer, checked, choice, int_slider, log_slider, told
from course_lib.widgets.svg import Chart, picture, pixels, shares, words

SIZE = (900, 400)
FLAT, WHOLE = "top class only, the rest spread evenly", "all of it"
SHOWN = 12  # classes at most


class TemperatureExplorer(Explorer):
    """Probabilities of one image along the temperature."""

    def __init__(self, logits: Any = None, images: Any = None, labels: Any = None, class_names: Sequence[str] = ()):
        """Explore predictions.

        Args:
            logits: (N, K); by default those of a teacher of handwritten digits that come with the library.
            images: (N, H, W) or (N, C, H, W), uint8 or float in [0, 1], shown beside; left out where there are none.
            labels: (N,) classes.
            class_names: K words; numbers by default.

        Raises:
            CourseError: If the shapes do not fit.
        """
        source = ""
        if logits is None:
            found = results.load("digits/four-arms")
            shipped = found.predictions("teacher")
            logits, labels, source = shipped.logits, shipped.labels, told(found)
            images = _digit_images() if images is None else images
        if labels is None:
            labels = torch.as_tensor(logits).argmax(dim=1)
        self.logits, self.labels = checked(logits, labels)
        self.images = None if images is None else np.asarray(images)
        if self.images is not None and len(self.images) != len(self.logits):
            raise CourseError(f"{len(self.images)} images and {len(self.logits)} rows of logits: one of each is needed")
        self.names = list(class_names) or [str(k) for k in range(self.logits.shape[1])]
        unsure = self.logits.softmax(dim=1).amax(dim=1).argsort()
        self.order = unsure.tolist()  # the least sure images first: they show the most
        controls = {
            "image": int_slider("image, unsure to sure", min(5, len(self.order) - 1), 0, len(self.order) - 1),
            "temperature": log_slider("temperature", 1.0, 0.5, 20.0),
            "keep": choice("dark knowledge", [WHOLE, FLAT]),
        }
        super().__init__("What a model says about one image", controls, source)

    def draw(self) -> tuple[str, str]:
        """Bars of the most probable classes, and what they say."""
        image = self.order[self.controls["image"].value]
        temperature = self.controls["temperature"].value
        probs = dark_knowledge.softmax_with_temperature(self.logits[image : image + 1], temperature)
        if self.controls["keep"].value == FLAT:
            probs = dark_knowledge.flatten_dark_knowledge(probs)
        nats = float(dark_knowledge.entropy(probs))
        dark = float(dark_knowledge.dark_knowledge_share(probs))
        row = probs[0].tolist()
        best = sorted(range(len(row)), key=lambda k: -row[k])
        shown = sorted(best[:SHOWN])
        label = int(self.labels[image])
        chart = Chart((310, 60, 570, 270), (-0.5, len(shown) - 0.5), (0, 1))
        ticks = [(place, self.names[k][:9]) for place, k in enumerate(shown)]
        chart.axes(ticks, shares(), "class", "probability", f"T = {temperature:.3g}")
        for place, k in enumerate(shown):
            colour = LOOKS["kd"].colour if k == label else LOOKS["teacher"].colour
            chart.bar((place - 0.36, place + 0.36), (0, row[k]), colour)
            chart.marks.append(words(*_above(chart, place, row[k]), f"{row[k]:.1%}", anchor="middle", size=13))
        left = [words(20, 330, f"label: {self.names[label]} (blue bar)", size=15)]
        left += [words(20, 355, f"entropy {nats:.2f} of {np.log(len(row)):.2f} nats", colour=INK)]
        left += [words(20, 380, f"of it dark knowledge {dark:.0%}", colour=INK)]
        if self.images is not None:
            left.append(pixels(_square(self.images[image]), 20, 60, 210))
        else:
            left.append(words(20, 180, f"image {image}", colour=QUIET))
        leaders = ", ".join(f"{row[k]:.1%} to {self.names[k]}" for k in best[:3])
        said = (
            f"At temperature {temperature:.3g} the model gives {leaders}; the label is {self.names[label]}. "
            f"Its entropy is {nats:.2f} nats of at most {np.log(len(row)):.2f}, and {dark:.0%} of that lies among the "
            "classes other than the top one."
        )
        return picture([*left, *chart.marks], *SIZE, said), said


def _above(chart: Chart, x: float, y: float) -> tuple[float, float]:
    across, down = chart.at(x, y)
    return across, down - 5


def _square(image: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, 3) of any usual layout; grey images are shown dark on white."""
    if image.ndim == 3:
        image = image.transpose(1, 2, 0) if image.shape[0] in (1, 3) else image
        image = image[..., 0] if image.shape[2] == 1 else image
    if image.ndim == 3:
        return image
    return 255 - image if image.dtype == np.uint8 else 1 - np.clip(image, 0, 1)


def _digit_images() -> np.ndarray:
    from course_lib.widgets.live import digits

    return np.asarray(digits().test.images)
