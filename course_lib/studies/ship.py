"""ship: runs every study that ships and puts what it found into the library; `make results`.

Each study runs in a process of its own with one thread, two at a time: on small networks two threads gain nothing. A
study that is stopped goes on where it was. The cost is measured first, alone.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from course_lib import results
from course_lib.claims import page
from course_lib.files import write_atomically

ALONE = ("digits/overhead",)
TOGETHER = (
    "fashion/temperature-tradeoff",
    "fashion/calibration-transfer",
    "cifar10-jpeg/four-arms",
    "fashion/four-arms",
    "fashion/linearity",
    "digits/four-arms",
    "digits/mismatch",
    "digits/linearity",
    "digits/calibration-transfer",
    "digits/temperature-tradeoff",
    "digits/geometry",
    "digits/dark-knowledge",
    "digits/post-hoc",
    "tabular/other-domain",
)
RUNS = Path("runs") / "shipped"
PAGE = Path("docs") / "claims.md"


def run(name: str) -> str:
    """Run one study at full scale, or go on with it."""
    data, study = name.split("/")
    folder = RUNS / name
    command = [
        sys.executable,
        "-m",
        "course_lib",
        "study",
        study,
        "--data",
        data,
        "--scale",
        "full",
        "--out",
        str(folder),
    ]
    command += ["--resume"] if (folder / "study.json").exists() else []
    said = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    if said.returncode:
        raise RuntimeError(f"{name}: {said.stderr}")
    return name


def ship(names: Sequence[str]) -> None:
    """Put finished studies in the place of what shipped before, and write the page of claims."""
    for name in names:
        results.read(RUNS / name / "results")
        shutil.rmtree(results.SHIPPED / name, ignore_errors=True)
        shutil.copytree(RUNS / name / "results", results.SHIPPED / name)
    write_atomically(PAGE, page())


if __name__ == "__main__":
    for alone in ALONE:
        print(run(alone), flush=True)
    with ThreadPoolExecutor(2) as pool:
        for done in pool.map(run, TOGETHER):
            print(done, flush=True)
    ship([*ALONE, *TOGETHER])
