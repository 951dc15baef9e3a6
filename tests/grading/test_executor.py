"""What nbgrader runs instead of a kernel."""

import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from handed_in import need_jail
from released_course import PS, autograded, lay_out, scores

from course_lib.errors import CourseError
from course_lib.grading.executor import outputs_of, refuse_without_jail
from course_lib.grading.gradebook import Nbgrader
from course_lib.grading.rehearsal import cell_named, hand_in, with_answer, with_source
from course_lib.grading.reports import QuestionReport
from course_lib.grading.tampering import name_of
from course_lib.grading.terms import Terms
from course_lib.questions import questions_of

POINTS = {f"check_{name}": question.points for name, question in questions_of(PS).items()}


@pytest.fixture
def autograde(course, nbgrader, words_judge):
    def run(**notebooks):
        hand_in(course, PS, notebooks)
        return {student: nbgrader.autograde(student, PS, Terms(course.seed())) for student in notebooks}

    return run


def checks_in(notebook):
    return {name_of(cell): cell for cell in notebook["cells"] if name_of(cell).startswith("check_")}


def test_every_check_cell_ends_with_a_card_and_the_points_which_become_the_score(course, right, autograde):
    assert autograde(ada=with_answer(right, "entropy", "return 'wrong'")) == {"ada": ""}
    checks = checks_in(autograded(course, "ada"))
    assert checks.keys() == POINTS.keys()
    for name, cell in checks.items():
        card, number = cell["outputs"]
        assert "role='status'" in card["data"]["text/html"] and card["output_type"] == "display_data"
        assert number["output_type"] == "execute_result"
        assert float(number["data"]["text/plain"]) == (0 if name == "check_entropy" else POINTS[name])
    assert scores(course) == {"ada": 40 - POINTS["check_entropy"]}


def test_nothing_that_a_learner_wrote_runs_and_no_output_of_theirs_is_kept(course, right, autograde, tmp_path):
    trace = tmp_path / "trace"
    right["cells"].append(
        {
            "cell_type": "code",
            "source": f"open({str(trace)!r}, 'w')",
            "metadata": {},
            "outputs": [{"output_type": "execute_result", "data": {"text/plain": "1000.0"}, "metadata": {}}],
        }
    )
    cell_named(right, "check_entropy")["outputs"] = [{"output_type": "stream", "name": "stderr", "text": "1000"}]
    autograde(ada=with_answer(right, "softmax_with_temperature", f"open({str(trace)!r}, 'w')"))
    assert not trace.exists()
    assert "1000" not in course.autograded("ada", PS).read_text()
    assert scores(course) == {"ada": 40}


def test_a_submission_with_a_report_is_not_judged_again_and_a_changed_one_is(right, autograde, words_judge, course):
    autograde(ada=right)
    autograde(ada=right)
    assert words_judge.asked == ["ada"]
    autograde(ada=with_answer(right, "entropy", "return 'wrong'"))
    assert words_judge.asked == ["ada", "ada"]
    assert scores(course) == {"ada": 35}


def test_a_report_that_somebody_edited_is_not_believed(right, autograde, course, words_judge):
    autograde(ada=with_answer(right, "entropy", "return 'wrong'"))
    report = course.report("ada", PS)
    report.write_text(report.read_text().replace('"points": 0', '"points": 5'))
    autograde(ada=with_answer(right, "entropy", "return 'wrong'"))
    assert scores(course) == {"ada": 35} and len(words_judge.asked) == 2


def test_edited_checks_are_restored_and_deleted_ones_are_judged_anyway(course, right, autograde):
    edited = with_source(right, "check_entropy", "5.0")
    cell_named(edited, "check_entropy")["metadata"]["nbgrader"]["points"] = 500
    deleted = {**right, "cells": [cell for cell in right["cells"] if name_of(cell) != "check_entropy"]}
    both = {**right, "cells": [cell for cell in deleted["cells"] if name_of(cell) != "entropy"]}
    autograde(edited=edited, deleted=deleted, both=both)
    assert scores(course) == {"edited": 40, "deleted": 40, "both": 35}
    assert 'check("entropy", entropy)' in "".join(checks_in(autograded(course, "edited"))["check_entropy"]["source"])
    notes = json.loads(course.report("edited", PS).read_text())["notes"]
    assert notes == ["locked cell check_entropy was changed"]


