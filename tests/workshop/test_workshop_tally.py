"""The room's server, asked as browsers and as mischief would ask."""

import contextlib
import json
import socket

import pytest

from course_lib.workshop.handlers import FILES
from course_lib.workshop.room import Guess, Phase


def step(speaker, what):
    return speaker.send("/speaker", "/speaker/step", step=what)


def test_two_guests_answer_and_the_wall_shows_votes_diagram_and_score(served):
    speaker, one, two = served.speaker(), served.guest(inside=True), served.guest(inside=True)
    assert "The first question opens here by itself" in one.ask("/room")[2]
    assert step(speaker, "open")[0] == 303
    assert one.send("/room", "/room/answer", choice="1", percent="90")[0] == 303
    assert two.send("/room", "/room/answer", choice="0", percent="60")[0] == 303
    wall = speaker.ask("/speaker")[2]
    assert "<strong>2</strong> of 2 answered" in wall and "<svg" not in wall  # nobody follows the crowd
    assert "Committed" in one.ask("/room")[2]
    assert step(speaker, "close")[0] == 303
    wall = speaker.ask("/speaker")[2]
    assert "2 answers, 50% right; claimed 25 points more than was known. Brier score 0.185." in wall  # (.01 + .36) / 2
    assert wall.count("<svg") == 2 and 'class="diagram"' in wall
    assert ">Right</h1>" in one.ask("/room")[2] and ">Not this time</h1>" in two.ask("/room")[2]
    assert served.room.guesses() == [Guess(0.9, True), Guess(0.6, False)]


def test_pages_are_told_when_to_look_again(served):
    speaker, guest = served.speaker(), served.guest(inside=True)
    version = lambda who, page: json.loads(who.ask(f"{page}/state")[2])["version"]  # noqa: E731
    seen, wall = version(guest, "/room"), version(speaker, "/speaker")
    assert f'data-version="{seen}"' in guest.ask("/room")[2] and f'data-version="{wall}"' in speaker.ask("/speaker")[2]
    served.guest(inside=True)
    assert version(guest, "/room") == seen and version(speaker, "/speaker") != wall
    step(speaker, "open")
    seen, wall = version(guest, "/room"), version(speaker, "/speaker")
    guest.send("/room", "/room/answer", choice="1", percent="90")
    assert version(guest, "/room") == seen  # what others are writing is not lost
    assert version(speaker, "/speaker") != wall


def test_a_wrong_code_gives_no_seat_and_what_was_typed_comes_back_escaped(served):
    guest = served.guest()
    status, _, text = guest.come_in('"><script>x')
    assert status == 403 and served.room.seats == 0 and "tally_seat" not in guest.cookies
    assert "<script>x" not in text and "&#34;&gt;&lt;script&gt;x" in text and "That is not the code" in text
    assert guest.ask("/room")[0] == 303 and guest.ask("/room/state")[0] == 404


def test_questions_are_shown_escaped_on_every_page(served):
    speaker, guest = served.speaker(), served.guest(inside=True)
    for what in ("open", "close"):
        step(speaker, what)
        for text in (speaker.ask("/speaker")[2], guest.ask("/room")[2]):
            assert "<img" not in text and "<b>" not in text and "&lt;img src=x" in text and "&lt;b&gt;green" in text


@pytest.mark.parametrize("path", ["/", "/room", "/speaker", "/nothing", *(f"/{name}" for name in FILES)])
def test_every_answer_has_a_strict_policy_and_no_trace_of_the_server(served, path):
    guest, speaker = served.guest(), served.speaker()
    for who in (guest, speaker):
        _, headers, _ = who.ask(path)
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
        assert "Tornado" not in headers["Server"]


def test_pages_obey_their_own_policy_and_load_nothing_from_elsewhere(served):
    speaker, guest = served.speaker(), served.guest(inside=True)
    for what in ("open", "close"):
        step(speaker, what)
        for text in (speaker.ask("/speaker")[2], guest.ask("/room")[2]):
            assert " style=" not in text and "<style" not in text and " onclick" not in text
            assert text.count("<script") == text.count('<script src="/tally.js"') == 1
            assert "http" not in text.replace("http://192.168.1.9:8867", "").replace("http-equiv", "")


