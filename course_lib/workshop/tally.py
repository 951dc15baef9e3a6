"""tally: the server at which a room answers. It keeps nothing but what is in memory, and writes no log."""

import re
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application

from course_lib.workshop.desk import Desk
from course_lib.workshop.handlers import COOKIE, FILES, Door, File, Nothing, Seat, Speaker, SpeakerDoor

BODY_AT_MOST = 1024  # bytes; the longest honest form has about 200


def application(desk: Desk) -> Application:
    """All addresses of the room's server."""
    routes: list[Any] = [
        (r"/", Door),
        (r"/join", Door),
        (r"/room(|/state|/answer)", Seat),
        (r"/speaker(|/state|/step)", Speaker),
        (r"/speaker/([\w-]{16,64})", SpeakerDoor),
        (rf"/({'|'.join(map(re.escape, FILES))})", File),
    ]
    return Application(
        [(pattern, handler, {"desk": desk}) for pattern, handler in routes],
        default_handler_class=Nothing,
        default_handler_args={"desk": desk},
        xsrf_cookies=True,
        xsrf_cookie_name="tally_xsrf",  # Jupyter on the same computer has a cookie of the usual name
        xsrf_cookie_kwargs=COOKIE,
        log_function=lambda handler: None,  # who asked for what is nobody's business
        compress_response=False,
    )


def listen(desk: Desk, port: int, host: str) -> HTTPServer:
    """Serve a room in the running event loop.

    Args:
        desk: The room and its speaker.
        port: 0 takes a free one.
        host: An address of this computer; ``0.0.0.0`` is all of them.

    Raises:
        OSError: If the port is taken or the address is not of this computer.
    """
    server = HTTPServer(
        application(desk),
        max_body_size=BODY_AT_MOST,
        max_header_size=16_384,
        max_buffer_size=32_768,
        body_timeout=5,
        idle_connection_timeout=60,
    )
    server.listen(port, address=host)
    return server
