"""``course lab`` opens JupyterLab at the first lesson, from where exercises and pages are within reach."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.verify
COURSE = Path(sys.executable).with_name("course")
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\S*token=\S+")


@pytest.fixture
def said(tmp_path):
    """What the real command prints, line by line while it runs; its settings and workspaces are not the reader's."""
    settings = tmp_path / "jupyter_server_config.json"
    settings.write_text(json.dumps({"ServerApp": {"port": 0}}))
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    command = subprocess.Popen(
        [COURSE, "lab", "--no-browser", "--allow-root"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    yield command.stdout
    command.send_signal(signal.SIGTERM)
    command.communicate(timeout=30)
    assert command.returncode == 0


def test_the_address_that_is_printed_opens_the_first_lesson_and_its_links_work(browser, said):
    address = next(found[0] for line in said if (found := ADDRESS.search(line)))
    assert "/lab/tree/notebooks/00_start_here.ipynb?" in address
    page = browser.new_page()
    page.goto(address)
    page.get_by_role("tab", name="00_start_here.ipynb").wait_for(timeout=60_000)
    page.get_by_role("heading", name="Start here").first.wait_for()
    for folder in ("notebooks", "exercises", "docs"):
        answer = page.request.get(re.sub(r"/lab.*\?", f"/api/contents/{folder}?", address))
        assert answer.ok, folder
    page.close()
