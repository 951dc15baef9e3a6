"""desk: what all handlers of the room's server share: its state, its limits, its headers.

Pages run only their own script and are framed by nobody; forms carry a token; requests are counted for each seat and
each address.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tornado.log import app_log
from tornado.web import HTTPError, RequestHandler

from course_lib.workshop import showing
from course_lib.workshop.limits import RateLimit
from course_lib.workshop.room import Room

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "course",
}
NUMBER = re.compile(r"[0-9]{1,4}")


@dataclass
class Desk:
    """What the handlers share.

    Attributes:
        room: The state.
        address: Where the room comes in, as shown on the wall.
        clock: Seconds, for the limits.
        key: The speaker's secret.
    """

    room: Room
    address: str
    clock: Callable[[], float] = time.monotonic
    key: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def __post_init__(self) -> None:
        """Full buckets; those of addresses serve a room of 300 that shares one."""
        self.of_address = RateLimit(at_once=1500, per_second=400, clock=self.clock)
        self.of_guesses = RateLimit(at_once=60, per_second=2, clock=self.clock)  # wrong ones
        self.of_seat = RateLimit(at_once=20, per_second=4, clock=self.clock)


class Page(RequestHandler):
    """One request to the room's server."""

    def initialize(self, desk: Desk) -> None:
        """Take what all share."""
        self.desk, self.room = desk, desk.room

    def set_default_headers(self) -> None:
        """The headers of every answer, errors too."""
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Count the request; who sends a form was counted before its token was looked at."""
        if self.request.method != "POST":
            self.hold(self.desk.of_address, self.request.remote_ip or "")

    def check_xsrf_cookie(self) -> None:
        """Count a form, then look at its token."""
        self.hold(self.desk.of_address, self.request.remote_ip or "")
        super().check_xsrf_cookie()

    def hold(self, limit: RateLimit, caller: str) -> None:
        """Refuse a caller who asks too often."""
        if not limit.allows(caller):
            raise HTTPError(HTTPStatus.TOO_MANY_REQUESTS)

    def guess(self, right: bool) -> bool:
        """Whether a code or key is right; wrong ones are counted, and who gave too many is not heard for a while."""
        caller = self.request.remote_ip or ""
        if self.desk.of_guesses.left(caller) < 1:
            raise HTTPError(HTTPStatus.TOO_MANY_REQUESTS)
        if not right:
            self.desk.of_guesses.allows(caller)
        return right

    @property
    def token_field(self) -> str:
        """A form field that only this server's own pages have."""
        return self.xsrf_form_html()

    def number(self, name: str) -> int:
        """A whole number of at most four digits out of the form; -1 where there is none."""
        given = self.get_body_argument(name, "")
        return int(given) if NUMBER.fullmatch(given) else -1

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Tell the speaker's terminal of a fault of ours, but never who asked for what."""
        if not isinstance(value, HTTPError):
            app_log.error("a fault in %s", type(self).__name__, exc_info=(typ, value, tb))

    def write_error(self, status_code: int, **_: Any) -> None:
        """Say what went wrong, and nothing of how this server is made."""
        if status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self.set_header("Retry-After", "5")
        said = {
            HTTPStatus.TOO_MANY_REQUESTS: "Too many requests. Wait a moment, then try again.",
            HTTPStatus.FORBIDDEN: "This form is too old. Go back and load the page again.",
            HTTPStatus.NOT_FOUND: "There is nothing here.",
        }
        self.finish(showing.refused(said.get(HTTPStatus(status_code), "This cannot be done.")))
