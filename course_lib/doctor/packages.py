"""packages: Python, and every package that the course runs on, against the bounds it was installed with."""

import platform
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement
from packaging.version import Version

from course_lib.doctor.finding import Finding, first_line, pip_install

MODULES = {"scikit-learn": "sklearn", "pillow": "PIL"}  # where the module has another name than its package
BESIDE = {  # what the demo does without
    "torchvision": "needed for CIFAR and for networks by torchvision:NAME",
    "jupyterlab": "needed for lessons",
    "ipywidgets": "needed for lessons",
    "nbgrader": "needed for assignments",
}


def python() -> Finding:
    """Whether this Python is new enough."""
    ok = sys.version_info >= (3, 11)
    remedy = "" if ok else "make .venv again with another Python: make clean, then make PYTHON=python3.12 demo"
    return Finding("Python", ok, True, f"{platform.python_version()} at {sys.executable}", remedy)


def packages() -> list[Finding]:
    """Each package that ``pyproject.toml`` asks for, as it was when the course was installed."""
    try:
        requirements = [Requirement(line) for line in requires("course-lib") or []]
    except PackageNotFoundError:
        return [Finding("course-lib", False, True, "not installed", f"in its folder: {pip_install('--editable', '.')}")]
    return [_package(asked) for asked in requirements if asked.marker is None or asked.marker.evaluate({"extra": ""})]


def _package(asked: Requirement) -> Finding:
    """A package against its bound. One that the demo needs is loaded, too: only that tells whether it is whole."""
    name, needed, remedy = asked.name, asked.name not in BESIDE, pip_install(str(asked))
    try:
        installed = version(name)
    except PackageNotFoundError:
        return Finding(name, False, needed, f"not installed; {BESIDE.get(name, 'every run needs it')}", remedy)
    if not asked.specifier.contains(installed, prereleases=True):
        return Finding(name, False, needed, f"{installed}, but {asked.specifier} is needed", remedy)
    if needed:
        try:
            import_module(MODULES.get(name, name))
        except Exception as error:  # a broken package raises whatever it likes
            remedy = pip_install("--force-reinstall", str(asked))
            return Finding(name, False, True, f"{installed} does not load: {first_line(error)}", remedy)
    return Finding(name, True, needed, installed)


def torchvision_fits_torch() -> Finding:
    """Whether torchvision was built for the torch that is here, from what both packages say about themselves.

    Importing torchvision would tell as well, but takes seconds. PyPI's builds bear no label; others end in ``+cpu`` or
    ``+cu126``, and a torchvision of one build rarely works with a torch of another.
    """
    name = "torch, torchvision"
    try:
        torch, torchvision = Version(version("torch")), Version(version("torchvision"))
    except PackageNotFoundError as error:
        return Finding(name, False, False, f"there is no {error.name} to match", "see above")
    asked = [Requirement(line) for line in requires("torchvision") or []]
    unmet = [fit for fit in asked if fit.name == "torch" and not fit.specifier.contains(torch, prereleases=True)]
    if unmet:
        detail = f"torchvision {torchvision} was built for torch{unmet[0].specifier}, but torch is {torch}"
    elif torch.local != torchvision.local:
        detail = f"torch {torch} and torchvision {torchvision} are different builds"
    else:
        return Finding(name, True, False, f"torchvision {torchvision} was built for torch {torch}")
    together = pip_install("--force-reinstall", "torch>=2.11", "torchvision>=0.26")
    remedy = f"if torchvision fails with 'operator torchvision::nms does not exist', install both together: {together}"
    return Finding(name, False, False, detail, remedy)
