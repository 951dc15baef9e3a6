"""What every test starts from: two threads, no window for figures, and photographs where there are some."""

import os
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
