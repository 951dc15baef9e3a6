"""What hosts read to make a machine for the course: a development container and Binder."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_development_container_makes_the_environment_that_it_points_to():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    program, target = container["postCreateCommand"].split()
    assert program == "make" and f"VENV := {Path(target).parent}" in (ROOT / "Makefile").read_text()
    done = subprocess.run(["make", "--dry-run", "--always-make", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "requirements.lock" in done.stdout
    settings = container["customizations"]["vscode"]["settings"]
    assert settings["python.defaultInterpreterPath"].endswith(f"/{Path(target).parent}/bin/python")


def test_binder_reads_the_environment_of_the_repository_and_installs_the_course():
    assert (ROOT / "binder" / "environment.yml").samefile(ROOT / "environment.yml")
    script = ROOT / "binder" / "postBuild"
    assert os.access(script, os.X_OK) and "pip install --no-deps --editable ." in script.read_text()
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
