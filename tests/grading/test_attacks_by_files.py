"""Hostile files and archives: each is tried with plain tools, which come to harm, and here, where nothing happens."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from handed_in import PS, ROOT, notebook

from course_lib.grading.executor import outputs_of
from course_lib.grading.intake import rebuilt
from course_lib.grading.pages import class_page, submission_page
from course_lib.grading.reports import QuestionReport, SubmissionReport
from course_lib.grading.runner import judge_notebook
from course_lib.grading.submission import read_submission
from course_lib.grading.zips import parts_of

pytestmark = pytest.mark.verify
HERE = Path(__file__).parent
HONEST, EVIL = notebook(["ada = 1"]), notebook(["evil = 1"])
SCRIPT = "<script>alert('eve')</script>"
MIB = 2**20


def of_eve(folder, content):
    """A class of two, in which Eve comes first."""
    for name, text in (("eve", content), ("ada", HONEST)):
        (folder / name).mkdir(parents=True)
        (folder / name / "ps1.ipynb").write_bytes(text if isinstance(text, bytes) else text.encode())


def archive(folder, entries):
    """A class as an archive; an entry of three is a link."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "class.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content, *link in entries:
            entry = zipfile.ZipInfo(str(name))
            entry.external_attr = (0o120777 if link else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, content)


def made_of(cells):
    """A notebook of cells that are complete."""
    return json.dumps(json.loads(notebook([])) | {"cells": cells})


def graded_cell(name, points):
    """A check cell as it was run, with points in its output."""
    role = {"grade": True, "grade_id": f"check_{name}", "locked": True, "points": 5, "schema_version": 3}
    output = {"output_type": "execute_result", "data": {"text/plain": str(points)}, "metadata": {}}
    more = {"metadata": {"nbgrader": role | {"solution": False, "task": False, "cell_type": "code"}}}
    return {
        "cell_type": "code",
        "source": f'check("{name}", {name})',
        "outputs": [output | {"execution_count": 1}],
    } | more