@pytest.mark.parametrize(
    "form",
    [
        {"choice": "3", "percent": "80"},
        {"choice": "-1", "percent": "80"},
        {"choice": "1", "percent": "33"},
        {"choice": "1", "percent": "101"},
        {"choice": "1", "percent": "8e1"},
        {"choice": "1", "percent": "nan"},
        {"choice": "٣", "percent": "80"},
        {"choice": "1.0", "percent": "80"},
        {"choice": "", "percent": "80"},
        {"percent": "80"},
        {"choice": "1"},
        {"choice": "1", "percent": "80", "place": "1"},
        {"choice": "1", "percent": "80", "place": "99999999999999999999"},
        {"choice": "<script>", "percent": "80"},
    ],
)
def test_answers_that_no_form_offers_are_refused_with_a_reason(served, form):
    speaker, guest = served.speaker(), served.guest(inside=True)
    step(speaker, "open")
    status, _, text = guest.send("/room", "/room/answer", **form)
    assert status == 409 and 'role="alert">' in text and "<script>" not in text
    assert served.room.votes() == [0, 0, 0]


def test_an_answer_that_comes_too_late_says_so(served):
    speaker, guest = served.speaker(), served.guest(inside=True)
    step(speaker, "open")
    fields = guest.fields("/room")
    step(speaker, "close")
    status, _, _ = guest.ask("/room/answer", {**fields, "choice": "1", "percent": "80"})
    assert status == 409 and served.room.guesses() == []


def test_forms_without_the_token_of_a_page_are_refused(served):
    speaker, guest = served.speaker(), served.guest(inside=True)
    step(speaker, "open")
    assert guest.ask("/room/answer", {"place": "0", "choice": "1", "percent": "80"})[0] == 403
    assert speaker.ask("/speaker/step", {"step": "close", "changes": "1"})[0] == 403
    assert served.guest().ask("/join", {"code": served.room.code})[0] == 403
    assert served.room.phase is Phase.OPEN and served.room.votes() == [0, 0, 0] and served.room.seats == 1


def test_only_the_speaker_opens_and_closes(served):
    guest = served.guest(inside=True)
    for path in ("/speaker", "/speaker/state", "/speaker/AAAAAAAAAAAAAAAAAAAAAA", f"/speaker/{served.desk.key[:-1]}"):
        assert guest.ask(path)[0] == 404
    form = {**guest.fields("/"), "step": "open", "changes": "0"}
    guest.ask("/")
    assert guest.ask("/speaker/step", form)[0] in (403, 404)
    guest.cookies["tally_speaker"] = "A" * 22
    assert guest.ask("/speaker")[0] == 404
    assert served.room.phase is Phase.WAITING


def test_the_speakers_secret_leaves_the_address_at_once_and_cannot_be_read_by_a_script(served):
    guest = served.guest()
    status, headers, _ = guest.ask(f"/speaker/{served.desk.key}")
    assert (status, headers["Location"]) == (303, "/speaker")
    assert "HttpOnly" in headers["Set-Cookie"] and "SameSite=Strict" in headers["Set-Cookie"]
    assert served.desk.key not in guest.ask("/speaker")[2] and served.room.code != served.desk.key
    seat = served.guest()
    _, headers, _ = seat.come_in(served.room.code)
    assert "HttpOnly" in headers["Set-Cookie"] and seat.cookies["tally_seat"] not in seat.ask("/room")[2]


def test_a_second_click_on_the_same_page_changes_nothing(served):
    speaker = served.speaker()
    fields = speaker.fields("/speaker")
    for _ in range(2):
        assert speaker.ask("/speaker/step", {**fields, "step": "open"})[0] == 303
    assert served.room.changes == 1 and served.room.phase is Phase.OPEN
    assert speaker.ask("/speaker/step", {**fields, "step": "close"})[0] == 303  # from a page of before
    assert served.room.phase is Phase.OPEN
    assert speaker.ask("/speaker/step", {**fields, "step": "jump", "changes": "1"})[0] == 404


