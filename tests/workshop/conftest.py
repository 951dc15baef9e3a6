"""A room's server in a thread, and guests with cookies of their own."""

import asyncio
import http.client
import re
import threading
from html import unescape
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest

from course_lib.workshop.desk import Desk
from course_lib.workshop.questions import Question
from course_lib.workshop.room import Room
from course_lib.workshop.tally import listen

NASTY = "<img src=x onerror=alert(1)>"
ASKED = (
    Question("first", f"Which one? {NASTY}", ("red & black", "<b>green</b>", "blue"), 1, f"Green. {NASTY}"),
    Question("second", "And now?", ("left", "right"), 0, "Left."),
)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Guest:
    """A browser without a screen: keeps cookies, follows nothing."""

    def __init__(self, port):
        self.port, self.cookies = port, {}

    def ask(self, path, form=None, method=None, headers=(), body=None):
        """Status, headers and text of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **dict(headers)}
        if form is not None:
            body = urlencode(form)
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                self.cookies |= {key: morsel.value for key, morsel in SimpleCookie(value).items()}
        connection.close()
        return answer.status, answer.headers, text

    def fields(self, page):
        """The hidden fields of a page's form."""
        _, _, text = self.ask(page)
        return {
            name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text)
        }

    def send(self, page, action, **form):
        """Fill in the form of a page, and send it."""
        return self.ask(action, {**self.fields(page), **form})

    def come_in(self, code):
        return self.send("/", "/join", code=code)


class Served:
    """A room's server, and its clock, which stands still."""

    def __init__(self, **settings):
        self.clock = Clock()
        self.desk = Desk(Room(ASKED, **settings), "http://192.168.1.9:8867", clock=self.clock)
        self.room = self.desk.room
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        started = threading.Event()

        async def serve():
            self.server = listen(self.desk, 0, "127.0.0.1")
            self.port = next(iter(self.server._sockets.values())).getsockname()[1]
            started.set()
            await self._stopped()

        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(serve()))
        self._thread.start()
        assert started.wait(10)

    async def _stopped(self):
        await self._stop.wait()
        self.server.stop()
        await self.server.close_all_connections()

    def stop(self):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    def guest(self, inside=False):
        guest = Guest(self.port)
        if inside:
            assert guest.come_in(self.room.code)[0] == 303
        return guest

    def speaker(self):
        guest = Guest(self.port)
        assert guest.ask(f"/speaker/{self.desk.key}")[0] == 303
        return guest


@pytest.fixture
def serve():
    """Starts servers, and stops them."""
    running = []

    def started(**settings):
        running.append(Served(**settings))
        return running[-1]

    yield started
    for each in running:
        each.stop()


@pytest.fixture
def served(serve):
    return serve()
