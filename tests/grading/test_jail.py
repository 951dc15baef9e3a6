"""What a jail shows and what it does not, asked from inside; and what is said where there is none."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from handed_in import SEED, handed_in, need_jail

from course_lib.errors import CourseError
from course_lib.grading import jail
from course_lib.grading.asking import QUIET
from course_lib.grading.limits import Limits
from course_lib.grading.runner import judge_notebook

INSIDE = """
import ctypes, importlib.util, json, os, pathlib, shutil, socket, sys
from course_lib.grading import limits, syscalls
import course_lib, course_lib.results
home = pathlib.Path(course_lib.__file__).parent
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
found = {
    "top": sorted(os.listdir("/")),
    "environment": sorted(os.environ),
    "processes": [name for name in os.listdir("/proc") if name.isdigit()],
    "capabilities": int(status["CapEff"], 16) | int(status["CapPrm"], 16) | int(status["CapBnd"], 16),
    "links": [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]],
    "questions": sorted(os.listdir(home / "questions")),
    "grading": sorted(os.listdir(home / "grading")),
    "beside": sorted(os.listdir(home.parent)),
    "etc": sorted(os.listdir("/etc")) if os.path.isdir("/etc") else [],
    "scratch": shutil.disk_usage("/scratch").total, "shared": shutil.disk_usage("/dev/shm").total,
    "host": socket.gethostname(), "here": os.getcwd(),
}
def can_write(folder):
    try:
        (pathlib.Path(folder) / "mark").write_text("x")
    except OSError:
        return False
    return True
places = ["/", "/dev", "/etc", "/usr", "/usr/lib", sys.prefix, home, home / "questions", home / "grading", "/proc",
          "/dev/shm", "/scratch"]
found["writable"] = [str(place) for place in places if can_write(place)]
found["judges"] = [name for name in ("questions.judging", "questions.graders", "questions.ps1_dark_knowledge",
    "questions.notebook", "grading.runner", "grading.asking", "grading.jail")
    if importlib.util.find_spec("course_lib." + name)]
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
found["refuses"] = syscalls.refuse()
def answer(number, *arguments):
    ctypes.set_errno(0)
    return libc.syscall(number, *map(ctypes.c_long, arguments)), ctypes.get_errno()
refused = {"memfd": (319, 0, 0), "keys": (250, 0, -3, 0), "unshare": (272, 0x10000000), "trace": (101, 0, 0, 0),
           "shared": (29, 0, 4096, 0o1600), "semaphores": (64, 0, 1, 0o1600), "messages": (68, 0, 0o1600),
           "rings": (425, 1, 0), "sessions": (112,), "shared pages": (9, 0, 4096, 3, 0x21, -1, 0),
           "children ignored": (13, 17, 0, 0, 8), "internet": (41, 2, 1, 0), "raw": (41, 17, 3, 0),
           "buffers": (54, 0, 1, 7, 0, 0)}
found["refused"] = {name: answer(*call) for name, call in refused.items()}
found["refused"] = {name: said for name, said in found["refused"].items() if said != (-1, 1)}
allowed = {"own pages": (9, 0, 4096, 3, 0x22, -1, 0), "signals": (13, 15, 0, 0, 8), "neighbours": (41, 1, 1, 0)}
found["allowed"] = {name: said for name, call in allowed.items() if (said := answer(*call))[0] < 0}
try:
    __import__("mmap").mmap(os.open("/dev/zero", os.O_RDWR), 4096)
except OSError:
    found["zeros"] = "none"
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def inside():
    need_jail()
    command = jail.command([sys.executable, "-P", "-c", INSIDE], Limits(scratch=2**20))
    found = subprocess.run(command, capture_output=True, text=True, env=QUIET | jail.ENVIRONMENT, timeout=100)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def test_nothing_of_the_teachers_is_there(inside):
    ours = Path(jail.LIBRARY).parent
    assert "home" not in inside["top"] or str(ours).startswith("/home")
    assert not {"solutions", "submitted", "gradebook.db", "graded", ".git", "tests"} & set(inside["beside"])
    assert set(inside["etc"]) <= {"ld.so.cache", "alternatives"}
    assert set(inside["environment"]) <= set(QUIET) | set(jail.ENVIRONMENT) | {"PWD", "LC_CTYPE"}
    assert "tmp" not in inside["top"] or str(ours).startswith("/tmp") or sys.prefix.startswith("/tmp")


def test_neither_judges_nor_references_are_there(inside):
    assert inside["questions"] == sorted(f"{name}.py" for name in jail.SHOWN["questions"])
    assert inside["grading"] == sorted(f"{name}.py" for name in jail.SHOWN["grading"])
    assert inside["judges"] == []


def test_nobody_else_is_there_and_there_is_no_network(inside):
    assert inside["processes"] == ["1"] and inside["links"] == ["lo"] and inside["host"] == "jail"
    assert inside["capabilities"] == 0


def test_only_small_scratch_folders_can_be_written(inside):
    assert inside["writable"] == ["/dev/shm", "/scratch"] and inside["here"] == "/scratch"
    assert inside["scratch"] == inside["shared"] == 2**20


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86_64")
def test_calls_that_no_answer_needs_are_refused(inside):
    assert inside["refuses"] and not inside["refused"] and not inside["allowed"]


def test_no_device_gives_pages_that_nobody_counts(inside):
    assert inside["zeros"] == "none"


def test_the_first_assignment_is_solved_in_a_jail_by_two_at_once(tmp_path):
    need_jail()
    path = handed_in(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: judge_notebook(path, seed=SEED), range(2)))
    for report in reports:
        assert report.points == 40 and report.isolated and report.passed and not report.notes
    assert reports[0].to_json() == reports[1].to_json()


