"""serving: starts the story, and the room's server where one is wanted, and stops both.

The story runs code and stays on this computer. The room's server runs none; it listens where it is told.
"""

import asyncio
import secrets
import signal
import socket
import sys
import tempfile
import time
import webbrowser
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.errors import CourseError
from course_lib.workshop.story_server import HOME, Story, free_port, last_words, ready, start_story

if TYPE_CHECKING:
    from course_lib.workshop.desk import Desk


@dataclass(frozen=True)
class Wanted:
    """What a speaker asks for.

    Attributes:
        port: Of the story; 0 takes a free one.
        tally: Whether a room answers.
        tally_port: Of the room's server; 0 takes a free one.
        host: Where the room's server listens.
        browser: Whether to open the speaker's browser.
    """

    port: int = 0
    tally: bool = False
    tally_port: int = 8867
    host: str = HOME
    browser: bool = True


def run(wanted: Wanted) -> None:
    """Start what is wanted, say where it is, and serve until Ctrl-C.

    Raises:
        CourseError: If Voilà is missing, a port is taken, or an address is not of this computer.
    """
    _check(wanted)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that what was started is stopped
    with tempfile.TemporaryDirectory(prefix="course-workshop-") as folder:
        asyncio.run(_serve(wanted, Path(folder)))


def _check(wanted: Wanted) -> None:
    if find_spec("voila") is None:
        raise CourseError("the workshop needs Voilà: install it with  python -m pip install 'course-lib[workshop]'")
    try:
        IPv4Address(wanted.host)
    except ValueError:
        raise CourseError(f"--host {wanted.host!r} is no IPv4 address: 0.0.0.0 lets the whole network in") from None
    if wanted.host != HOME and not wanted.tally:
        raise CourseError("--host is for --tally: the story runs code and never leaves this computer")


async def _serve(wanted: Wanted, folder: Path) -> None:
    port, key = (
        free_port(wanted.tally_port, wanted.host, "--tally-port") if wanted.tally else 0,
        secrets.token_urlsafe(16),
    )
    speaker = f"http://{HOME if _is_here(wanted.host) else wanted.host}:{port}/speaker/{key}" if wanted.tally else ""
    story = start_story(wanted.port, folder, speaker)
    try:
        desk = _open_room(wanted.host, port, key) if wanted.tally else None
        await ready(story)
        _tell(wanted, story, desk, speaker)
        while story.process.poll() is None:
            await asyncio.sleep(0.5)
        raise CourseError(f"the story has ended by itself: {last_words(story.log)}. Start it again")
    finally:
        story.stop()


def _open_room(host: str, port: int, key: str) -> "Desk":
    """Serve a room; what it imports takes seconds, in which the story starts."""
    from course_lib.workshop.desk import Desk
    from course_lib.workshop.questions import QUESTIONS
    from course_lib.workshop.room import Room
    from course_lib.workshop.tally import listen

    shown = own_address() if IPv4Address(host).is_unspecified else host
    desk = Desk(Room(QUESTIONS), f"http://{shown}:{port}", key=key)
    listen(desk, port, host)
    return desk


def _is_here(host: str) -> bool:
    """Whether this computer reaches the address by its own name."""
    return IPv4Address(host).is_unspecified or IPv4Address(host).is_loopback


def own_address() -> str:
    """This computer's address in its network, as the others see it; no packet is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address that is nobody's
            return probe.getsockname()[0]
        except OSError:  # in no network that leads anywhere
            return socket.gethostname()


def _tell(wanted: Wanted, story: Story, desk: "Desk | None", speaker: str) -> None:
    seconds = time.monotonic() - story.started
    print(f"Ready after {seconds:.1f} s.\nThe story (this computer only):  {story.address}", flush=True)
    opens = [story.address]
    if desk:
        print(f"The speaker (keep it secret):    {speaker}")
        print(f"The room:                        {desk.address}   code {desk.room.code}")
        if IPv4Address(wanted.host).is_loopback:
            print("Only this computer can open the room. To let the network in, start with  --tally --host 0.0.0.0")
        else:
            print(
                "Everybody in this network who has the code can answer; nothing is encrypted. "
                "Answers stay in memory and are gone when this stops. The story stays on this computer."
            )
        opens.append(speaker)
    print("Stop with Ctrl-C.", flush=True)
    if wanted.browser:
        for address in opens:
            webbrowser.open(address)
