"""story_server: a Voilà page whose kernel has run before the browser opens; a second one waits for a reload.

It runs code, so it listens on this computer only, behind a token. Its page is a template of our own, which loads
nothing from the network.
"""

import asyncio
import os
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.errors import CourseError

HERE = Path(__file__).parent
HOME = "127.0.0.1"
EXTENSIONS = ("@voila-dashboards/widgets-manager8", "@jupyter-widgets/jupyterlab-manager")
PATIENCE_SECONDS = 120
READY, TALLY = "COURSE_STORY_READY", "COURSE_TALLY"  # environment: a file to make when all is shown; the speaker's page


@dataclass
class Story:
    """A Voilà that is starting.

    Attributes:
        address: With the token.
        process: Voilà.
        ready: A file that is there as soon as all acts are made.
        log: What Voilà says.
    """

    address: str
    process: "subprocess.Popen[bytes]"
    ready: Path
    log: Path
    started: float = field(default_factory=time.monotonic)

    def stop(self) -> None:
        """End Voilà, which ends its kernels."""
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def start_story(port: int, folder: Path, speaker: str = "") -> Story:
    """Start Voilà on the story.

    Args:
        port: 0 takes a free one.
        folder: For its log and the sign that it is ready.
        speaker: Address of the speaker's page, where a room answers.

    Raises:
        CourseError: If the port is taken.
    """
    port, token = free_port(port, HOME, "--port"), secrets.token_urlsafe(16)
    marker, log = folder / "ready", folder / "voila.log"
    paths = [str(HERE / "jupyter"), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    environment = {
        **os.environ,
        "JUPYTER_PATH": os.pathsep.join(paths),
        "JUPYTER_TOKEN": token,
        "JUPYTER_NO_CONFIG": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),  # small networks are fastest on one core
        READY: str(marker),
        TALLY: speaker,
    }
    settings = {
        "port": port,
        "template": "story",
        "preheat_kernel": True,
        "Voila.ip": HOME,
        "Voila.port_retries": 0,
        "Voila.auto_token": True,
        "VoilaKernelManager.fill_delay": 4,
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    options += [f"--VoilaConfiguration.extension_allowlist={name}" for name in EXTENSIONS]
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "voila", str(HERE / "talk.ipynb"), "--no-browser", *options],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,  # Ctrl-C is for us; we stop it
        )
    return Story(f"http://{HOME}:{port}/?token={token}", process, marker, log)


async def ready(story: Story) -> None:
    """Wait until all acts are made.

    Raises:
        CourseError: If Voilà ends before, or needs longer than two minutes.
    """
    while not story.ready.exists():
        if story.process.poll() is not None:
            raise CourseError(f"the story could not start: {last_words(story.log)}. Look at  course doctor")
        if time.monotonic() - story.started > PATIENCE_SECONDS:
            raise CourseError(f"the story was not ready after {PATIENCE_SECONDS} s: {last_words(story.log)}")
        await asyncio.sleep(0.1)


def free_port(port: int, host: str, option: str) -> int:
    """The port, or a free one for 0.

    Raises:
        CourseError: If it is taken, or the address is not of this computer.
    """
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise CourseError(
                f"cannot listen on {host}, port {port} ({error.strerror}): choose another with {option}"
            ) from error
        return trial.getsockname()[1]


def last_words(log: Path) -> str:
    """The last line of a log."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it said nothing"
