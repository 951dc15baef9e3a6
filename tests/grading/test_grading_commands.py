"""``course collect``, ``course grade`` and ``course regrade`` say what they did, and what a teacher can mend."""

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from released_course import PS, scores
from typer.testing import CliRunner

from course_lib.cli import app
from course_lib.errors import CourseError
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
        (("collect", "ps1", "--platform", "blackboard"), "no pattern for 'blackboard'"),
        (("grade", "ps9"), "unknown assignment 'ps9'"),
        (("grade", "ps1"), "nobody handed in"),
        (("grade", "ps1", "--library-answers", "jail"), "warn or zero"),
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
