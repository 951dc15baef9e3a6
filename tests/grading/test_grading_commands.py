"""``course collect``, ``course grade`` and ``course regrade`` say what they did, and what a teacher can mend."""

import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from released_course import PS, scores
from typer.testing import CliRunner

from course_lib.cli import app
from course_lib.errors import CourseError
from course_lib.grading import log
from course_lib.grading.gradebook import Nbgrader, _app
from course_lib.grading.lock import alone
from course_lib.grading.rehearsal import hand_in, with_answer


@pytest.fixture
def run(course, words_judge, monkeypatch):
    monkeypatch.setattr("course_lib.grading.pools.processes", ThreadPoolExecutor)

    def command(*words, code=0):
        done = CliRunner().invoke(app, words)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done.output

    return command


def test_grading_says_how_many_and_where_to_look(course, right, run):
    hand_in(course, PS, {"ada": right, "eve": with_answer(right, "entropy", "return 'wrong'")})
    said = run("grade", "ps1")
    assert "2 submissions judged, 2 scores written" in said and f"graded/{PS}.html" in said
    assert "ISOLATED" not in said
    assert "0 submissions judged, 0 scores written" in run("grade", PS, "--jobs", "1")
    assert scores(course) == {"ada": 40, "eve": 35}


def test_whoever_has_no_score_is_named_and_the_code_is_1(course, right, run):
    hand_in(course, PS, {"ada": right})
    (course.root / "submitted" / "eve" / PS).mkdir(parents=True)
    said = run("grade", "ps1", code=1)
    assert "1 score written" in said and f"no score for eve: there is no submitted/eve/{PS}/{PS}.ipynb" in "".join(
        said.splitlines()
    )


def test_grading_without_a_jail_says_so_everywhere(course, right, run):
    hand_in(course, PS, {"ada": right})
    assert "NOT ISOLATED" in run("grade", "ps1", "--unsafe-no-jail")
    assert json.loads(course.report("ada", PS).read_text())["isolated"] is False
    assert "not isolated" in course.page("ada", PS).read_text()
    assert "Not isolated" in course.class_page(PS).read_text()


def test_a_seed_that_is_named_is_kept(course, right, run):
    hand_in(course, PS, {"ada": right})
    run("grade", "ps1", "--seed", "77")
    assert course.seed() == 77 and json.loads(course.report("ada", PS).read_text())["seed"] == 77
    assert "77" not in course.page("ada", PS).read_text()


def test_regrading_shows_markup_as_text_and_writes_only_when_told(course, right, run, words_judge, monkeypatch):
    hand_in(course, PS, {"ada": with_answer(right, "entropy", "return 'wrong'")})
    run("grade", "ps1")
    judged = words_judge.judged
    monkeypatch.setattr(words_judge, "judged", lambda question, answer: judged(question, answer or "slow"))
    hand_in(course, PS, {"ada": with_answer(right, "entropy", "return 'slow'")})
    assert "0 gain, 0 lose; 0 reports would stay" in run("regrade", "ps1")
    hand_in(course, PS, {"ada": with_answer(right, "softmax_with_temperature", "return 'wrong'")})
    said = run("regrade", "ps1")
    assert "1 gain, 1 lose" in said and "6 to 0" in said and "0 to 5" in said and "Nothing was written" in said
    assert scores(course) == {"ada": 35}
    assert "1 score written" in run("regrade", "ps1", "--write")
    assert scores(course) == {"ada": 34}


def test_collecting_names_what_comes_next_and_what_was_left_out(course, run, tmp_path):
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.writestr("ada/ps1.ipynb", "{}")
        archive.writestr("../eve.ipynb", "{}")
    said = run("collect", "ps1", str(tmp_path / "class.zip"), "--platform", "plain")
    assert "Left out '../eve.ipynb': its name leads out of the archive" in said
    assert f"1 submission of {PS}. Next:  course grade ps1" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("collect", "ps1"), "name an archive"),
        (("collect", "ps1", "nowhere.zip"), "there is no archive nowhere.zip"),
        (("collect", "ps1", "--platform", "blackboard"), "no platform is called 'blackboard'"),
        (("grade", "ps9"), "unknown assignment 'ps9'"),
        (("grade", "ps1"), "nobody handed in"),
        (("regrade", "ps1"), "nobody handed in"),
    ],
)
def test_what_a_teacher_can_mend_is_told(run, words, message):
    with pytest.raises(CourseError, match=message):
        run(*words)


def test_outside_a_course_the_way_in_is_told(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CourseError, match="is no course"):
        run("grade", "ps1")