@pytest.mark.parametrize(
    "content",
    [b"", b"no notebook", b"[]", b'{"cells": 1}', b'{"cells": [1, {"cell_type": "code"}]}', b"\xff\xfe", b"[" * 10**5],
    ids=["empty", "words", "list", "no cells", "odd cells", "no text", "deep"],
)
def test_a_file_that_is_no_notebook_gets_no_points_and_stops_nothing(course, content, nbgrader, words_judge):
    path = course.submission("ada", PS)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert nbgrader.autograde("ada", PS, Terms(course.seed())) == ""
    assert scores(course) == {"ada": 0}


def test_other_kernels_doubled_and_odd_cells_cost_nothing_but_themselves(course, right, autograde):
    right["metadata"] = {"kernelspec": {"name": "evil", "display_name": "evil", "language": "bash"}}
    right["cells"] += [right["cells"][3], {"cell_type": "nonsense", "metadata": 3}, {"source": 4}]
    right["cells"][5]["metadata"]["nbgrader"] |= {"schema_version": "x", "more": [1]}
    assert autograde(ada=right) == {"ada": ""}
    assert scores(course) == {"ada": 40}
    assert autograded(course, "ada")["metadata"]["kernelspec"]["name"] == "python3"


def test_everything_that_may_have_run_is_shown(course, right, autograde):
    first, second, hidden = (json.loads(json.dumps(cell_named(right, "entropy"))) for _ in range(3))
    first["source"], second["source"] = "def entropy(probs): return 'first'", "def entropy(probs): return 'second'"
    hidden["cell_type"], hidden["source"] = "markdown", "hidden"
    place = right["cells"].index(cell_named(right, "entropy"))
    right["cells"][place : place + 1] = [hidden, first, second]
    right = with_source(right, "check_softmax_with_temperature", "entropy = 'third'")
    autograde(ada=right)
    shown = ["".join(cell["source"]) for cell in autograded(course, "ada")["cells"]]
    assert all(any(word in source for source in shown) for word in ("first", "second", "third", "hidden"))
    answer = next(cell for cell in autograded(course, "ada")["cells"] if name_of(cell) == "entropy")
    assert "second" in "".join(answer["source"])


def test_endless_cells_and_halves_of_characters_are_shown_as_far_as_pages_go(course, right, autograde):
    right["cells"] += [{"cell_type": "code", "source": f"{number}", "metadata": {}} for number in range(3000)]
    right = with_source(right, "entropy", "# \ud800 wrong" + "x" * 10**6)
    assert autograde(ada=right) == {"ada": ""}
    assert scores(course) == {"ada": 35}
    shown = course.autograded("ada", PS).read_text()
    assert "[... 2,500 more cells left out]" in shown and "letters left out]" in shown and len(shown) < 3 * 10**5


def test_markup_of_a_learner_reaches_no_page(course, right, autograde, nbgrader):
    seen = "![seen](https://evil.example/seen.png)"
    evil = (
        seen + " <script>alert(1)</script> [x](javascript:alert(2)) ![y](data:text/html,z)\n\n[z]: javascript:alert(3)"
    )
    right["cells"].insert(2, {"cell_type": "markdown", "source": evil, "metadata": {}})
    right["cells"].insert(2, {"cell_type": "raw", "source": evil, "metadata": {"raw_mimetype": "text/html"}})
    autograde(ada=with_source(right, "entropy", "# <script>alert(4)</script> wrong"))
    from nbgrader.converters import GenerateFeedback

    assert nbgrader._run(GenerateFeedback, PS, "ada") == ""
    page = (course.root / "feedback" / "ada" / PS / f"{PS}.html").read_text()
    assert "alert(" in page  # it is there to be read
    for number in (1, 4):
        assert f"<script>alert({number})" not in page
    for sign in ("href='", 'href="', "src='", 'src="'):
        assert f"{sign}javascript" not in page and f"{sign}data:text" not in page
    assert "<img" not in page.split("<body", 1)[1]
    assert "&lt;i&gt;fail&lt;/i&gt;" in page and "<i>fail" not in page


