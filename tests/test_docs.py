"""What the pages in docs/ point to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
TESTS = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_to_is_there(page):
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_test_that_a_page_names_is_there():
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+)`", page.read_text())}
    assert len(named) > 10
    assert not {name for name in named if f"def {name}(" not in TESTS}


def test_every_calibration_number_has_its_line():
    from course_lib import calibration

    page = (ROOT / "docs" / "calibration.md").read_text()
    plumbing = {"bin_index", "reliability_bins", "equal_mass_index", "measure", "measure_variants", "N_BINS"}
    functions = {name for name in calibration.__all__ if name[0].islower()} - plumbing
    assert not {name for name in functions if f"`{name}`" not in page}
