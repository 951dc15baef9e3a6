"""The Formgrader page of a real JupyterLab, in a real browser, shows the scores and cards of a graded class."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from released_course import PS

from course_lib.grading import classroom
from course_lib.grading.rehearsal import hand_in, with_answer
from course_lib.grading.terms import Terms

TOKEN = "only-for-tests"


@pytest.fixture
def lab(course):
    """The address of a JupyterLab over the course."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["jupyter", "lab", f"--port={port}", f"--IdentityProvider.token={TOKEN}", "--no-browser", "--allow-root"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": path, "JUPYTER_CONFIG_DIR": str(course.root / ".none")}
    with (course.root / ".lab-log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=course.root, env=environment, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=5).close()
            break
        except OSError:
            assert time.monotonic() < deadline, (course.root / ".lab-log").read_text()[-3000:]
            time.sleep(0.3)
    yield address
    server.terminate()
    server.wait(timeout=20)


@pytest.fixture
def page(lab, browser):
    opened = browser.new_page(viewport={"width": 1280, "height": 1000})
    opened.goto(f"{lab}/lab?token={TOKEN}")
    yield opened
    opened.close()


@pytest.mark.verify
def test_formgrader_shows_scores_and_cards(course, right, nbgrader, pace, words_judge, lab, page):
    hand_in(course, PS, {"ada": right, "eve": with_answer(right, "entropy", "return 'wrong'")})
    classroom.grade(course, PS, Terms(course.seed()), pace, nbgrader)
    page.goto(f"{lab}/formgrader/manage_submissions/{PS}")
    page.wait_for_selector("td >> text=ada", timeout=30_000)
    rows = [row.inner_text().split("\t") for row in page.locator("tbody tr").all()]
    assert {row[1].strip(): (row[3].strip(), row[4].strip()) for row in rows} == {
        "ada": ("graded", "40 / 40"),
        "eve": ("graded", "35 / 40"),
    }
    page.goto(f"{lab}/formgrader/gradebook/{PS}/{PS}")
    page.wait_for_selector("td >> text=Submission", timeout=30_000)
    failed = page.locator("tbody tr", has_text="35 / 40").locator("a[href*='/formgrader/submissions/']").first
    page.goto(f"{lab}{failed.get_attribute('href')}")
    page.wait_for_function("() => document.querySelector('#check_entropy')?.placeholder === '0'", timeout=30_000)
    cards = [card.inner_text() for card in page.locator("[role=status]").all()]
    assert len(cards) == 7 and cards[1] == "entropy: fail, 0 of 5 points\nThe answer is <i>fail</i>."
