"""Attacks that must fail: each is tried beside `check`, where it works, and in the jail, where it does not."""

import json
import os
import re
import socket
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
from handed_in import SEED, handed_in, need_jail, question_of

from course_lib.grading.library_answers import answering
from course_lib.grading.limits import MIB, Limits
from course_lib.grading.runner import judge_notebook
from course_lib.questions import find
from course_lib.questions.judging import Judge

pytestmark = pytest.mark.verify
HERE = Path(__file__).parent
CANARY = "canary-7d1c"
LIMITS = Limits(question_seconds=2, cell_seconds=2, patience=4, memory=1000 * MIB)
SECRETS = ("solutions/ps.ipynb", "submitted/mia/ps.ipynb", "gradebook.db", ".grading-seed", "home/notes")
HARM = re.compile(r"done|canary")


@dataclass(frozen=True)
class Attack:
    path: Path

    @property
    def name(self):
        return self.path.stem

    @property
    def source(self):
        return self.path.read_text(encoding="utf-8")

    def says(self, word):
        return re.search(rf"^{word}: (.+)$", self.source, re.M)[1].split()

    @property
    def question(self):
        return question_of(self.source)


BANK = [Attack(path) for path in sorted((HERE / "attacks").glob("*.cell"))]
each = pytest.mark.parametrize("attack", BANK, ids=lambda attack: attack.name)


@pytest.fixture(scope="session")
def facts(tmp_path_factory):
    """What a determined attacker would know; and a server that must not be reached."""
    need_jail()
    course = tmp_path_factory.mktemp("course")
    places = [course / part for part in SECRETS]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(CANARY)
    expected = Judge(find("flatten_dark_knowledge"), 0).expected
    os.environ["COURSE_CANARY"] = CANARY
    with socket.socket() as server, socket.socket(socket.AF_UNIX) as neighbour:
        server.bind(("127.0.0.1", 0))
        neighbour.bind("\0course-attack")
        server.listen(), neighbour.listen()
        yield {
            "places": [*map(str, places), "/etc/shadow"],
            "folders": [str(course)],
            "canary": CANARY,
            "port": server.getsockname()[1],
            "right": [outputs["result"].tolist() for outputs in expected],
        }
    del os.environ["COURSE_CANARY"]


@pytest.fixture(scope="session")
def beside_check(facts):
    """A run beside `check`, begun; the tests' neighbours are kept out of its sight, and nothing else."""
    apart = ["bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--unshare-ipc", "--proc", "/proc", "--die-with-parent"]
    run = [sys.executable, str(HERE / "plain_run.py"), json.dumps(facts), *(str(each.path) for each in BANK)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*apart, "--", *run], env=environment, **pipes) as started:
        yield started
        started.kill()


@pytest.fixture(scope="session")
def unprotected(beside_check, jailed):
    """What each attack achieves beside `check`, known when the jail is done with them as well."""
    said, errors = (text.decode(errors="replace") for text in beside_check.communicate(timeout=300))
    assert beside_check.returncode == 0, errors[-2000:]
    return json.loads(said.splitlines()[-1])


@pytest.fixture(scope="session")
def jailed(beside_check, facts, tmp_path_factory):
    """The reports of all attacks, by name: submissions with an attack on every question but two."""
    batches = defaultdict(dict)
    for attack in BANK:
        number = next(n for n in range(len(BANK)) if attack.question not in batches[n])
        batches[number][attack.question] = attack
    reports = {}
    for number, attacks in batches.items():
        answers = {question: attack.source for question, attack in attacks.items()}
        folder = tmp_path_factory.mktemp(f"batch{number}")
        known = facts | {"folders": [str(folder)]}
        path = handed_in(folder, answers, before=[f"FACTS = {known!r}"])
        report = judge_notebook(path, seed=SEED, limits=LIMITS)
        reports |= {attack.name: report for attack in attacks.values()}
        assert list(folder.iterdir()) == [path]
    return reports


@each
def test_an_attack_works_on_a_grader_without_protection(attack, unprotected):
    found, (effect,) = unprotected[attack.name], attack.says("unprotected")
    works = {
        "points": found["said"].get("points", 0) > 0,
        "done": "done" in found["said"].get("message", ""),
        "died": found["finished"] and not found["said"],
        "hangs": not found["finished"] and found["polite"],
        "deaf": not found["polite"],
        "loud": found["printed"] > 10**8,
    }
    assert works[effect], found


@each
def test_an_attack_fails_in_the_jail(attack, jailed):
    report = jailed[attack.name]
    found = next(question for question in report.questions if question.name == attack.question)
    assert report.isolated and found.points == 0 and found.verdict in attack.says("jailed"), found
    if attack.says("unprotected") == ["done"]:
        assert attack.name == "terminal" or not HARM.search(found.message), found.message


def test_honest_answers_beside_attacks_keep_their_points(jailed):
    for name, report in jailed.items():
        attacked = {attack.question for attack in BANK if jailed[attack.name] is report}
        honest = [question for question in report.questions if question.name not in attacked]
        assert len(honest) >= 2
        assert all(question.verdict == "pass" for question in honest), (name, honest)


def test_what_learners_say_can_be_printed_and_kept_anywhere(jailed):
    for report in jailed.values():
        text = "".join(question.message for question in report.questions) + "".join(report.notes)
        assert all(letter.isprintable() or letter == "\n" for letter in text)
        assert report.to_json().encode("utf-8") and len(report.to_json()) < 100_000


@pytest.mark.parametrize("attack", ["library", "rerun", "reimported", "executed", "rebuilt"])
def test_calling_the_library_is_reported_by_name(jailed, attack):
    (question,) = (each.question for each in BANK if each.name == attack)
    (name,) = answering(find(question))
    found = {question.name: question.notes for question in jailed[attack].questions}
    assert found[question] == (f"calls {name} instead of answering",)


@pytest.mark.parametrize("secret", [*SECRETS, "/etc/shadow", "environ"])
def test_each_secret_is_read_without_protection_and_not_in_the_jail(facts, unprotected, jailed, secret):
    if secret == "/etc/shadow" and not os.access(secret, os.R_OK):
        pytest.skip("only root can read it here")
    said = unprotected["reads"]["said"]["message"]
    assert re.search(rf"'[^']*{re.escape(secret)}'", said), said
    (found,) = (each for each in jailed["reads"].questions if each.name == "soft_cross_entropy")
    assert "nothing; home holds []" in found.message and secret not in found.message


def test_only_handlers_make_a_loop_deaf(unprotected):
    """The same loop ends when it is asked to, as long as nobody handles the signal."""
    assert unprotected["cell_loops"]["polite"] and not unprotected["loops"]["polite"]