def with_markup():
    """A notebook whose outputs and words are pages of their own."""
    shown = {"output_type": "display_data", "data": {"text/html": SCRIPT}, "metadata": {}}
    code = {"cell_type": "code", "id": "a", "metadata": {}, "source": "1", "outputs": [shown], "execution_count": 1}
    words = {"cell_type": "markdown", "id": "b", "metadata": {}, "source": f"{SCRIPT}\n\n[x](javascript:alert(1))"}
    return made_of([code, words])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One folder for each way to come to harm."""
    root = tmp_path_factory.mktemp("hostile")
    of_eve(root / "invalid_json", "{'cells': []}")
    of_eve(root / "no_cells", json.dumps({"metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    of_eve(root / "other_kernel", notebook(["cat(1)"], language="R"))
    for name in ("huge", "huge_here"):
        of_eve(root / name, b'{"cells": [' + b"{}," * (100 * MIB // 3) + b"{}]}")
    cells = [{"id": f"c{n}", "execution_count": 1} | graded_cell("entropy", 5) for n in range(8)]
    of_eve(root / "doubled_ids", made_of(cells))
    for name in ("names_written", "names_extracted"):
        absolute = root / name / "absolute.ipynb"
        entries = [("ada/ps1.ipynb", HONEST), ("../above.ipynb", EVIL), ("../ada/ps1.ipynb", EVIL), (absolute, EVIL)]
        archive(root / name, entries)
    archive(root / "bomb", [("eve/ps1.ipynb", bytes(60 * MIB)), ("ada/ps1.ipynb", HONEST)])
    archive(root / "links", [("eve/ps1.ipynb", "../../solution.ipynb", True), ("ada/ps1.ipynb", HONEST)])
    (root / "links" / "solution.ipynb").write_text("the solution")
    of_eve(root / "markup", with_markup())
    (root / "markup" / "told.json").write_text(json.dumps({"name": SCRIPT, "error": f"RuntimeError: {SCRIPT}"}))
    return root


@pytest.fixture(scope="module")
def plain(folder):
    """What plain tools made of it."""
    run = [sys.executable, str(HERE / "naive.py"), str(folder)]
    found = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stderr[-2000:]
    return json.loads(found.stdout.splitlines()[-1])


def taken(folder):
    """What is taken from the archive of a class: contents by student, and what was said."""
    said = []
    parts = parts_of(folder / "class.zip", "", lambda form, *values: said.append(form % values))
    found = {part.name.split("/")[0]: part.content.decode() for part in parts}
    return found, "\n".join(said)


@pytest.mark.parametrize(
    ("trick", "why", "sentence"),
    [
        ("invalid_json", "NotJSONError", "no notebook"),
        ("no_cells", "ValidationError", "no code cells"),
        ("other_kernel", "NoSuchKernel", "written in R"),
    ],
)
def test_one_broken_notebook_stops_plain_nbconvert_and_not_this_grader(folder, plain, trick, why, sentence):
    assert plain[trick] == {"done": [], "stopped": why}  # Ada has nothing
    eve, ada = (read_submission(folder / trick / name / "ps1.ipynb") for name in ("eve", "ada"))
    assert not eve.cells and sentence in " ".join(eve.problems)
    assert ada.cells == ("ada = 1",) and not ada.problems


def test_a_hundred_megabytes_stop_who_reads_them(plain):
    assert plain["huge"] == {"done": [], "stopped": "MemoryError"}
    assert plain["huge_here"]["done"] == ["eve", "ada"]
    assert plain["huge_here"]["said"] == ["The file has 100 MiB; at most 20 are read.", 0, 1]


def test_copies_of_a_check_count_once(folder, plain):
    assert plain["doubled_ids"] == {"points": 40, "most": 5}
    path = folder / "doubled_ids/eve/ps1.ipynb"
    report = judge_notebook(path, PS, seed=1, isolated=False)
    assert report.points == 0 and "check_entropy is there more than once" in " ".join(report.notes)
    assert len([cell for cell in rebuilt(path, released()).cells if name_of(cell) == "check_entropy"]) == 1


def test_names_lead_out_of_a_folder_or_to_a_neighbour_and_here_nowhere(folder, plain):
    assert plain["names_written"] == {"outside": ["above.ipynb", "absolute.ipynb"]}
    assert plain["names_extracted"] == {"ada": EVIL}
    before = sorted(folder.rglob("*"))
    found, said = taken(folder / "names_written")
    assert found == {"ada": HONEST} and said.count("leads out of the archive") == 3
    assert sorted(folder.rglob("*")) == before


def test_a_bomb_fills_a_disk_and_here_nothing(folder, plain):
    assert plain["bomb"]["times"] > 500
    found, said = taken(folder / "bomb")
    assert found == {"ada": HONEST} and "larger than 20 MiB" in said


def test_a_link_hands_in_what_it_leads_to_and_here_nothing(folder, plain):
    assert plain["links"]["eve"] == "the solution"
    found, said = taken(folder / "links")
    assert found == {"ada": HONEST} and "a link or a device" in said
    handed = read_submission(folder / "links/submitted/eve/ps1.ipynb")  # had it been unpacked all the same
    assert not handed.cells and "symbolic link" in handed.problems[0]


def test_script_runs_on_plain_pages_and_on_none_of_ours(folder, plain):
    from nbconvert import HTMLExporter

    assert SCRIPT in plain["markup"]["notebook"] and "javascript:alert" in plain["markup"]["notebook"]
    assert plain["markup"]["page"].count(SCRIPT) == 2
    told = json.loads((folder / "markup/told.json").read_text())
    question = QuestionReport("entropy", 0, 5, "error", message=f"entropy: wrong\n{told['error']}", notes=(SCRIPT,))
    report = SubmissionReport(SCRIPT, PS, "f00d", 1, True, (question,), (SCRIPT,))
    again = rebuilt(folder / "markup/eve/ps1.ipynb", released())
    for cell in again.cells:
        if name_of(cell) == "check_entropy":
            cell.outputs = outputs_of(question, "entropy", 5.0)
    notebook_page, _ = HTMLExporter().from_notebook_node(again)
    pages = [submission_page(SCRIPT, report, SCRIPT), class_page(PS, {SCRIPT: report}, SCRIPT), notebook_page]
    assert all("alert" in page for page in pages)  # it is shown
    assert not any(SCRIPT in page or 'href="javascript' in page for page in pages)


def released():
    return ROOT / "exercises" / PS / f"{PS}.ipynb"


def name_of(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")
