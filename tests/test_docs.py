"""What the pages in docs/, the README, lessons and exercises point to is there: files, and headings in them."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
ROOMS = ("notebooks", "exercises", "solutions")
NOTEBOOKS = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.ipynb") if "checkpoint" not in path.stem)
LINK = re.compile(r"""\]\(\s*([^)\s]+)[^)]*\)|(?:href|src)=["']([^"']+)["']""")
TESTS = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


def prose(page):
    """The text of a page, or of a notebook's cells, without blocks of code."""
    text = page.read_text()
    if page.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page):
    """What headings are called in links, as GitHub does: lower case, no punctuation, hyphens, a number if again."""
    headings = re.findall(r"^#{1,6} +(.+?)[ #]*$", prose(page), flags=re.MULTILINE)
    names = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    before = Counter()
    for place, name in enumerate(names):
        before[name] += 1
        names[place] = name if before[name] == 1 else f"{name}-{before[name] - 1}"
    return names


def links(page):
    """Targets outside the web, each as a file and an anchor, which may be empty."""
    found = [link or html for link, html in LINK.findall(prose(page))]
    return [target.partition("#")[::2] for target in found if not re.match(r"https?:|mailto:|data:", target)]


def test_a_heading_is_called_in_links_as_github_calls_it(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# C2: Confusion, not `structure`\n\n```sh\n# no heading\n```\n## Self-distillation\n## Self-distillation\n"
    )
    assert anchors(page) == ["c2-confusion-not-structure", "self-distillation", "self-distillation-1"]
    page.write_text("[one](a.md#b) and ![two](c.png \"title\") and <a href='#d'>three</a>, [not](https://four.org#e)")
    assert links(page) == [("a.md", "b"), ("c.png", ""), ("", "d")]


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda page: page.name)
def test_every_file_and_every_heading_that_a_page_links_to_is_there(page):
    for file, anchor in links(page):
        target = page.parent / file if file else page
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), f"{file}#{anchor}"


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