def test_large_bodies_are_refused_before_they_are_read(served):
    guest = served.guest(inside=True)
    fields = guest.fields("/")
    assert guest.ask("/join", {**fields, "code": "A" * 5000})[0] == 400
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:  # a length that is only claimed
        line.sendall(b"POST /join HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 400")
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:  # none is claimed
        line.sendall(b"POST /join HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        line.sendall(b"800\r\n" + 2048 * b"A" + b"\r\n0\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):  # the door may shut before it has said why
            assert b"200" not in line.recv(100)
    assert guest.ask("/room")[0] == 200


def test_a_seat_that_asks_too_often_is_told_to_wait_and_others_are_not(served):
    greedy, calm = served.guest(inside=True), served.guest(inside=True)
    seen = [greedy.ask("/room/state")[0] for _ in range(30)]
    assert seen[0] == 200 and seen[-1] == 429 and seen.count(200) <= 20
    status, headers, text = greedy.ask("/room")
    assert status == 429 and headers["Retry-After"] and "Wait a moment" in text
    assert calm.ask("/room")[0] == 200
    served.clock.now += 5
    assert greedy.ask("/room")[0] == 200


def test_codes_and_keys_cannot_be_guessed_quickly(served):
    guest = served.guest()
    fields = guest.fields("/")
    seen = [guest.ask("/join", {**fields, "code": f"{k}"})[0] for k in range(70)]
    assert seen[0] == 403 and seen[-1] == 429 and seen.count(403) == 60
    assert guest.ask("/speaker/AAAAAAAAAAAAAAAAAAAAAA")[0] == 429
    assert guest.ask("/join", {**fields, "code": served.room.code})[0] == 429  # or the answer would tell
    served.clock.now += 0.5
    assert guest.ask("/join", {**fields, "code": served.room.code})[0] == 303


def test_a_room_behind_one_address_comes_in_at_once(served):
    for _ in range(80):
        served.guest(inside=True)
    assert served.room.seats == 80


def test_one_address_cannot_flood_the_server(served):
    guest = served.guest()
    seen = [guest.ask("/tally.css")[0] for _ in range(1510)]
    assert seen.count(200) == 1500 and seen[-1] == 429


def test_a_full_room_says_so(serve):
    here = serve(seats_at_most=1)
    here.guest(inside=True)
    status, _, text = here.guest().come_in(here.room.code)
    assert status == 403 and "All 1 seats are taken" in text


def test_other_methods_and_addresses_are_refused_without_a_trace(served):
    guest = served.guest(inside=True)
    for method, path in (("PUT", "/room"), ("DELETE", "/"), ("GET", "/../../etc/passwd"), ("GET", "/tally.py")):
        status, _, text = guest.ask(path, method=method, headers={"X-XSRFToken": guest.cookies["tally_xsrf"]})
        assert status in (403, 404, 405) and "Traceback" not in text and "root:" not in text
    assert guest.ask("/join", body=b"\xff\xfe=%ff", headers={"Content-Type": "application/json"})[0] == 403


def test_pages_have_what_a_screen_reader_needs(served):
    speaker, guest = served.speaker(), served.guest(inside=True)
    step(speaker, "open")
    text = guest.ask("/room")[2]
    assert '<html lang="en">' in text and "<title>Question 1 of 2</title>" in text and text.count("<h1") == 1
    assert "<fieldset>" in text and "<legend>" in text and text.count('type="radio"') == text.count("<label class") == 3
    assert '<label for="percent">' in text and 'aria-valuetext="67 percent sure"' in text
    guest.send("/room", "/room/answer", choice="1", percent="90")
    assert "<title>Committed 1 of 2</title>" in guest.ask("/room")[2] and 'role="status"' in guest.ask("/room")[2]
    step(speaker, "close")
    assert speaker.ask("/speaker")[2].count('role="img" aria-label="') == 2


def test_who_comes_again_finds_the_same_seat(served):
    guest = served.guest(inside=True)
    status, headers, _ = guest.ask("/")
    assert (status, headers["Location"]) == (303, "/room") and served.room.seats == 1


def test_nothing_is_logged_of_who_asks_for_what(served, caplog, capfd):
    guest = served.guest()
    guest.come_in("WRONG")
    guest.ask("/join", {"code": "x"})
    guest.ask("/nowhere")
    guest.send("/", "/join", code="A" * 3000)
    assert caplog.text == "" and capfd.readouterr() == ("", "")