SPY = """
def entropy(probs):
    import ctypes, os, signal
    found, looks = [], {"fd": os.listdir, "cwd": os.readlink, "environ": open, "mem": open, "maps": open}
    for place, look in looks.items():
        try:
            found.append(str(look(f"/proc/1/{place}")))
        except OSError:
            pass
    for which in (signal.SIGKILL, signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        os.kill(1, which)
    raise RuntimeError(f"seen: {found}")
"""


def test_the_keeper_can_be_neither_seen_nor_ended_from_inside(tmp_path):
    need_jail()
    report = judge_notebook(handed_in(tmp_path, {"entropy": SPY}), seed=SEED)
    assert report.points == 35 and "seen: []" in report.questions[1].message


KILLED = """
import sys
from pathlib import Path
from course_lib.grading.runner import judge_notebook
judge_notebook(Path(sys.argv[1]), seed=1)
"""


@pytest.mark.verify
def test_a_jail_belongs_to_nobody_and_ends_with_the_judge_that_is_killed(tmp_path):
    need_jail()
    sleeping = "def softmax_with_temperature(logits, temperature):\n    import time; time.sleep(99)"
    path = handed_in(tmp_path, {"softmax_with_temperature": sleeping})
    judge = subprocess.Popen([sys.executable, "-c", KILLED, str(path)])
    deadline, jailed = time.monotonic() + 60, []
    while len(jailed) < 5 and time.monotonic() < deadline:  # laying out, jail, keeper, learner, child
        time.sleep(0.2)
        jailed = children_of(judge.pid)
    assert len(jailed) >= 4
    who = [line for line in Path(f"/proc/{jailed[-1]}/status").read_text().splitlines() if line.startswith("Uid:")]
    assert set(who[0].split()[1:]) == {str(os.getuid() or jail.NOBODY)}  # root would be exempt from limits
    time.sleep(1)
    judge.send_signal(signal.SIGKILL)
    judge.wait()
    while any(map(alive, jailed)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, jailed))


def alive(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def children_of(number):
    found = []
    for task in Path("/proc", str(number), "task").glob("*"):
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *children_of(child)]
    return found


def test_a_missing_jail_is_said_with_the_way_out(tmp_path, monkeypatch):
    def says(*answers):
        given = iter(answers)
        monkeypatch.setattr(jail, "_run", lambda command: next(given))
        jail._why_not.cache_clear()
        found = jail.why_not()
        jail._why_not.cache_clear()
        return found

    def said(text="", error="", code=0):
        return subprocess.CompletedProcess([], code, text, error)

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(jail.shutil, "which", lambda name: "/usr/bin/bwrap")
    assert says(said("bubblewrap 0.8.0\n"), said("inside\n")) is None
    old, broken = says(said("bubblewrap 0.6.1\n")), says(said("bubblewrap 0.9.0\n"), said(error="bwrap: no\n", code=1))
    assert "0.6.1 is too old" in old and "bwrap: no" in broken and "user namespaces" in broken
    monkeypatch.setattr(jail.shutil, "which", lambda name: None)
    assert "apt install bubblewrap" in says()
    with pytest.raises(CourseError, match="--unsafe-no-jail"):
        judge_notebook(tmp_path / "ps.ipynb", seed=0)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "grade on Linux" in says()


FOUND = """
import inspect, os
found, frame = [], inspect.currentframe()
while frame:
    held = [value for value in list(frame.f_locals.values()) if isinstance(value, bytes)]
    found += [value for value in held if value[:1] == b"q" and b"PK" in value[:20]]
    frame = frame.f_back
end = os._exit
def end_with_parent(code):
    os.kill(os.getppid(), 9)
    end(code)
"""
ENDS_ITS_PARENT = """def softmax_with_temperature(logits, temperature):
    os._exit = end_with_parent  # once it has answered
    return torch.softmax(logits / temperature, dim=1)
"""
LOOKS = "def entropy(probs): return torch.special.entr(probs).sum(dim=1) if found else probs.sum(dim=1)"


@pytest.mark.verify
def test_no_question_lies_about_when_cells_run_once_more(tmp_path):
    need_jail()
    path = handed_in(tmp_path, {"softmax_with_temperature": ENDS_ITS_PARENT, "entropy": LOOKS}, before=[FOUND])
    report = judge_notebook(path, seed=SEED)
    found = {question.name: question.verdict for question in report.questions}
    assert found["entropy"] == "fail" and found["distillation_loss"] == "pass"


LEAVES_ITS_GROUP = """
import os, struct, time
ready, tell = os.pipe()
other = os.fork()
if not other:
    os.setpgid(0, 0)
    os.write(tell, b"x")
    time.sleep(60)
    os._exit(0)
os.read(ready, 1)
os.setpgid(0, other)
for number in range(3, 64):
    try:
        if os.readlink(f"/proc/self/fd/{number}").startswith("socket"):
            os.write(number, struct.pack(">cQ", b"z", 2**40))
    except OSError:
        pass
time.sleep(60)
"""


@pytest.mark.verify
def test_a_learner_that_leaves_its_group_is_ended_as_well(tmp_path):
    need_jail()
    started = time.monotonic()
    report = judge_notebook(handed_in(tmp_path, before=[LEAVES_ITS_GROUP]), seed=SEED)
    assert time.monotonic() - started < 40 and report.isolated
    assert any("did not come to an end" in note for note in report.notes)
