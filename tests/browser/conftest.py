"""A real JupyterLab, and notebooks that are open in it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TOKEN = "only-for-tests"
ASK_KERNEL = """async ([code, expression]) => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const asked = {code, silent: true, store_history: false, user_expressions: {expression}};
    const {content} = await kernel.requestExecute(asked).done;
    return content.user_expressions.expression.data['text/plain'];
}"""
LOUD = ("error", "warning")  # of the console's messages; JupyterLab itself is silent, so nothing is excused
NO_COMM = "No such comm"  # JupyterLab asks for widgets before the kernel has imported what makes them
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


def _complaint(frame):
    """What the kernel complains of in a message of JupyterLab's: an error or a warning, of a callback too."""
    if not isinstance(frame, bytes):
        return None
    offsets = [int.from_bytes(frame[at : at + 8], "little") for at in range(8, 8 * frame[0] + 8, 8)]
    parts = [frame[start:end] for start, end in pairwise(offsets)]
    if parts[0] != b"iopub" or not (b'"error"' in parts[1] or b'"stream"' in parts[1]):
        return None
    content = json.loads(parts[4])
    if "ename" in content:
        return f"{content['ename']}: {content['evalue']}"
    return content["text"] if content["name"] == "stderr" and not content["text"].startswith(NO_COMM) else None


class Notebook:
    """A notebook that is open in the browser.

    Attributes:
        page: Playwright's page.
        said: Errors and warnings on the browser's console.
        complaints: Errors and warnings of the kernel, also those of callbacks, which no cell shows.
    """

    def __init__(self, page):
        self.page, self.said, self.complaints = page, [], []
        page.on("console", lambda message: self.said.append(message.text) if message.type in LOUD else None)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("websocket", lambda socket: socket.on("framereceived", self._listen))

    def _listen(self, frame):
        if complaint := _complaint(frame):
            self.complaints.append(complaint)

    def open(self, address, name):
        self.page.goto(f"{address}/lab/tree/{name}?token={TOKEN}&reset")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.page.get_by_text("(ipykernel) | Idle").wait_for(timeout=60_000)

    def command(self, name):
        self.page.evaluate("name => window.jupyterapp.commands.execute(name)", name)

    def ask_kernel(self, expression, code=""):
        """Run code in the notebook's kernel, past all cells; gives the repr of an expression."""
        return self.page.evaluate(ASK_KERNEL, [code, expression])

    def theme(self, name):
        """Change JupyterLab's theme; it stays for later notebooks."""
        self.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name)
        self.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=name)
        self.page.wait_for_timeout(500)  # colours fade

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


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory):
    """The folder of screenshots that ``COURSE_ARTEFACTS`` names."""
    folder = Path(os.environ.get("COURSE_ARTEFACTS") or tmp_path_factory.mktemp("artefacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def contrast():
    """A script for the browser: how many words of widgets it read, and which of them are faint."""
    return (Path(__file__).parent / "contrast.js").read_text()


@pytest.fixture
def notebook(browser, lab, artefacts, request):
    """Opens a notebook of the repository in JupyterLab; a screenshot of how it ended stays in the artefact folder."""
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
