"""temperature: what a model says about one image, softened or sharpened, with its dark knowledge or without."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib import dark_knowledge, results
from course_lib.plots.style import LOOKS, QUIET
from course_lib.widgets.arrays import checked, checked_images, dark_on_white, names_of, tensor_of
from course_lib.widgets.explorer import Explorer, choice, int_slider, log_slider
from course_lib.widgets.svg import Chart, picture, pixels, shares, words

SIZE = (900, 440)
WHOLE, FLAT, PERMUTED = "all of it", "top class only, the rest spread evenly", "given to the wrong classes"
SHOWN = 12  # classes at most


class TemperatureExplorer(Explorer):
    """Probabilities of one image along the temperature."""

    def __init__(
        self, logits: Any = None, images: Any = None, labels: Any = None, class_names: Sequence[str] | None = None
    ):
        """Explore predictions.

        Args:
            logits: (N, K); by default those of a teacher of handwritten digits that come with the library.
            images: (N, H, W) or (N, C, H, W), uint8 or float in [0, 1], shown beside; left out where there are none.
            labels: (N,) classes; by default the model's answers.
            class_names: K words; numbers by default.

        Raises:
            CourseError: If the shapes do not fit.
        """
        source = ""
        if logits is None:
            found = results.load("digits/four-arms")
            shipped = found.predictions("teacher")
            logits, labels, source = shipped.logits, shipped.labels, found.origin
            images = _digit_images(shipped.index_hash) if images is None else images
        self.labelled = labels is not None
        if labels is None:
            values = tensor_of(logits, "logits")
            labels = values.argmax(dim=1) if values.ndim == 2 and values.shape[1] else torch.zeros(0)
        self.logits, self.labels = checked(logits, labels)
        self.images = None if images is None else checked_images(images, len(self.logits))
        self.names = names_of(class_names, self.logits.shape[1])
        self._relatives = dark_knowledge.wrong_relatives(self.logits.shape[1], seed=0)
        unsure = self.logits.softmax(dim=1).amax(dim=1).argsort(stable=True)
        self.order = unsure.tolist()  # the least sure images first: they show the most
        last = len(self.order) - 1
        controls = {
            "image": int_slider("image, unsure to sure", min(5, last), 0, last),
            "temperature": log_slider("temperature", 1.0, 0.5, 20.0),
            "keep": choice("dark knowledge", [WHOLE, FLAT, PERMUTED]),
        }
        super().__init__("What a model says about one image", controls, source)

    def draw(self) -> tuple[str, str]:
        """Bars of the most probable classes, and what they say."""
        image, temperature = self.order[self.controls["image"].value], self.controls["temperature"].value
        probs = self._probs(image, temperature)
        nats, most = float(dark_knowledge.entropy(probs)), float(np.log(probs.shape[1]))
        dark = float(dark_knowledge.dark_knowledge_share(probs))
        row, label = probs[0].tolist(), int(self.labels[image])
        best = sorted(range(len(row)), key=lambda k: -row[k])
        beside = [f"entropy {nats:.2f} of {most:.2f} nats", f"of it dark knowledge {dark:.0%}"]
        if self.labelled:
            beside.insert(0, f"label: {self.names[label]}")
        marks = [words(20, 340 + 28 * place, word) for place, word in enumerate(beside)]
        if self.images is None:
            marks.append(words(20, 180, f"image {image}", colour=QUIET))
        else:
            marks.append(pixels(dark_on_white(self.images[image]), 20, 60, 240))
        marks += self._bars(row, sorted({*best[:SHOWN], label}), label, temperature)
        leaders = ", ".join(f"{row[k]:.1%} to {self.names[k]}" for k in best[:3])
        of_label = f"; the label is {self.names[label]}" if self.labelled else ""
        said = (
            f"At temperature {temperature:.3g} the model gives {leaders}{of_label}. "
            f"Its entropy is {nats:.2f} nats of at most {most:.2f}, and {dark:.0%} of that lies among the "
            f"classes other than the top one.{ABLATED[self.controls['keep'].value]}"
        )
        return picture(marks, *SIZE, said), said

    def _probs(self, image: int, temperature: float) -> Tensor:
        """(1, K), with the dark knowledge that is left."""
        logits = self.logits[image : image + 1]
        if self.controls["keep"].value == PERMUTED:
            logits = dark_knowledge.permute_dark_knowledge(logits, self._relatives)
        probs = dark_knowledge.softmax_with_temperature(logits, temperature)
        return dark_knowledge.flatten_dark_knowledge(probs) if self.controls["keep"].value == FLAT else probs

    def _bars(self, row: list[float], shown: list[int], label: int, temperature: float) -> list[str]:
        """One bar a class, from top to bottom; the names of classes find room at the left."""
        bottom = -len(shown) + 0.5
        chart = Chart((420, 60, 410, 318), (0, 1), (bottom, 0.5))
        of_all = f"the {len(shown)} likeliest of {len(row)} classes, " if len(shown) < len(row) else ""
        chart.axes(shares(0.25), [], "probability", "", f"{of_all}T = {temperature:.3g}")
        for place, k in enumerate(shown):
            found = self.labelled and k == label
            colour = LOOKS["kd" if found else "teacher"].colour
            chart.bar((0, row[k]), (-place - 0.38, -place + 0.38), colour)
            chart.label(0, -place, self.names[k][:16], colour if found else LOOKS["teacher"].colour, "end", dx=-8)
            percent = f"{row[k]:.1%}" if row[k] >= 0.0005 else "under 0.1%"
            chart.label(row[k], -place, f"{percent}, the label" if found else percent, colour, dx=6)
        return chart.marks


ABLATED = {
    WHOLE: "",
    FLAT: " What it knew about the other classes was taken away.",
    PERMUTED: " What it knew about the other classes was given to the wrong ones.",
}


def _digit_images(index_hash: str) -> Any:
    """The images that predictions belong to; None where these are other images."""
    from course_lib.widgets.live import digits

    found = digits().test
    return found.images if found.index_hash == index_hash and isinstance(found.images, Tensor) else None
