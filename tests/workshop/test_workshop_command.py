"""``course workshop``: what is refused before anything starts, and what the story is made of."""

import json
import re
import socket
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise

import pytest

from course_lib.errors import CourseError
from course_lib.workshop import serving, story_server
from course_lib.workshop.questions import BY_NAME
from course_lib.workshop.serving import Wanted


def started(*arguments):
    """The command in a process of its own; it ends at once where it refuses."""
    code = "import sys; from course_lib.cli import main; import course_lib.cli.workshop\n"
    code += f"sys.argv = ['course', 'workshop', *{arguments!r}]\nmain()"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_without_voila_the_way_to_get_it_is_said(monkeypatch):
    monkeypatch.setattr(serving, "find_spec", lambda name: None if name == "voila" else find_spec(name))
    with pytest.raises(CourseError, match=re.escape("pip install 'course-lib[workshop]'")):
        serving.run(Wanted(browser=False))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--host", "0.0.0.0"), "--host is for --tally"),
        (("--tally", "--host", "everybody"), "is no IPv4 address"),
        (("--tally", "--host", "203.0.113.7", "--tally-port", "0"), "choose another with --tally-port"),
    ],
)
def test_an_address_that_cannot_be_is_refused_in_a_line(arguments, why):
    done = started(*arguments, "--no-browser")
    assert done.returncode == 2 and why in done.stderr
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1 and not done.stdout


def test_a_port_that_is_taken_is_named_with_the_option_to_change_it():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = started("--port", str(port), "--no-browser")
    assert done.returncode == 2 and f"port {port}" in done.stderr and "with --port" in done.stderr


def test_a_free_port_is_free():
    port = story_server.free_port(0, "127.0.0.1", "--port")
    assert story_server.free_port(port, "127.0.0.1", "--port") == port > 1023


def test_the_story_shows_every_act_once_in_order_and_no_stored_output():
    talk = json.loads((story_server.HERE / "talk.ipynb").read_text())
    code = ["".join(cell["source"]) for cell in talk["cells"]]
    assert all(cell["outputs"] == [] for cell in talk["cells"])
    shown = [match for text in code for match in re.findall(r'story\.act\("([\w-]+)"\)', text)]
    from course_lib.workshop.story import ACTS

    assert shown == [act.name for act in ACTS] and "opening()" in code[0] and "closing()" in code[-1]


def test_every_question_is_asked_in_one_act_and_in_the_order_in_which_a_room_answers():
    from course_lib.workshop.story import ACTS

    assert [name for act in ACTS for name in act.questions] == list(BY_NAME)


def test_the_acts_fill_the_speakers_twenty_minutes_without_a_gap():
    from course_lib.workshop.story import ACTS

    times = [tuple(map(int, act.minutes.split(" to "))) for act in ACTS]
    assert times[0][0] == 1 and times[-1][1] == 18
    assert all(before[1] == after[0] for before, after in pairwise(times))


def test_the_story_page_loads_nothing_from_the_network():
    template = (story_server.HERE / "jupyter/voila/templates/story/index.html.j2").read_text()
    assert "http://" not in template and "https://" not in template