HIDING = [
    "&#36;&#92;href{javascript:alert(1)}{x}&#36;",
    "&#x24;&#x5C;href{javascript:alert(2)}{x}&#x24",
    "&dollar;&bsol;href&lbrace;javascript:alert(3)}{x}&dollar;",
    "&amp;#36;&amp;#92;href{javascript:alert(4)}{x}&amp;#36;",
    "&amp;dollar;&amp;bsol;href{javascript:alert(5)}{x}$",
    r"$\href{javascript:alert(6)}{x}$",
    r"\\(\mmlToken{mi}[href=javascript:alert(7)]{x}\\)",
    r"$\def\a#1{\hr#1}\bbox[position:fixed]{x}$",
    "[x](&#106;avascript:alert(8))",
    "&lt;script>alert(9)</script>",
]


class Reading(HTMLParser):
    """What a browser makes formulas and links of: text, but for code, and the targets of links."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.inside, self.text, self.targets = [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.targets += [named[name] for name in ("href", "src") if named.get(name)]
        if tag in ("pre", "code", "script", "style") or self.inside or named.get("class") == "tex2jax_ignore":
            self.inside += [] if tag in ("meta", "link", "img", "br", "input", "hr") else [tag]

    def handle_endtag(self, tag):
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass

    def handle_data(self, data):
        self.text += "" if self.inside else data


def test_no_formula_of_a_learner_holds_a_link_whatever_it_hides_behind(course, right, autograde, nbgrader, words_judge):
    right["cells"] += [{"cell_type": "markdown", "source": source, "metadata": {}} for source in HIDING]
    right["cells"].append({"cell_type": "markdown", "source": "honest $a & b \\le T^2$ AT&T &c", "metadata": {}})
    judged = words_judge.judged
    error = r"entropy: error\n$\href{javascript:alert(0)}{x}$"
    words_judge.judged = lambda question, answer: replace(judged(question, answer), message=error)
    autograde(ada=with_answer(right, "entropy", "return 'wrong'"))
    from nbgrader.converters import GenerateFeedback

    assert nbgrader._run(GenerateFeedback, PS, "ada") == ""
    found = Reading((course.root / "feedback" / "ada" / PS / f"{PS}.html").read_text())
    assert all(f"alert({number})" in found.text for number in range(1, 10)) and "alert(0)" not in found.text
    assert not re.search(r"\\(?:href|mmlToken|bbox|def)", found.text)
    assert not [target for target in found.targets if "script" in target and not target.startswith("https://cdnjs")]
    assert "honest $a & b \\le T^2$ AT&T &c" in found.text


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0c\n"])
def test_feedback_on_cells_made_to_stall_it_comes_in_seconds(course, right, autograde, nbgrader, end):
    """One such cell alone took half a minute; here are ten, and lines and cells that are long in other ways."""
    stalling = [f"x{(' ' + end) * 20_000}"] * 10 + ["a." * 50_000, "(\\\n" * 30_000, "\t" * 90_000]
    right["cells"] += [{"cell_type": "code", "source": source, "metadata": {}} for source in stalling]
    autograde(ada=right)
    from nbgrader.converters import GenerateFeedback

    started = time.process_time()
    assert nbgrader._run(GenerateFeedback, PS, "ada") == ""
    assert time.process_time() - started < 25
    page = (course.root / "feedback" / "ada" / PS / f"{PS}.html").read_text()
    assert "blank lines left out]" in page and "letters left out]" in page
    assert scores(course) == {"ada": 40}


def test_what_is_shown_is_bounded_answers_come_first_and_honest_cells_are_whole(course, right, autograde):
    answer = cell_named(right, "entropy")["source"]
    more = "".join(f"\n# line {number} of many" for number in range(1000))
    right["cells"] = [
        *[{"cell_type": "code", "source": f"# own {number}{more}", "metadata": {}} for number in range(50)],
        *with_source(right, "entropy", f"{answer}\n\n\n# the end")["cells"],
    ]
    autograde(ada=right)
    cells = autograded(course, "ada")["cells"]
    own = ["".join(cell["source"]) for cell in cells if cell["id"].startswith("own-")]
    assert next("".join(cell["source"]) for cell in cells if name_of(cell) == "entropy") == f"{answer}\n\n\n# the end"
    assert 190_000 < sum(map(len, own)) < 205_000 and max(map(len, own)) < 10_100
    assert len(own) == 50 and own[-1].startswith("\n# [... ") and own[-1].endswith(" letters left out]")


@pytest.mark.parametrize(("points", "most", "shown"), [(3, 5.0, 3.0), (7, 5.0, 5.0), (-1, 5.0, 0.0)])
def test_the_number_in_a_check_cell_lies_between_nothing_and_what_it_is_worth(points, most, shown):
    _, number = outputs_of(QuestionReport("entropy", points, 5, "fail"), "entropy", most)
    assert float(number["data"]["text/plain"]) == shown


def test_a_check_of_a_question_that_is_gone_gives_nothing():
    card, number = outputs_of(None, "old", 5.0)
    assert float(number["data"]["text/plain"]) == 0 and "no such question" in card["data"]["text/html"]


def test_links_and_odd_names_are_refused_by_name(course, right, nbgrader, words_judge):
    hand_in(course, PS, {"ada": right})
    secret = course.root / "secret"
    secret.write_text("secret")
    folder = course.submission("ada", PS).parent
    (folder / "beside").symlink_to(secret)
    assert nbgrader.autograde("ada", PS, Terms(course.seed())) == ""
    assert not (course.autograded("ada", PS).parent / "beside").exists()
    (course.root / "submitted" / "eve" / PS).mkdir(parents=True)
    course.submission("eve", PS).symlink_to(course.submission("ada", PS))
    assert "it is a link to" in nbgrader.autograde("eve", PS, Terms(course.seed()))
    hand_in(course, PS, {"<script>": right})
    assert "is not graded" in nbgrader.autograde("<script>", PS, Terms(course.seed()))
    assert scores(course)["ada"] == 40 and words_judge.asked == ["ada"]


def test_what_was_not_isolated_says_so_in_formgrader_and_in_feedback(course, right, nbgrader, words_judge):
    hand_in(course, PS, {"ada": right})
    from nbgrader.converters import GenerateFeedback

    for isolated in (False, True):
        assert nbgrader.autograde("ada", PS, Terms(course.seed(), isolated=isolated)) == ""
        assert nbgrader._run(GenerateFeedback, PS, "ada") == ""
        page = (course.root / "feedback" / "ada" / PS / f"{PS}.html").read_text()
        assert ("Not isolated:" in page) is not isolated
        assert scores(course) == {"ada": 40}


def test_without_a_jail_grading_refuses_unless_told(monkeypatch):
    monkeypatch.setattr("course_lib.grading.executor.why_not", lambda: "there is no bubblewrap")
    with pytest.raises(CourseError, match="no bubblewrap, and every report then says so"):
        refuse_without_jail(Terms(1))
    refuse_without_jail(Terms(1, isolated=False))


@pytest.mark.verify
def test_written_answers_stay_for_a_person(tmp_path, monkeypatch, words_judge):
    name = "ps5_mixup_distillation"
    course = lay_out(tmp_path, name)
    nbgrader = Nbgrader(course)
    assert nbgrader.release(name) == ""
    notebook = json.loads(course.released(name).read_text())
    cell_named(notebook, "verdict")["source"] = "I think <b>so</b>."
    hand_in(course, name, {"ada": notebook})
    assert nbgrader.autograde("ada", name, Terms(course.seed())) == ""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as gradebook:
        grade = gradebook.find_grade("verdict", name, name, "ada")
        assert grade.needs_manual_grade and grade.auto_score is None
    assert "I think < b>so< /b>." in course.autograded("ada", name).read_text()


@pytest.mark.verify
def test_plain_nbgrader_autograde_judges_in_the_jail_by_itself(course, right):
    need_jail()
    hand_in(course, PS, {"ada": right, "eve": with_answer(right, "entropy", "return open('gradebook.db', 'w')")})
    command = [sys.executable, "-m", "nbgrader", "autograde", PS]
    done = subprocess.run(command, cwd=course.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert scores(course) == {"ada": 40, "eve": 35}
    assert json.loads(course.report("eve", PS).read_text())["isolated"] is True
    assert course.page("eve", PS).exists()
