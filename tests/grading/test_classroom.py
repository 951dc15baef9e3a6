"""A class is graded once, goes on where it was stopped, and nobody stops the others."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from handed_in import need_jail
from nbgrader.api import Gradebook
from released_course import PS, autograded, scores

from course_lib.errors import CourseError
from course_lib.grading import classroom, log, pools
from course_lib.grading.course_folder import Course, assignment_named
from course_lib.grading.pools import judge_all, processes
from course_lib.grading.rehearsal import a_class, hand_in, solved, with_answer
from course_lib.grading.terms import NO_JUDGES, Terms, questions_version

GRADE = "from course_lib.cli import main, grading; main()"


@pytest.fixture
def grade(course, nbgrader, pace, words_judge):
    def run(terms=None, **changes):
        terms = terms or Terms(course.seed())
        return classroom.grade(course, PS, terms, replace(pace, **changes), nbgrader)

    return run


@pytest.fixture
def three(course, right):
    wrong, slow = (with_answer(right, "entropy", f"return {word!r}") for word in ("wrong", "slow"))
    hand_in(course, PS, {"ada": right, "eve": wrong, "sam": slow})


def files(course):
    """Everything in graded/ but the log, which holds times, and the lock, which holds a process."""
    return {
        path.relative_to(course.root).as_posix(): path.read_bytes()
        for path in (course.root / "graded").rglob("*")
        if path.is_file() and path != course.log and path.name != ".lock"
    }


def test_a_class_is_judged_recorded_and_shown(course, three, grade):
    graded = grade()
    assert (graded.judged, graded.recorded, graded.trouble) == (3, 3, {})
    assert scores(course) == {"ada": 40, "eve": 35, "sam": 35}
    assert {path.removeprefix("graded/") for path in files(course)} == {
        f"{PS}.html",
        *(f"{student}/{PS}.{kind}" for student in ("ada", "eve", "sam") for kind in ("json", "html")),
    }


def test_what_is_graded_already_is_left_and_what_changed_is_graded_alone(course, three, right, grade, words_judge):
    grade()
    before = files(course)
    words_judge.asked.clear()
    graded = grade()
    assert (graded.judged, graded.recorded, words_judge.asked) == (0, 0, [])
    assert graded.reports.keys() == {"ada", "eve", "sam"} and files(course) == before
    hand_in(course, PS, {"eve": right})
    assert (grade().judged, words_judge.asked, scores(course)["eve"]) == (1, ["eve"], 40)


@pytest.mark.parametrize("change", ["seed", "policy", "questions", "everything", "log"])
def test_another_seed_policy_question_or_no_log_grades_everybody_again(course, three, grade, change, monkeypatch):
    grade()
    terms, changes = Terms(course.seed()), {}
    if change == "seed":
        terms = replace(terms, seed=1)
        course.set_seed(1)
    if change == "policy":
        terms = replace(terms, library_answers="warn")
    if change == "questions":
        monkeypatch.setattr(log, "questions_version", lambda assignment: "mended")
    if change == "everything":
        changes = {"everything": True}
    if change == "log":
        course.log.unlink()
    assert grade(terms, **changes).judged == 3


def test_a_report_without_a_jail_does_not_serve_where_a_jail_is_asked_for(course, three, grade):
    seed = course.seed()
    assert grade(Terms(seed, isolated=False)).judged == 3
    assert grade(Terms(seed)).judged == 3
    assert grade(Terms(seed, isolated=False)).judged == 0


def test_a_score_that_the_gradebook_lost_is_written_again(course, three, grade):
    grade()
    course.autograded("ada", PS).chmod(0o644)
    course.autograded("ada", PS).write_text('{"half a')
    shutil.rmtree(course.autograded("eve", PS).parent)
    graded = grade()
    assert (graded.judged, graded.recorded) == (0, 2)
    assert autograded(course, "ada").metadata.course.report == log.last_entries(course, PS)["ada"].report


def test_a_torn_line_of_the_log_costs_one_submission(course, three, grade):
    grade()
    content = course.log.read_bytes()
    course.log.write_bytes(content[:-20])
    assert grade().judged == 1
    assert len(log.last_entries(course, PS)) == 3 and grade().judged == 0


def test_who_cannot_be_graded_is_named_and_stops_nobody(course, three, grade):
    (course.root / "submitted" / "without" / PS).mkdir(parents=True)
    (course.root / "submitted" / "odd,name" / PS).mkdir(parents=True)
    linked = course.submission("linked", PS)
    linked.parent.mkdir(parents=True)
    linked.symlink_to(course.submission("ada", PS))
    graded = grade()
    assert graded.trouble.keys() == {"without", "odd,name", "linked"} and graded.recorded == 3
    page = course.class_page(PS).read_text()
    assert all(name in page for name in graded.trouble)


def test_nothing_to_grade_no_release_and_an_unknown_assignment_are_told(course, right, grade, nbgrader):
    with pytest.raises(CourseError, match="nobody handed in"):
        grade()
    with pytest.raises(CourseError, match="did you mean ps2_mixup"):
        assignment_named("ps2_mixups")
    assert assignment_named("ps2") == "ps2_mixup"
    hand_in(course, PS, {"ada": right})
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        gradebook.remove_assignment(PS)
    with pytest.raises(CourseError, match="make release"):
        grade()


def test_the_seed_of_the_terms_becomes_the_courses_and_everybody_is_judged_once(course, three, grade, words_judge):
    assert grade(Terms(77)).judged == 3 and len(words_judge.asked) == 3
    assert course.seed() == 77 and grade(Terms(77)).judged == 0


def test_the_seed_of_self_checks_is_no_seed_for_grading(course, three, grade):
    with pytest.raises(CourseError, match="seed 0 is that of the self-checks"):
        grade(Terms(0))
    (course.root / ".grading-seed").write_text("0")
    with pytest.raises(CourseError, match="--seed"):
        course.seed()


def test_a_new_seed_takes_the_place_of_the_old_one_or_leaves_it(tmp_path, monkeypatch):
    course = Course(tmp_path)
    course.set_seed(5)

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="disk full"):
        course.set_seed(6)
    assert course.seed() == 5


def test_reports_are_for_the_teacher_alone(course, three, grade):
    grade()
    assert os.name == "nt" or (course.root / "graded").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("student", ["log.jsonl", "ps1_dark_knowledge.HTML"])
def test_nobody_is_called_like_a_file_of_grading(course, three, grade, student):
    hand_in(course, PS, {student: solved(course, PS)})
    graded = grade()
    assert graded.trouble.keys() == {student} and graded.recorded == 3


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
def test_a_name_that_is_no_text_stops_nobody(course, three, grade):
    (course.root / "submitted" / os.fsdecode(b"J\xfcrg") / PS).mkdir(parents=True)
    (course.root / "submitted" / "eve\x1b[2J\nno score for sam" / PS).mkdir(parents=True)
    (course.root / "submitted" / "sly" / PS).mkdir(parents=True)
    course.submission("sly", PS).symlink_to(course.root / "\x1b]0;\nno score")
    graded = grade()
    assert len(graded.trouble) == 3 and graded.recorded == 3 and "J" in course.class_page(PS).read_text()
    assert all(letter.isprintable() for pair in graded.trouble.items() for words in pair for letter in words)


def never_ends(task):
    time.sleep(60)


def test_an_interrupt_ends_what_runs(course, three, monkeypatch):
    """As Ctrl-C does, which raises where the results are waited for."""
    terms = Terms(course.seed())
    tasks = [classroom.task_of(course, student, PS, terms) for student in course.students(PS)]
    monkeypatch.setattr(pools, "judge_task", never_ends)
    monkeypatch.setattr(pools, "as_completed", interrupted)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(judge_all(tasks, processes, 2))
    assert time.monotonic() - started < 20


def interrupted(futures):
    time.sleep(1)
    raise KeyboardInterrupt
    yield


def test_a_mended_helper_of_a_reference_makes_reports_stale(monkeypatch):
    before, read = questions_version(PS), Path.read_bytes

    def mended(path):
        return read(path) + b"# mended" * (path.name == "predictions.py")

    monkeypatch.setattr(Path, "read_bytes", mended)
    assert questions_version.__wrapped__(PS) != before


def test_another_release_makes_reports_stale(course, three, grade):
    grade()
    with course.released(PS).open("a") as file:
        file.write(" ")
    assert grade().judged == 3


def test_the_seed_is_drawn_once_kept_and_read_by_nobody_else(tmp_path):
    course = Course(tmp_path)
    seed = course.seed()
    assert course.seed() == seed and seed != Course(tmp_path.parent).seed()
    (tmp_path.parent / ".grading-seed").unlink()
    path = tmp_path / ".grading-seed"
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600
    course.set_seed(7)
    assert course.seed() == 7 and [each.name for each in tmp_path.iterdir()] == [".grading-seed"]
    path.write_text("seven")
    with pytest.raises(CourseError, match="holds no seed"):
        course.seed()


def test_the_version_of_questions_stands_for_all_that_judges():
    folder = {path.name for path in (course_lib_grading() / "x").parent.glob("*.py")}
    assert folder >= NO_JUDGES
    assert {"runner.py", "worker.py", "wire.py", "submission.py", "tampering.py", "assessing.py"} <= folder - NO_JUDGES
    assert questions_version(PS) != questions_version("ps2_mixup")


def course_lib_grading():
    from pathlib import Path

    return Path(classroom.__file__).parent


class Fragile(Executor):
    """A pool that one student takes down, and with it everything that waits."""

    def __init__(self, jobs):
        self.broken = False

    def submit(self, function, /, *arguments, **named):
        task, future = arguments[0], Future()
        self.broken = self.broken or task.student == "eve"
        if self.broken:
            future.set_exception(BrokenProcessPool("died"))
        else:
            future.set_result(function(*arguments))
        return future


def test_a_submission_that_takes_its_judge_down_is_alone_in_having_no_score(course, three, grade):
    graded = grade(pool_of=Fragile)
    assert graded.trouble.keys() == {"eve"} and "died twice" in graded.trouble["eve"]
    assert graded.reports.keys() == {"ada", "sam"}


def test_pools_that_never_live_are_told_at_once(course, right):
    terms = Terms(1)
    notebooks = {f"eve-{number}": right for number in range(5)}
    hand_in(course, PS, notebooks)
    tasks = [replace(classroom.task_of(course, name, PS, terms), student="eve") for name in notebooks]
    with pytest.raises(CourseError, match="do not live"):
        list(judge_all(tasks, Fragile, 2))


def test_a_mistake_of_the_judge_costs_one_submission(course, three, grade, words_judge, monkeypatch):
    judged = words_judge.judged
    monkeypatch.setattr(
        words_judge, "judged", lambda question, answer: judged(question, answer) if "slow" not in answer else 1 / 0
    )
    assert grade().trouble == {"sam": "ZeroDivisionError: division by zero"}


def command(course, *options):
    words = [sys.executable, "-c", GRADE, "grade", "ps1", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(words, cwd=course.root, env=environment, stdout=-1, stderr=-1, start_new_session=True)


def graded_by_command(course, *options):
    process = command(course, *options)
    said, complained = process.communicate(timeout=280)
    assert process.returncode == 0, complained.decode()[-3000:]
    return said.decode()


def copy_of(course, folder):
    shutil.copytree(course.root, folder)
    return Course(folder)


def comments(course):
    """Everything that the gradebook says of everybody."""
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        found = {}
        for submission in gradebook.assignment_submissions(PS):
            for notebook in submission.notebooks:
                found |= {(submission.student.id, each.name): each.auto_score for each in notebook.grades}
                found |= {(submission.student.id, f"said {each.name}"): each.comment for each in notebook.comments}
        return found


PHASES = ("judging", "recording", "writing pages")


def entered(course):
    """How many of the phases a grader of three has come to."""
    judged, recorded = (
        len(list(course.root.glob(place))) for place in (f"graded/*/{PS}.json", "autograded/*/*/*.ipynb")
    )
    return 1 + (judged == 3) + (recorded == 3) + course.class_page(PS).exists()


def entered_at(course, started, until):
    """Seconds until each phase begins, and until ``until`` phases were entered."""
    moments, deadline = [], time.monotonic() + 120
    while len(moments) < until and time.monotonic() < deadline:
        moments += [time.monotonic() - started] * (entered(course) - len(moments))
        time.sleep(0.001)
    return moments


def killed_at(course, phase, seconds):
    """Grade, and kill the grader some time after a phase began."""
    process = command(course)
    entered_at(course, time.monotonic(), PHASES.index(phase) + 1)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    wait_until_gone(process.pid)
    assert entered(course) >= PHASES.index(phase) + 1


@pytest.mark.parametrize(
    "kills", [pytest.param(1, marks=pytest.mark.verify), pytest.param(7, marks=pytest.mark.soak)], ids=["3", "21"]
)
def test_a_grader_killed_at_any_moment_and_run_again_gives_what_an_undisturbed_one_gives(
    course, right, tmp_path, kills
):
    """In each phase, at moments drawn from a seed that is printed; ``COURSE_KILL_SEED`` repeats them."""
    need_jail()
    seed = int(os.environ.get("COURSE_KILL_SEED") or secrets.randbits(32))
    print(f"COURSE_KILL_SEED={seed}")
    course.set_seed(5)
    killing = with_answer(right, "entropy", "import os\n    os.kill(os.getpid(), 9)")
    wrong = with_answer(right, "softmax_with_temperature", "return args[0]")
    hand_in(course, PS, {"ada": right, "eve": killing, "sam": wrong})
    calm = copy_of(course, tmp_path / "calm")
    process = command(calm)
    moments = entered_at(calm, time.monotonic(), 4)
    assert b"3 submissions judged, 3 scores written" in process.communicate(timeout=120)[0]
    lengths = dict(zip(PHASES, np.diff(moments), strict=True))
    rng = np.random.default_rng(seed)
    for number, phase in enumerate(PHASES * kills):
        seconds = rng.uniform(0, lengths[phase])
        killed = copy_of(course, tmp_path / f"killed-{number}")
        killed_at(killed, phase, seconds)
        graded_by_command(killed)
        said = f"killed {seconds:.3f} s into {phase}, COURSE_KILL_SEED={seed}"
        assert files(killed) == files(calm), said
        assert scores(killed) == scores(calm) and comments(killed) == comments(calm), said
        shutil.rmtree(killed.root)


def wait_until_gone(group):
    """Nothing that the grader started outlives it for long."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(group, signal.SIGKILL)
    raise AssertionError("processes of a killed grader are left")


