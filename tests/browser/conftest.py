"""A real JupyterLab, and notebooks that are open in it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TOKEN = "only-for-tests"
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin.jupyterlab-settings": {"autosave": False},
}


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The address of a JupyterLab over a folder of its own, and that folder."""
    folder = tmp_path_factory.mktemp("lab")
    settings = folder / ".settings"
    for name, content in SETTINGS.items():
        path = settings / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        f"--port={port}",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.user_settings_dir={settings}",
        "--LabApp.expose_app_in_browser=True",
        "--no-browser",
        "--allow-root",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "JUPYTER_CONFIG_DIR": str(settings)}
    with (folder / ".log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", *options], env=environment, stdout=log, stderr=log, cwd=folder
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api?token={TOKEN}")
        yield address, folder
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(address, seconds=60):
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def _ask(address, method="GET"):
    request = urllib.request.Request(address, method=method, headers={"Authorization": f"token {TOKEN}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


class Notebook:
    """A notebook that is open in the browser."""

    def __init__(self, page):
        self.page = page
        self.said = []  # on the console, errors only
        page.on("console", lambda message: self.said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def open(self, address, name):
        self.page.goto(f"{address}/lab/tree/{name}?token={TOKEN}&reset")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.page.get_by_text("(ipykernel) | Idle").wait_for(timeout=60_000)

    def command(self, name):
        self.page.evaluate("name => window.jupyterapp.commands.execute(name)", name)

    def run_all(self, timeout_seconds=120):
        self.command("notebook:run-all-cells")
        self.wait_until_idle(timeout_seconds)

    def wait_until_idle(self, timeout_seconds=60):
        waiting = "() => ![...document.querySelectorAll('.jp-InputPrompt')].some(each => each.innerText.includes('*'))"
        self.page.wait_for_timeout(300)
        self.page.wait_for_function(waiting, timeout=1000 * timeout_seconds)

    def cell(self, text):
        """The first code cell that holds a text now; it stays the same one when its text changes."""
        cells = self.page.locator(".jp-CodeCell")
        return cells.nth(next(number for number, each in enumerate(cells.all()) if text in each.inner_text()))

    def write(self, cell, source):
        """Put a text into a cell and run it, by keyboard."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Shift+Enter")
        self.wait_until_idle()

    def run(self, cell):
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        self.wait_until_idle()


@pytest.fixture
def notebook(browser, lab, request):
    """Opens a notebook of the repository in JupyterLab; a screenshot of a failed test stays in the artefact folder."""
    address, folder = lab
    context = browser.new_context(viewport={"width": 1280, "height": 900})

    def opened(path):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
        if (pictures := ROOT / Path(path).parent / "figures").is_dir():
            shutil.copytree(pictures, folder / Path(path).parent / "figures", dirs_exist_ok=True)
        found = Notebook(context.new_page())
        found.open(address, path)
        return found

    yield opened
    artefacts = Path(os.environ.get("COURSE_ARTEFACTS", folder / "artefacts"))
    artefacts.mkdir(parents=True, exist_ok=True)
    for number, page in enumerate(context.pages):
        page.screenshot(path=artefacts / f"{request.node.name}-{number}.png")
        whole = page.evaluate("() => document.querySelector('.jp-WindowedPanel-inner')?.scrollHeight ?? 0")
        if whole:
            page.set_viewport_size({"width": 1280, "height": min(16_000, whole + 200)})
            page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0 }")
            page.locator(".jp-NotebookPanel").first.screenshot(
                path=artefacts / f"{request.node.name}-{number}-whole.png"
            )
    context.close()
    for kernel in json.loads(_ask(f"{address}/api/kernels")):  # else each lesson's kernel stays until the end
        _ask(f"{address}/api/kernels/{kernel['id']}", method="DELETE")
