"""showing: what a seat and the speaker see now, as HTML in which everything that is shown is escaped."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from course_lib.workshop.record import bars, diagram, record_of
from course_lib.workshop.room import Phase, Room

PAGES = Path(__file__).parent / "pages"


@cache
def _templates() -> Environment:
    loader = FileSystemLoader(PAGES)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def _page(name: str, **shown: Any) -> str:
    return _templates().get_template(name).render(**{"watch": "", "version": "", "problem": "", **shown})


def door(xsrf: str, typed: str = "", problem: str = "") -> str:
    """Where the code is typed; ``xsrf`` is a form field that the server made."""
    return _page("door.html", xsrf=xsrf, typed=typed, problem=problem)


def refused(problem: str) -> str:
    """A page that says what went wrong."""
    return _page("refused.html", problem=problem)


def _of(room: Room) -> dict[str, Any]:
    """What both views show."""
    return {
        "phase": str(room.phase),
        "place": room.place,
        "number": room.place + 1,
        "total": len(room.questions),
        "question": room.current,
        "finished": room.finished,
        "changes": room.changes,
    }


def seat_version(room: Room) -> str:
    """Changes when a seat has something new to see."""
    return str(room.changes)


def seat_page(room: Room, seat: str, xsrf: str, problem: str = "") -> str:
    """What one seat sees: the open question, or the answer and how well it knows what it knows."""
    said, question = room.said(seat), room.current
    halfway = (question.least_percent + 100) // 2 if question else 0
    return _page(
        "seat.html",
        **_of(room),
        watch="/room",
        version=seat_version(room),
        xsrf=xsrf,
        problem=problem,
        said=said,
        percent=round(100 * said.confidence) if said else halfway,
        record=record_of(room.guesses(seat)),
    )


def speaker_version(room: Room) -> str:
    """Changes when the speaker has something new to see: also when somebody comes in or answers."""
    return f"{room.changes}.{room.seats}.{sum(room.votes())}"


def speaker_page(room: Room, address: str, xsrf: str, problem: str = "") -> str:
    """What is on the wall; votes are shown when the question is closed, so that nobody follows the crowd."""
    record = record_of(room.guesses())
    closed = room.phase is Phase.SHOWN and room.current is not None
    question = room.current
    return _page(
        "speaker.html",
        **_of(room),
        watch="/speaker",
        version=speaker_version(room),
        xsrf=xsrf,
        problem=problem,
        address=address,
        code=room.code,
        seats=room.seats,
        answered=sum(room.votes()),
        bars=bars(question.options, room.votes(), question.answer) if question and closed else "",
        record=record,
        diagram=diagram(record, "The room") if record else "",
    )