@pytest.mark.verify
def test_two_runs_give_the_same_bytes_one_at_a_time_or_two(course, tmp_path):
    need_jail()
    right = solved(course, PS)
    wrong = with_answer(right, "entropy", "return args[0].sum(dim=1)")
    hand_in(course, PS, {"ada": right, "eve": wrong})
    course.set_seed(5)
    one, other = copy_of(course, tmp_path / "one"), copy_of(course, tmp_path / "other")
    graded_by_command(one, "--jobs", "1")
    graded_by_command(other, "--jobs", "2")
    assert files(one) == files(other) and len(files(one)) == 5
    assert scores(one) == scores(other) == {"ada": 40, "eve": 35}


@pytest.mark.verify
@pytest.mark.filterwarnings("ignore")  # of the cluster's own
def test_a_dask_cluster_gives_the_bytes_that_processes_give(course, tmp_path):
    distributed = pytest.importorskip("distributed")
    need_jail()
    hand_in(course, PS, {"ada": solved(course, PS)})
    course.set_seed(5)
    here, there = copy_of(course, tmp_path / "here"), copy_of(course, tmp_path / "there")
    graded_by_command(here)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        said = graded_by_command(there, "--dask", cluster.scheduler_address)
    assert "1 submission judged" in said and files(here) == files(there)


@pytest.mark.soak
def test_a_class_of_300_is_graded(course):
    need_jail()
    hand_in(course, PS, a_class(solved(course, PS), 300))
    process = command(course)
    assert process.communicate()[0] and process.returncode == 0
    reports = [json.loads(path.read_text()) for path in course.root.glob(f"graded/*/{PS}.json")]
    assert len(reports) == 300 and sum(report["points"] == 40 for report in reports) == 150
    assert len(scores(course)) == 300


def test_threads_serve_as_a_pool_as_processes_do(course, three, words_judge):
    terms = Terms(1)
    tasks = [classroom.task_of(course, student, PS, terms) for student in course.students(PS)]
    assert {each.task.student for each in judge_all(tasks, ThreadPoolExecutor, 2)} == {"ada", "eve", "sam"}
    assert list(judge_all([], ThreadPoolExecutor, 2)) == []
