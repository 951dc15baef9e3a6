"""What plain tools do with what strangers hand in: ``python naive.py FOLDER``, which prints what became of each way.

Each way is a function of the folder that it is named after, and runs in a fork of its own, within limits: it is meant
to come to harm. What it says of it is JSON.
"""

import json
import os
import resource
import stat
import sys
import zipfile
from pathlib import Path

MOST = {"RLIMIT_AS": 2**30, "RLIMIT_FSIZE": 2**27, "RLIMIT_CPU": 20, "RLIMIT_CORE": 0}


def invalid_json(folder):
    """Pages of a class with nbconvert, one after the other."""
    from nbconvert import HTMLExporter

    return one_by_one(folder, HTMLExporter().from_filename)


no_cells = invalid_json


def other_kernel(folder):
    """Run the notebooks of a class with nbconvert."""
    from nbconvert.preprocessors import ExecutePreprocessor
    from nbformat import read

    return one_by_one(folder, lambda path: ExecutePreprocessor(timeout=5).preprocess(read(path, 4)))


def huge(folder):
    """Read the notebooks of a class."""
    return one_by_one(folder, lambda path: json.loads(Path(path).read_bytes()))


def huge_here(folder):
    """The same, as this grader reads them."""
    from course_lib.grading.submission import read_submission
    from course_lib.grading.tampering import cells_of

    said = []
    found = one_by_one(
        folder, lambda path: said.extend([*read_submission(Path(path)).problems, len(cells_of(Path(path)))])
    )
    return found | {"said": said}


def doubled_ids(folder):
    """Add up the points of all graded cells, as nbgrader reads each of them."""
    from nbformat import read
    from nbgrader.utils import determine_grade, is_grade

    cells = [cell for cell in read(folder / "eve/ps1.ipynb", 4).cells if is_grade(cell)]
    return {"points": sum(determine_grade(cell)[0] for cell in cells), "most": cells[0].metadata.nbgrader.points}


def names_written(folder):
    """Write each entry of an archive under its name."""
    with zipfile.ZipFile(folder / "class.zip") as archive:
        for name in archive.namelist():
            path = folder / "submitted" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(name))
    return {"outside": sorted(path.name for path in folder.glob("*.ipynb"))}


def names_extracted(folder):
    """Let zipfile extract everything, which leaves out ``..`` and the first ``/`` of a name."""
    with zipfile.ZipFile(folder / "class.zip") as archive:
        archive.extractall(folder / "submitted")
    return {"ada": (folder / "submitted/ada/ps1.ipynb").read_text()}


def bomb(folder):
    """Unpack an archive as nbgrader does where nothing else is configured."""
    from nbgrader.utils import unzip

    before = (folder / "class.zip").stat().st_size
    (folder / "unpacked").mkdir()
    unzip(str(folder / "class.zip"), str(folder / "unpacked"), tree=True)
    return {"times": sum(path.stat().st_size for path in folder.rglob("*.ipynb")) // before}


def links(folder):
    """Unpack links as links, which ``unzip`` does, and read what learners handed in."""
    submitted = folder / "submitted"
    with zipfile.ZipFile(folder / "class.zip") as archive:
        for entry in archive.infolist():
            path = submitted / entry.filename
            path.parent.mkdir(parents=True, exist_ok=True)
            if stat.S_ISLNK(entry.external_attr >> 16):
                path.symlink_to(archive.read(entry).decode())
            else:
                path.write_bytes(archive.read(entry))
    return {path.parent.name: path.read_text() for path in submitted.glob("*/ps1.ipynb")}


def markup(folder):
    """Show a notebook with nbconvert, and a name and an error on a page that a few lines of Python write."""
    from nbconvert import HTMLExporter

    told = json.loads((folder / "told.json").read_text())
    page, _ = HTMLExporter().from_filename(str(folder / "eve/ps1.ipynb"))
    return {"notebook": page, "page": f"<h1>{told['name']}</h1><pre>{told['error']}</pre>"}


def one_by_one(folder, do):
    """What becomes of a class, of which Ada comes last."""
    done = []
    for path in sorted(folder.glob("*/ps1.ipynb"), reverse=True):
        try:
            do(str(path))
        except Exception as error:  # which nobody expected
            return {"done": done, "stopped": type(error).__name__}
        done.append(path.parent.name)
    return {"done": done, "stopped": ""}


def apart(way, folder):
    """What a way says, from a process of its own."""
    incoming, outgoing = os.pipe()
    if not os.fork():
        for name, most in MOST.items():
            resource.setrlimit(getattr(resource, name), (most, most))
        with os.fdopen(outgoing, "w") as said:
            json.dump(way(folder), said)
        os._exit(0)
    os.close(outgoing)
    with os.fdopen(incoming) as said:
        text = said.read()
    os.wait()
    return json.loads(text) if text else None


def main():
    import nbconvert  # noqa: F401
    import nbgrader.utils  # noqa: F401

    found = {place.name: apart(globals()[place.name], place) for place in sorted(Path(sys.argv[1]).iterdir())}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
