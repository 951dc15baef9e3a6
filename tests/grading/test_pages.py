"""Pages: one file each, everything escaped, numbers that can be counted by hand."""

import re
from dataclasses import replace

import pytest

from course_lib.grading.pages import class_page, submission_page
from course_lib.grading.people import People
from course_lib.grading.reports import QuestionReport, SubmissionReport
from course_lib.grading.summary import summary_of
from course_lib.questions import questions_of

PS = "ps1_dark_knowledge"
EVIL = "<script>alert('x')</script>"
SEED = 987_654_321


def question(name, points, verdict, groups=None, mistakes=(), notes=()):
    message = f"{name}: {verdict}\nIt says {EVIL}\nGroups of cases: plain pass."
    return QuestionReport(name, points, 5, verdict, mistakes, message, groups, notes)


def report(*questions, notes=(), isolated=True):
    return SubmissionReport("ps1.ipynb", PS, "f00d", SEED, isolated, questions, notes)


@pytest.fixture
def some():
    mistake = questions_of(PS)["entropy"].mistakes[0].name
    half = {"plain": True, "edge": False}
    return {
        "ada": report(question("entropy", 5, "pass", {"plain": True, "edge": True}), question("softmax", 5, "pass")),
        "eve": report(question("entropy", 2, "fail", half, (mistake,)), question("softmax", 0, "killed")),
        "sam": report(
            question("entropy", 2, "fail", half, (mistake,), ("calls the library",)),
            question("softmax", 0, "missing"),
            notes=(f"locked cell {EVIL} was changed",),
        ),
    }


def test_a_learners_page_tells_points_and_faults_and_neither_seed_nor_notes(some):
    page = submission_page(EVIL, some["sam"], "Dark <knowledge>")
    assert "<strong>2</strong> of 10 points" in page and "not answered" in page
    assert "edge: ✗ fail" in page and "plain: ✓ pass" in page and page.index("plain: ✓") < page.index("edge: ✗")
    for secret in (str(SEED), "calls the library", "locked cell", "f00d"):
        assert secret not in page


def test_nothing_that_a_learner_chose_is_markup_and_nothing_is_loaded(some):
    pages = [submission_page(EVIL, some["sam"], EVIL), class_page(PS, {EVIL: some["sam"]}, EVIL, {EVIL + "2": EVIL})]
    for page in pages:
        assert "<script" not in page and "&lt;script&gt;" in page
        assert not re.findall(r"(?:src|href)=\"(?:https?:)?//|@import|url\(", page)
        assert page.startswith('<!DOCTYPE html>\n<html lang="en">')


def test_a_page_without_a_jail_says_so_and_no_other(some):
    for isolated in (True, False):
        reports = {name: replace(each, isolated=isolated) for name, each in some.items()}
        assert ("not isolated" in submission_page("ada", reports["ada"], "PS")) is not isolated
        assert ("Not isolated" in class_page(PS, reports, "PS")) is not isolated


def test_a_class_is_counted_as_by_hand(some):
    summary = summary_of(PS, some)
    entropy, softmax = summary.questions
    assert (entropy.passed, entropy.begun, entropy.mean_points) == (1, 3, 3.0)
    assert dict(entropy.groups) == {"plain": (3, 3), "edge": (1, 3)}
    assert (softmax.passed, softmax.begun, dict(softmax.groups)) == (1, 2, {})
    assert [(row.question, row.count) for row in summary.mistakes] == [("entropy", 2)]
    assert summary.mistakes[0].advice == questions_of(PS)["entropy"].mistakes[0].advice
    assert summary.points == {str(n): 2 if n == 2 else 1 if n == 10 else 0 for n in range(11)}
    assert (summary.mean, summary.median) == (14 / 3, 2.0)


def test_who_needs_a_person_is_said_with_every_reason(some):
    summary = summary_of(PS, some, {"zoe": "no notebook"})
    assert dict(summary.attention) == {
        "eve": ("softmax: its process was killed",),
        "sam": (f"locked cell {EVIL} was changed", "entropy: calls the library"),
        "zoe": ("not graded: no notebook",),
    }


def test_names_that_a_platform_shows_stand_beside_numbers_and_are_no_markup(some):
    people = People(called={"eve": f"Eve {EVIL}"}, contested={"sam": "claimed by two", "9": "claimed by three"})
    page = class_page(PS, some, "PS", {"9": "no notebook"}, people)
    assert page.count('<span class="called">Eve &lt;script&gt;') == 2 and "<script" not in page
    attention = summary_of(PS, some, {"9": "no notebook"}, people).attention
    assert attention["9"] == ("claimed by three", "not graded: no notebook")
    assert attention["sam"][0] == "claimed by two" and len(attention["sam"]) == 3


def test_what_is_noted_of_most_is_said_once_of_the_class_and_not_of_each_learner():
    note, other = "locked cell ask_entropy was changed", "locked cell check_entropy was deleted"
    reports = {f"s{number}": report(question("entropy", 5, "pass"), notes=(note,)) for number in range(3)}
    reports |= {"eve": report(question("entropy", 5, "pass"), notes=(note, other)), "ada": report()}
    summary = summary_of(PS, reports)
    assert summary.shared == {note: 4} and summary.attention == {"eve": (other,)}
    assert f"<li>4 of 5: {note}</li>" in class_page(PS, reports, "PS")
    few = {name: reports[name] for name in ("s0", "s1")}
    assert summary_of(PS, few).attention == {name: (note,) for name in few}


def test_written_answers_are_counted_and_told_to_the_learner(some):
    written = report(question("entropy", 5, "pass"), question("verdict", 0, "manual"))
    assert summary_of(PS, some | {"zoe": written}).written == 1
    assert "graded by a person" in submission_page("zoe", written, "PS")
    assert "1 submission holds written answers" in class_page(PS, {"zoe": written}, "PS")


def test_pages_are_the_same_bytes_for_the_same_reports_in_any_order(some):
    again = {name: SubmissionReport.from_json(some[name].to_json()) for name in reversed(some)}
    assert class_page(PS, some, "PS") == class_page(PS, again, "PS")
    assert submission_page("sam", some["sam"], "PS") == submission_page("sam", again["sam"], "PS")


def test_a_class_of_none_has_a_page():
    assert "0 submissions" in class_page(PS, {}, "PS", {"ada": "no notebook"})
