"""The room without any network: what can be answered when, and what counts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.workshop.questions import Question
from course_lib.workshop.room import CODE_LENGTH, LETTERS, Answer, Guess, Phase, Refused, Room

COLOURS = Question("colour", "Which colour?", ("red", "green", "blue", "grey"), 2, "It is blue.")
SIDES = Question("side", "Which side?", ("left", "right"), 0, "It is left.")


def room(**settings):
    return Room([COLOURS, SIDES], **settings)


def test_a_room_waits_then_opens_and_closes_one_question_after_another():
    here = room()
    assert (here.phase, here.current, here.votes(), here.finished) == (Phase.WAITING, None, [], False)
    here.open_next()
    assert (here.phase, here.current, here.finished) == (Phase.OPEN, COLOURS, False)
    here.close()
    assert (here.phase, here.current, here.finished) == (Phase.SHOWN, COLOURS, False)
    here.open_next()
    here.close()
    assert (here.current, here.finished, here.changes) == (SIDES, True, 4)


def test_steps_out_of_turn_are_refused_and_change_nothing():
    here = room()
    with pytest.raises(Refused, match="No question is open"):
        here.close()
    here.open_next()
    with pytest.raises(Refused, match="close it first"):
        here.open_next()
    here.close()
    with pytest.raises(Refused, match="No question is open"):
        here.close()
    here.open_next()
    here.close()
    with pytest.raises(Refused, match="last question"):
        here.open_next()
    assert (here.place, here.phase, here.changes) == (1, Phase.SHOWN, 4)


def test_votes_and_guesses_are_those_of_a_room_worked_by_hand():
    here = room()
    one, two, three = (here.sit() for _ in range(3))
    here.open_next()
    here.answer(one, 0, 2, 90)
    here.answer(two, 0, 0, 50)
    assert here.votes() == [1, 0, 1, 0] and here.guesses() == []  # nothing is judged while it is open
    here.answer(two, 0, 2, 60)  # a change of mind
    here.close()
    assert here.votes() == [0, 0, 2, 0]
    assert here.guesses() == [Guess(0.9, True), Guess(0.6, True)]
    here.open_next()
    assert here.votes() == [0, 0] and len(here.guesses()) == 2  # the answers to the first one stay
    here.answer(one, 1, 1, 100)
    here.answer(three, 1, 0, 50)
    here.close()
    assert here.guesses(one) == [Guess(0.9, True), Guess(1.0, False)]
    assert here.guesses(two) == [Guess(0.6, True)] and here.guesses("nobody") == []
    assert sorted(here.guesses(), key=lambda guess: guess.confidence) == [
        Guess(0.5, True),
        Guess(0.6, True),
        Guess(0.9, True),
        Guess(1.0, False),
    ]
    assert here.said(three) == Answer(0, 0.5) and here.said(two) is None


@pytest.mark.parametrize(
    ("place", "choice", "percent", "why"),
    [
        (0, 4, 80, "Choose one"),
        (0, -1, 80, "Choose one"),
        (0, 0, 24, "from 25 to 100"),
        (0, 0, 101, "from 25 to 100"),
        (0, 0, -1, "from 25 to 100"),
        (1, 0, 80, "too late"),
        (-1, 0, 80, "too late"),
    ],
)
def test_what_no_form_offers_is_refused(place, choice, percent, why):
    here = room()
    seat = here.sit()
    here.open_next()
    with pytest.raises(Refused, match=why):
        here.answer(seat, place, choice, percent)
    assert here.votes() == [0, 0, 0, 0]


def test_answers_before_a_question_opens_after_it_closes_and_from_strangers_are_refused():
    here = room()
    seat = here.sit()
    with pytest.raises(Refused, match="too late"):
        here.answer(seat, -1, 0, 80)
    here.open_next()
    with pytest.raises(Refused, match="not of this room"):
        here.answer("stranger", 0, 0, 80)
    here.close()
    with pytest.raises(Refused, match="too late"):
        here.answer(seat, 0, 2, 80)
    assert here.guesses() == []


def test_seats_are_secret_different_and_limited():
    here = room(seats_at_most=3)
    seats = {here.sit() for _ in range(3)}
    assert len(seats) == 3 and all(len(seat) >= 20 and here.knows(seat) for seat in seats)
    with pytest.raises(Refused, match="All 3 seats"):
        here.sit()
    assert here.seats == 3 and not here.knows("") and not here.knows("another")


def test_the_code_is_random_readable_and_forgives_how_it_is_typed():
    codes = {room().code for _ in range(50)}
    assert len(codes) > 45 and all(len(code) == CODE_LENGTH and set(code) <= set(LETTERS) for code in codes)
    assert not set(LETTERS) & set("O0I1LS5Z2B8UAEQY") and len(LETTERS) ** CODE_LENGTH > 3e6
    here = room(code="KX7PM")
    assert all(here.admits(typed) for typed in ("KX7PM", "kx7pm", " kx7 pm ", "KX-7PM"))
    assert not any(here.admits(typed) for typed in ("", "KX7P", "KX7PMM", "\u039aX7PM", "\x00"))


STEPS = st.lists(
    st.one_of(
        st.just(("open",)),
        st.just(("close",)),
        st.tuples(st.just("answer"), st.integers(0, 2), st.integers(-1, 2), st.integers(-1, 4), st.integers(-5, 105)),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_whatever_happens_every_guess_that_counts_is_one_valid_answer_of_one_seat_to_one_closed_question(steps):
    here = room()
    seats = [here.sit() for _ in range(3)]
    held, closed = {}, set()  # an independent book: the last accepted answer of each seat to each question
    for step in steps:
        before = here.changes
        try:
            if step[0] == "open":
                here.open_next()
            elif step[0] == "close":
                here.close()
                closed.add(here.place)
            else:
                _, who, place, choice, percent = step
                here.answer(seats[who], place, choice, percent)
                assert here.phase is Phase.OPEN and place == here.place
                held[who, place] = (choice, percent)
        except Refused:
            assert here.changes == before
    questions = (COLOURS, SIDES)
    expected = [(p / 100, c == questions[q].answer) for (_, q), (c, p) in held.items() if q in closed]
    assert sorted((g.confidence, g.right) for g in here.guesses()) == sorted(expected)
    assert all(questions[q].least_percent <= p <= 100 and 0 <= c < len(questions[q].options)
               for (_, q), (c, p) in held.items())  # fmt: skip
    assert sum(here.votes()) == sum(1 for _, q in held if q == here.place)
    assert sorted(g for seat in seats for g in map(repr, here.guesses(seat))) == sorted(map(repr, here.guesses()))


def test_a_room_without_questions_is_a_mistake():
    with pytest.raises(ValueError, match="at least one"):
        Room([])
