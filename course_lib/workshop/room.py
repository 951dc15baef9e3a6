"""room: who sits in it, which question is open, and what was answered. Nothing here knows of a network or a file.

Questions are opened one after another. While one is open, seats answer it and may answer again; what they said counts
when it is closed. A seat is a secret number, nothing else is known of the person. All is forgotten with the process.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from course_lib.errors import CourseError
from course_lib.workshop.questions import Question

LETTERS = "CDFGHJKMNPRTVWX34679"  # none that is mistaken for another from the last row, and no vowels, so no words
CODE_LENGTH = 5  # 3 million codes; who guesses is held to two a second
SEATS_AT_MOST = 500


class Refused(CourseError):
    """What a seat or the speaker asked for cannot be done now; the message is for them."""


class Phase(StrEnum):
    """What the room is doing."""

    WAITING = "waiting"  # for the first question
    OPEN = "open"  # a question is being answered
    SHOWN = "shown"  # it is closed, its answer is on the wall


@dataclass(frozen=True)
class Answer:
    """What one seat said to one question.

    Attributes:
        choice: The place of the option.
        confidence: In [0, 1].
    """

    choice: int
    confidence: float


@dataclass(frozen=True)
class Guess:
    """An answer that has been judged.

    Attributes:
        confidence: In [0, 1].
        right: Whether it was the right option.
    """

    confidence: float
    right: bool


class Room:
    """The state of one workshop.

    Attributes:
        code: What the room types to come in.
        questions: In the order in which they are opened.
        place: Of the last question that was opened; -1 before the first.
        phase: What the room is doing.
        changes: Grows with every step of the speaker, so that pages know when to look again.
    """

    def __init__(self, questions: Sequence[Question], code: str = "", seats_at_most: int = SEATS_AT_MOST):
        """An empty room.

        Args:
            questions: At least one.
            code: By default a random one.
            seats_at_most: More are refused.
        """
        if not questions:
            raise ValueError("a room needs at least one question")
        self.questions = tuple(questions)
        self.code = code or "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))
        self.place = -1
        self.phase = Phase.WAITING
        self.changes = 0
        self._seats_at_most = seats_at_most
        self._said: dict[str, dict[int, Answer]] = {}  # by seat, then by the place of the question

    @property
    def current(self) -> Question | None:
        """The last question that was opened."""
        return self.questions[self.place] if self.place >= 0 else None

    @property
    def seats(self) -> int:
        """How many have come in."""
        return len(self._said)

    @property
    def finished(self) -> bool:
        """Whether the last question is closed."""
        return self.phase is Phase.SHOWN and self.place == len(self.questions) - 1

    def admits(self, code: str) -> bool:
        """Whether this is the room's code; capitals, spaces and hyphens do not matter."""
        typed = code.upper().replace(" ", "").replace("-", "")
        return secrets.compare_digest(typed.encode(), self.code.encode())

    def sit(self) -> str:
        """Give somebody a seat, and its secret number.

        Raises:
            Refused: If all seats are taken.
        """
        if self.seats >= self._seats_at_most:
            raise Refused(f"All {self._seats_at_most} seats are taken. Look on with a neighbour.")
        seat = secrets.token_urlsafe(16)
        self._said[seat] = {}
        return seat

    def knows(self, seat: str) -> bool:
        """Whether this seat was given by this room."""
        return seat in self._said

    def answer(self, seat: str, place: int, choice: int, percent: int) -> None:
        """Take a seat's answer to the open question; a later one replaces it.

        Args:
            seat: As given by ``sit``.
            place: Of the question that the seat saw.
            choice: The place of the option.
            percent: Confidence, from that of a blind guess to 100.

        Raises:
            Refused: If the question is not open, or there is no such option or confidence.
        """
        question = self.current
        if not self.knows(seat):
            raise Refused("This seat is not of this room. Come in again with the code on the wall.")
        if question is None or self.phase is not Phase.OPEN or place != self.place:
            raise Refused("This question is closed. Your answer came too late to count.")
        if not 0 <= choice < len(question.options):
            raise Refused("Choose one of the answers.")
        if not question.least_percent <= percent <= 100:
            raise Refused(f"Say how sure you are: from {question.least_percent} to 100 percent.")
        self._said[seat][place] = Answer(choice, percent / 100)

    def said(self, seat: str) -> Answer | None:
        """What a seat has answered to the current question."""
        return self._said.get(seat, {}).get(self.place)

    def open_next(self) -> None:
        """Open the next question.

        Raises:
            Refused: If one is open, or none is left.
        """
        if self.phase is Phase.OPEN:
            raise Refused("A question is open: close it first.")
        if self.finished:
            raise Refused("That was the last question.")
        self.place, self.phase, self.changes = self.place + 1, Phase.OPEN, self.changes + 1

    def close(self) -> None:
        """Close the open question; its answers now count.

        Raises:
            Refused: If none is open.
        """
        if self.phase is not Phase.OPEN:
            raise Refused("No question is open.")
        self.phase, self.changes = Phase.SHOWN, self.changes + 1

    def votes(self) -> list[int]:
        """How many chose each option of the current question; empty before the first."""
        question = self.current
        chosen = [said[self.place].choice for said in self._said.values() if self.place in said]
        return [chosen.count(place) for place in range(len(question.options))] if question else []

    def guesses(self, seat: str | None = None) -> list[Guess]:
        """All answers to closed questions, of one seat or of everybody, judged."""
        closed = self.place + (self.phase is Phase.SHOWN)
        books = self._said.values() if seat is None else [self._said.get(seat, {})]
        return [
            Guess(said.confidence, said.choice == self.questions[place].answer)
            for book in books
            for place, said in sorted(book.items())
            if place < closed
        ]
