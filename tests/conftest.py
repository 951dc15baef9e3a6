"""What every test starts from: two threads, no window for figures, and photographs where there are some."""

import os
import shutil
from pathlib import Path

import pytest
import torch

# Also for the commands that tests start: bits depend on the number of threads, and more only slow small networks down.
os.environ["OMP_NUM_THREADS"] = "2"
os.environ["MPLBACKEND"] = "Agg"
torch.set_num_threads(2)


@pytest.fixture(scope="session")
def course_data() -> Path:
    """The folder of real photographs that ``COURSE_DATA`` names."""
    folder = os.environ.get("COURSE_DATA")
    if not folder:
        pytest.skip("COURSE_DATA names no folder of photographs")
    return Path(folder)


@pytest.fixture(scope="module")
def browser():
    """Debian's chromium, driven by Playwright, whose event loop must end before other tests begin theirs.

    Without it tests are skipped with the reason; where COURSE_REQUIRE_BROWSER is set, as in CI, they fail.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        if os.environ.get("COURSE_REQUIRE_BROWSER"):
            pytest.fail("chromium is missing: apt-get install chromium")
        pytest.skip("chromium is missing")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()
