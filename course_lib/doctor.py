"""doctor: what is here, what is missing, and what to do about it.

Nothing here raises: the examination also ends where torch is missing or broken. *Needed* is what the main job,
``course run --recipe demo``, cannot do without.
"""

import json
import os
import platform
import shlex
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.version import Version

if TYPE_CHECKING:
    from rich.console import Console

MODULES = {"scikit-learn": "sklearn", "pillow": "PIL"}  # where the module has another name than the package
BESIDE = {
    "torchvision": "CIFAR, and networks by torchvision:NAME, need it",
    "jupyterlab": "lessons need it",
    "ipywidgets": "lessons need it",
    "nbgrader": "assignments need it",
}
DEMO_MEMORY = 2**30  # bytes; the demo takes about half of it
DEMO_DISK = 100 * 2**20  # bytes; the demo writes a few of them


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What it is, such as ``"torch"``.
        ok: Whether it is as it should be.
        needed: Whether the demo cannot run when it is not.
        detail: What was found.
        remedy: What to do about it; empty if there is nothing to do.
    """

    name: str
    ok: bool
    needed: bool
    detail: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at everything that a run needs or could use."""
    return [
        _python(),
        *_packages(),
        _torchvision_for_this_torch(),
        _processor(),
        _gpu(),
        _memory(),
        _disk(),
        *_data(),
    ]


def ready(findings: Iterable[Finding]) -> bool:
    """Whether the demo can run.

    Example:
        >>> ready([Finding("torch", ok=True, needed=True, detail="2.11"), Finding("GPU", False, False, "none")])
        True
    """
    return all(finding.ok for finding in findings if finding.needed)


def print_findings(findings: Iterable[Finding], console: "Console") -> None:
    """Print each finding as a mark and a word, so that no colour is needed, and a remedy below what is not ok."""
    findings = list(findings)
    width = max(len(finding.name) for finding in findings)
    tick, cross = ("+", "x") if console.options.ascii_only else ("✓", "✗")
    for finding in findings:
        mark, word, colour = (
            (tick, "ok", "green")
            if finding.ok
            else (cross, "NEEDED", "red")
            if finding.needed
            else ("-", "optional", "yellow")
        )
        line = f"{mark} {word:<8}  {finding.name:<{width}}  {finding.detail}"
        console.print(line, style=colour, markup=False, highlight=False, soft_wrap=True)
        if finding.remedy:
            console.print(f"{'':{width + 14}}{finding.remedy}", markup=False, highlight=False, soft_wrap=True)
    last = "Ready: `course run --recipe demo` can run." if ready(findings) else "Not ready: see what is marked NEEDED."
    console.print(f"\n{last}", markup=False, highlight=False, soft_wrap=True)


def as_json(findings: Iterable[Finding]) -> str:
    """The findings for a program: ``ready``, and ``findings`` with the attributes of each.

    Example:
        >>> as_json([Finding("GPU", ok=True, needed=False, detail="none")]).splitlines()[:2]
        ['{', '  "ready": true,']
    """
    findings = list(findings)
    return json.dumps({"ready": ready(findings), "findings": [asdict(finding) for finding in findings]}, indent=2)


def _python() -> Finding:
    ok = sys.version_info >= (3, 11)
    remedy = "" if ok else "rm -rf .venv, then make PYTHON=python3.12 demo, or any Python from 3.11 on"
    return Finding("Python", ok, True, f"{platform.python_version()} at {sys.executable}", remedy)


def _packages() -> list[Finding]:
    try:
        requirements = [Requirement(line) for line in requires("course-lib") or []]
    except PackageNotFoundError:
        return [Finding("course-lib", False, True, "not installed", f"in its folder: {_pip('--editable', '.')}")]
    return [_package(r) for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]


def _package(requirement: Requirement) -> Finding:
    """A package against its bound; one that the demo needs is also loaded, as only that tells whether it is whole."""
    name, needed = requirement.name, requirement.name not in BESIDE
    remedy = _pip(str(requirement))
    try:
        installed = version(name)
    except PackageNotFoundError:
        return Finding(name, False, needed, f"not installed; {BESIDE.get(name, 'every run needs it')}", remedy)
    if not requirement.specifier.contains(installed, prereleases=True):
        return Finding(name, False, needed, f"{installed}, but {requirement.specifier} is needed", remedy)
    if needed:
        try:
            import_module(MODULES.get(name, name))
        except Exception as error:  # a broken package raises whatever it likes
            remedy = _pip("--force-reinstall", str(requirement))
            return Finding(name, False, True, f"{installed} does not load: {_first_line(error)}", remedy)
    return Finding(name, True, needed, installed)


def _torchvision_for_this_torch() -> Finding:
    """Whether torchvision was built for the torch that is here, from what both say about themselves.

    Importing torchvision would tell as well, but takes seconds. PyPI's builds bear no label, others end in ``+cpu`` or
    ``+cu126``.
    """
    name = "torch and torchvision"
    try:
        torch, torchvision = Version(version("torch")), Version(version("torchvision"))
    except PackageNotFoundError as missing:
        return Finding(name, False, False, f"{missing.name} is not installed", "see above")
    asked = [Requirement(line) for line in requires("torchvision") or []]
    unmet = [str(r) for r in asked if r.name == "torch" and not r.specifier.contains(torch, prereleases=True)]
    detail = f"torchvision {torchvision} " + (f"needs {unmet[0]}, but torch is {torch}" if unmet else "fits this torch")
    if not unmet and torch.local != torchvision.local:
        detail = f"of different builds: torch {torch}, torchvision {torchvision}"
    elif not unmet:
        return Finding(name, True, False, detail)
    both = _pip("--force-reinstall", "torch>=2.11", "torchvision>=0.26")
    return Finding(
        name, False, False, detail, f"if torchvision says 'operator torchvision::nms does not exist', take both from one place: {both}"
    )


def _processor() -> Finding:
    try:
        import torch

        threads = f"{torch.get_num_threads()} threads in torch"
    except Exception:
        threads = "torch does not load"
    return Finding("processor", True, False, f"{os.cpu_count()} cores, {threads}")


def _gpu() -> Finding:
    """A GPU is never needed; but one that torch finds is taken by ``--device auto``, and then it must work."""
    try:
        import torch
    except Exception:
        return Finding("GPU", False, False, "not looked for, as torch does not load", "see torch above")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = torch.cuda.is_available()
    if found:
        try:
            name = torch.cuda.get_device_name()
            torch.ones(8, 8, device="cuda").square().sum().item()
            return Finding("GPU", True, False, name)
        except Exception as error:
            remedy = "update its driver or torch; until then add --device cpu to course run"
            return Finding("GPU", False, True, f"does not work: {_first_line(error)}", remedy)
    if not said and shutil.which("nvidia-smi") is None:
        return Finding("GPU", True, False, "none: the CPU is enough")
    why = _first_line(said[0].message) if said else "nvidia-smi is here, but torch finds no GPU"
    if torch.version.cuda is None:
        return Finding("GPU", False, False, f"{why}: this torch is built without CUDA", _pip("--force-reinstall", "torch"))
    return Finding("GPU", False, False, why, "update its driver; the CPU is enough until then")
