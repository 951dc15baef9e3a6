"""story: twenty minutes in five acts; each asks first, and opens its explorer after the guess.

``talk.ipynb`` shows one act a cell. Where a room answers from its own laptops, the acts show the questions and leave
the guessing to the room.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from course_lib import widgets
from course_lib.workshop.questions import BY_NAME
from course_lib.workshop.story_server import READY, TALLY

STUDENTS = ("mixup", "mixup_kd")


@dataclass(frozen=True)
class Act:
    """A part of the story.

    Attributes:
        name: For links.
        title: As shown.
        minutes: From when to when, by the speaker's clock.
        text: What is said first, two or three sentences.
        questions: Their names.
        explorer: Makes what opens.
    """

    name: str
    title: str
    minutes: str
    text: str
    questions: tuple[str, ...]
    explorer: Callable[[], ipywidgets.Widget]


def _mixing() -> ipywidgets.Widget:
    """Two students that were trained since the page was opened."""
    explorer = widgets.MixupExplorer(models={arm: _student(arm) for arm in STUDENTS})
    explorer.controls["first"].value, explorer.controls["second"].value = 2, 6  # a 1 and a 0: a pair like most others
    return explorer


ACTS = (
    Act(
        "dark-knowledge",
        "What does a teacher know that a label does not?",
        "1 to 4",
        "A label says “this is a 2”. A trained network says more: a 2 or rather a 1, certainly no 0. "
        "A temperature brings that to light.",
        ("softening",),
        widgets.TemperatureExplorer,
    ),
    Act(
        "reliability",
        "Sure, and right?",
        "4 to 8",
        "Take all answers given with a confidence near 80 %. If 80 of 100 are right, the model means what it says: "
        "it is calibrated.",
        ("sureness", "few-images"),
        widgets.ReliabilityExplorer,
    ),
    Act(
        "scaling",
        "One number that repairs confidence",
        "8 to 11",
        "Divide all logits by one temperature, fitted on images held out of training.",
        ("repair", "changed-answers"),
        widgets.ScalingExplorer,
    ),
    Act(
        "mixing",
        "Two images in one",
        "11 to 15",
        "Mixup lays two images over each other and mixes their labels in the same proportion. "
        "Mixup distillation asks a teacher instead.",
        ("follows",),
        _mixing,
    ),
    Act(
        "trade-off",
        "Does it work?",
        "15 to 18",
        "Students of digits at four distillation temperatures, five seeds each. You may train one more, now.",
        ("temperature", "four-data-sets"),
        widgets.TradeoffExplorer,
    ),
)
_training = threading.Lock()
MADE_EARLY = tuple(act.name for act in ACTS if act.name != "mixing")


def _student(arm: str) -> Any:
    with _training:  # who comes while it is being trained waits for it
        return _trained(arm)


@cache
def _trained(arm: str) -> Any:
    return widgets.train(arm)


@cache
def _made(name: str) -> ipywidgets.Widget:
    return next(act for act in ACTS if act.name == name).explorer()


def _train_early() -> None:
    """Train, while the first acts are told, the students of the fourth."""
    import torch

    torch.set_num_threads(1)  # a speaker's sliders come first
    for arm in STUDENTS:
        _student(arm)


def opening() -> ipywidgets.Widget:
    """The title, links to the acts, and, with a room, the way to the speaker's page."""
    links = "".join(f"<li><a href='#{act.name}'>{escape(act.title)}</a></li>" for act in ACTS)
    links += "<li><a href='#you'>How well do you know what you know?</a></li>"
    room = os.environ.get(TALLY, "")
    if room:
        links += f"<li><a href='{escape(room, quote=True)}' target='room' rel='noopener'>The room's questions</a></li>"
    head = "<h1>Sure, and right?</h1><p>How a small network learns from a large one, and what it then believes. "
    head += "Guess first; then look.</p>"
    return _classed(ipywidgets.HTML(f"{head}<nav aria-label='Acts'><ol>{links}</ol></nav>"), "story-opening")


def act(name: str) -> ipywidgets.Widget:
    """One act: text and questions on the left; on the right its explorer, closed until somebody guesses."""
    found = next(each for each in ACTS if each.name == name)
    if name in MADE_EARLY:
        _made(name)
    right = ipywidgets.VBox()
    opened = ipywidgets.Button(description="open without a guess", tooltip=f"open: {found.title}")
    wait = ipywidgets.HTML("<p>The explorer opens with the first guess.</p>")
    right.children = (wait, opened)

    def reveal(_: Any = None) -> None:
        if opened in right.children:
            right.children = (ipywidgets.HTML("<p role='status'>One moment …</p>"),)
            right.children = (_made(name),)

    opened.on_click(reveal)
    head = (
        f"<p class='story-minutes'>minutes {found.minutes}</p><h2 id='{name}' tabindex='-1'>{escape(found.title)}</h2>"
    )
    left = [ipywidgets.HTML(f"{head}<p>{escape(found.text)}</p>")]
    left += [_asked(question, reveal) for question in found.questions]
    columns = [_classed(ipywidgets.VBox(left), "story-left"), _classed(right, "story-right")]
    return _classed(ipywidgets.HBox(columns), "story-act")


def _asked(name: str, reveal: Callable[[], None]) -> ipywidgets.Widget:
    """A question for the speaker; or for the room to see, where the room answers."""
    question = BY_NAME[name]

    def opened() -> str:
        reveal()
        return question.reading

    if not os.environ.get(TALLY):
        answer = question.options[question.answer]
        return widgets.PredictThenRun(question.text, answer, options=question.options, reveal=opened)
    options = "".join(f"<li>{escape(option)}</li>" for option in question.options)
    return ipywidgets.HTML(f"<p><strong>Predict, in the room.</strong> {escape(question.text)}</p><ul>{options}</ul>")


def closing() -> ipywidgets.Widget:
    """The record of the guesses made on this page, or the way to the room's; then the training begins."""
    head = "<p class='story-minutes'>minutes 18 to 20</p>"
    head += "<h2 id='you' tabindex='-1'>How well do you know what you know?</h2>"
    room = os.environ.get(TALLY, "")
    if room:
        head += f"<p><a href='{escape(room, quote=True)}' target='room' rel='noopener'>The room's diagram</a></p>"
        shown: list[ipywidgets.Widget] = [ipywidgets.HTML(head)]
    else:
        head += "<p>You said how sure you were, every time. Here is your own reliability diagram.</p>"
        place = ipywidgets.VBox([])
        button = ipywidgets.Button(description="show my diagram", tooltip="of the guesses made on this page")
        button.on_click(lambda _: setattr(place, "children", (widgets.PredictThenRun.record(),)))
        shown = [ipywidgets.HTML(head), button, place]
    threading.Thread(target=_train_early, daemon=True).start()
    if ready := os.environ.get(READY):
        Path(ready).touch()
    return _classed(ipywidgets.VBox(shown), "story-closing")


def _classed(widget: Any, name: str) -> Any:
    """The widget, with a class for the style of the page."""
    widget.add_class(name)
    return widget
