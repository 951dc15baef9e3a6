"""handlers: the door, a seat, and the speaker's desk.

Whoever has the code may take a seat; a cookie holds the seat's secret number. The speaker's address holds a secret of
its own, which moves into a cookie at once, so that the address on the wall does not show it.
"""

import secrets
from http import HTTPStatus

from tornado.web import HTTPError

from course_lib.workshop import showing
from course_lib.workshop.desk import Page
from course_lib.workshop.room import Refused

FILES = {"tally.css": "text/css", "tally.js": "text/javascript", "icon.svg": "image/svg+xml"}
COOKIE = {"httponly": True, "samesite": "Strict", "path": "/"}
SEAT, SPEAKER = "tally_seat", "tally_speaker"


class Nothing(Page):
    """Any other address."""

    def prepare(self) -> None:
        """Say that there is nothing, to any method."""
        super().prepare()
        raise HTTPError(HTTPStatus.NOT_FOUND)


class File(Page):
    """Style, script and icon."""

    def get(self, name: str) -> None:
        """The file; it may be kept for the length of a workshop."""
        self.set_header("Content-Type", FILES[name])
        self.set_header("Cache-Control", "max-age=3600")
        self.finish((showing.PAGES / name).read_bytes())


class Door(Page):
    """Where the code is typed."""

    def get(self) -> None:
        """The door; who has a seat goes to it."""
        if self.room.knows(self.get_cookie(SEAT) or ""):
            self.redirect("/room", status=HTTPStatus.SEE_OTHER)
        else:
            self.finish(showing.door(self.token_field))

    def post(self) -> None:
        """Give a seat to who has the code."""
        typed = self.get_body_argument("code", "")[:12]
        problem = "" if self.guess(self.room.admits(typed)) else "That is not the code. It stands on the wall."
        try:
            seat = self.room.sit() if not problem else ""
        except Refused as full:
            seat, problem = "", str(full)
        if problem:
            self.set_status(HTTPStatus.FORBIDDEN)
            self.finish(showing.door(self.token_field, typed, problem))
        else:
            self.set_cookie(SEAT, seat, expires_days=None, **COOKIE)
            self.redirect("/room", status=HTTPStatus.SEE_OTHER)


class Seat(Page):
    """What a seat sees, and its answers."""

    def prepare(self) -> None:
        """Only who has a seat; the others are led to the door."""
        super().prepare()
        self.seat = self.get_cookie(SEAT) or ""
        if self.room.knows(self.seat):
            self.hold(self.desk.of_seat, self.seat)
        elif self.request.path == "/room/state":
            raise HTTPError(HTTPStatus.NOT_FOUND)
        else:
            self.redirect("/", status=HTTPStatus.SEE_OTHER)

    def get(self, what: str = "") -> None:
        """The page, or its version, which tells whether to load it again."""
        if what == "/state":
            self.finish({"version": showing.seat_version(self.room)})
        else:
            self.finish(showing.seat_page(self.room, self.seat, self.token_field))

    def post(self, what: str = "") -> None:
        """Take an answer."""
        if what != "/answer":
            raise HTTPError(HTTPStatus.NOT_FOUND)
        try:
            self.room.answer(self.seat, self.number("place"), self.number("choice"), self.number("percent"))
        except Refused as refusal:
            self.set_status(HTTPStatus.CONFLICT)
            self.finish(showing.seat_page(self.room, self.seat, self.token_field, str(refusal)))
        else:
            self.redirect("/room", status=HTTPStatus.SEE_OTHER)


class SpeakerDoor(Page):
    """The secret address; it gives a cookie and leads to an address that may be seen on the wall."""

    def get(self, key: str) -> None:
        """Let the speaker in; to all others there is nothing here."""
        if not self.guess(secrets.compare_digest(key.encode(), self.desk.key.encode())):
            raise HTTPError(HTTPStatus.NOT_FOUND)
        self.set_cookie(SPEAKER, key, expires_days=None, **COOKIE)
        self.redirect("/speaker", status=HTTPStatus.SEE_OTHER)


class Speaker(Page):
    """What is on the wall, and its one button."""

    def prepare(self) -> None:
        """Only the speaker."""
        super().prepare()
        key = self.get_cookie(SPEAKER) or ""
        if not secrets.compare_digest(key.encode(), self.desk.key.encode()):
            raise HTTPError(HTTPStatus.NOT_FOUND)

    def get(self, what: str = "") -> None:
        """The page, or its version."""
        if what == "/state":
            self.finish({"version": showing.speaker_version(self.room)})
        else:
            self.finish(showing.speaker_page(self.room, self.desk.address, self.token_field))

    def post(self, what: str = "") -> None:
        """Open or close a question; a second click on the same page changes nothing."""
        step = {"open": self.room.open_next, "close": self.room.close}.get(self.get_body_argument("step", ""))
        if what != "/step" or step is None:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        if self.number("changes") == self.room.changes:
            step()
        self.redirect("/speaker", status=HTTPStatus.SEE_OTHER)
