"""doctor: what is here, what is missing, and what to do about it.

Nothing here raises: the examination also ends where torch is missing or broken. *Needed* is what the main job,
``course run --recipe demo``, cannot do without.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.doctor import machine, packages
from course_lib.doctor.finding import Finding, first_line

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Finding", "as_json", "examine", "print_findings", "ready"]


def examine() -> list[Finding]:
    """Look at everything that a run needs or could use."""
    return [
        packages.python(),
        *packages.packages(),
        packages.torchvision_fits_torch(),
        machine.processor(),
        machine.gpu(),
        machine.jail(),
        machine.memory(),
        machine.room_for_runs(),
        _data_folder(),
        *_data(),
    ]


def ready(findings: Sequence[Finding]) -> bool:
    """Whether the demo can run.

    Example:
        >>> ready([Finding("torch", True, needed=True, detail="2.11"), Finding("GPU", False, needed=False, detail="")])
        True
    """
    return all(finding.ok for finding in findings if finding.needed)


def print_findings(findings: Sequence[Finding], console: "Console") -> None:
    """Print each finding with a mark and a word, so that no colour is needed, and its remedy below."""
    width = max(len(finding.name) for finding in findings)
    tick, cross = ("+", "x") if console.options.ascii_only else ("✓", "✗")
    for finding in findings:
        if finding.ok:
            mark, word, style = tick, "ok", "green"
        elif finding.needed:
            mark, word, style = cross, "NEEDED", "bold red"
        else:
            mark, word, style = "-", "optional", "yellow"
        head = f"{mark} {word:<8}  "
        console.print(head, style=style, markup=False, highlight=False, end="")
        console.print(f"{finding.name:<{width}}  {finding.detail}", markup=False, highlight=False, soft_wrap=True)
        if finding.remedy:
            indent = " " * (len(head) + width + 2)
            console.print(f"{indent}{finding.remedy}", markup=False, highlight=False, soft_wrap=True)
    verdict = "Ready: `course run --recipe demo` can run." if ready(findings) else "Not ready: mend what is NEEDED."
    console.print(f"\n{verdict}", markup=False, highlight=False)


def as_json(findings: Sequence[Finding]) -> str:
    """The findings for a program: ``ready``, and ``findings`` with the attributes of each.

    Example:
        >>> print(as_json([Finding("GPU", ok=True, needed=False, detail="none")]))
        {
          "ready": true,
          "findings": [
            {
              "name": "GPU",
              "ok": true,
              "needed": false,
              "detail": "none",
              "remedy": ""
            }
          ]
        }
    """
    return json.dumps({"ready": ready(findings), "findings": [asdict(finding) for finding in findings]}, indent=2)


def _data_folder() -> Finding:
    chosen = os.environ.get("COURSE_DATA")
    if not chosen:
        return Finding("COURSE_DATA", True, False, "not set: data sets are looked for in course_lib/data of the cache")
    if not Path(chosen).expanduser().is_dir():
        return Finding("COURSE_DATA", False, False, f"{chosen} is not a folder", "make it, or: unset COURSE_DATA")
    return Finding("COURSE_DATA", True, False, chosen)


def _data() -> list[Finding]:
    try:
        from course_lib import data  # which needs torch

        places = data.found()
    except Exception as error:
        return [Finding("data", False, False, f"not looked for: {first_line(error)}", "see above")]
    return [
        Finding(f"data {name}", place is not None, False, place or "not here", "" if place else data.remedy(name))
        for name, place in places.items()
    ]