def test_two_archives_of_one_name_are_refused_before_anything_is_copied(course, run, tmp_path):
    for section in ("one", "two"):
        (tmp_path / section).mkdir()
        with zipfile.ZipFile(tmp_path / section / "class.zip", "w") as archive:
            archive.writestr("ada/ps1.ipynb", "{}")
    with pytest.raises(CourseError, match=r"two archives are called class\.zip"):
        run("collect", "ps1", str(tmp_path / "one" / "class.zip"), str(tmp_path / "two" / "class.zip"))
    assert not (course.root / "downloaded").exists()
    run("collect", "ps1", str(tmp_path / "one" / "class.zip"))
    kept = course.root / "downloaded" / PS / "archive" / "class.zip"
    assert "1 submission of" in run("collect", "ps1", str(kept))  # where it lies already


def test_jobs_are_of_this_machine(course, right, run):
    hand_in(course, PS, {"ada": right})
    with pytest.raises(CourseError, match="--jobs is for this machine"):
        run("grade", "ps1", "--jobs", "2", "--dask", "tcp://nowhere:1")


def test_a_dry_regrade_that_leaves_somebody_out_ends_with_1(course, right, run):
    hand_in(course, PS, {"ada": right})
    run("grade", "ps1")
    assert "Nothing was written" in run("regrade", "ps1")
    hand_in(course, PS, {"eve": right})
    assert "left out: eve: not graded yet" in run("regrade", "ps1", code=1)


def test_what_a_call_of_the_library_costs_stands_in_the_configuration_which_formgrader_reads_too(course, right, run):
    hand_in(course, PS, {"ada": right})
    config = course.root / "nbgrader_config.py"
    text = config.read_text()
    assert "No such option" in run("grade", "ps1", "--library-answers", "warn", code=2)
    for policy in ("warn", "zero"):
        config.write_text(text.replace('library_answers = "zero"', f'library_answers = "{policy}"'))
        _app.cache_clear()
        assert "1 submission judged" in run("grade", "ps1")
        assert log.last_entries(course, PS)["ada"].library_answers == policy
    config.write_text(text.replace('library_answers = "zero"', 'library_answers = "jail"'))
    _app.cache_clear()
    with pytest.raises(CourseError, match="warn or zero"):
        run("grade", "ps1")


def test_two_graders_in_one_course_do_not_meet(course, right, run):
    hand_in(course, PS, {"ada": right})
    with alone(course):
        for words in (("grade", "ps1"), ("regrade", "ps1", "--write")):
            with pytest.raises(CourseError, match=rf"being graded already, by process {os.getpid()}: wait"):
                run(*words)
    run("grade", "ps1")
    with alone(course):
        assert "Nothing was written" in run("regrade", "ps1")


def test_what_a_killed_grader_left_unfinished_is_gone_after_the_next(course, right, run):
    hand_in(course, PS, {"ada": right})
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    places = [course.root / ".grading-seed", course.class_page(PS), course.report("ada", PS)]
    left = [place.with_name(f".{place.name.lstrip('.')}.{ended.stdout.strip()}.tmp") for place in places]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    run("grade", "ps1")
    assert not [path for path in left if path.exists()]


def test_a_gradebook_that_is_locked_or_none_is_told_with_the_way_out(course, right, run, monkeypatch):
    hand_in(course, PS, {"ada": right})
    path = course.root / "gradebook.db"
    good = path.read_bytes()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CourseError, match=r"gradebook sqlite:.*database is locked.*close Formgrader"):
            run("grade", "ps1")
    path.write_bytes(b"no database at all, but long enough to be looked at" * 99)
    with pytest.raises(CourseError, match=r"is not a database.*go on with the same command"):
        run("grade", "ps1")
    path.write_bytes(good)
    assert "1 score written" in run("grade", "ps1")


def test_a_gradebook_that_is_locked_while_scores_are_written_stops_at_once(course, right, run, monkeypatch):
    hand_in(course, PS, {"ada": right, "eve": right})
    autograde = Nbgrader.autograde

    def while_locked(self, *words):
        with closing(sqlite3.connect(course.root / "gradebook.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            return autograde(self, *words)

    monkeypatch.setattr(Nbgrader, "autograde", while_locked)
    with pytest.raises(CourseError, match="database is locked"):
        run("grade", "ps1")
    monkeypatch.undo()
    assert {path.name for path in (course.root / "graded").iterdir()} >= {"ada", "eve"}


def test_who_is_claimed_by_two_is_named_when_collecting_and_on_the_page(course, right, run, tmp_path):
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        for called, number in (("Ada", 1), ("Eve", 1), ("Sam", 2)):
            archive.writestr(f"{called}_{number}_assignsubmission_file_/ps1.ipynb", json.dumps(right))
    assert "1 is claimed by 'Ada' and 'Eve'" in run("collect", "ps1", str(tmp_path / "class.zip"))
    assert f"graded/{PS}.html, where 1 submission needs a person" in run("grade", "ps1")
    page = course.class_page(PS).read_text()
    assert "claimed by &#39;Ada&#39; and &#39;Eve&#39;" in page and '<span class="called">Sam</span>' in page
