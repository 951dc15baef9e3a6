"""The doctor tells what is missing and how to mend it, and never falls ill itself."""

import io
import json
import os
import subprocess
import sys
import tomllib
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement
from rich.console import Console

from course_lib import data, doctor
from course_lib.doctor import machine, packages
from course_lib.doctor.finding import Finding

PYPROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
RUNTIME = [Requirement(line).name for line in PYPROJECT["project"]["dependencies"]]


def named(name, findings=None):
    (finding,) = [finding for finding in findings or doctor.examine() if finding.name == name]
    return finding


def printed(findings, encoding="utf-8"):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    doctor.print_findings(findings, Console(file=file, width=40))
    file.seek(0)
    return file.read()


@pytest.fixture
def versions(monkeypatch):
    """Other versions than the installed ones; None for a package that is not there."""
    pretended = {}

    def told(name):
        if name in pretended and pretended[name] is None:
            raise PackageNotFoundError(name)
        return pretended.get(name) or version(name)

    monkeypatch.setattr(packages, "version", told)
    return pretended


def test_where_tests_run_the_demo_can_run():
    findings = doctor.examine()
    assert doctor.ready(findings)
    assert all(finding.remedy for finding in findings if not finding.ok)
    assert named("data digits", findings).ok


def test_every_package_of_the_course_is_looked_at():
    assert [finding.name for finding in packages.packages()] == RUNTIME


@pytest.mark.parametrize("name", RUNTIME)
def test_an_absent_package_is_told_with_the_command_that_installs_it(versions, name):
    versions[name] = None
    finding = named(name, packages.packages())
    assert not finding.ok
    assert finding.needed == (name not in ("torchvision", "jupyterlab", "ipywidgets", "nbgrader"))
    assert "not installed" in finding.detail
    assert finding.remedy.startswith(f"{sys.executable} -m pip install '{name}>=")


def test_a_package_below_its_bound_is_told_with_the_bound(versions):
    versions["torch"] = "2.10.1"
    assert named("torch") == Finding(
        "torch", False, True, "2.10.1, but >=2.11 is needed", f"{sys.executable} -m pip install 'torch>=2.11'"
    )


def test_a_package_that_does_not_load_is_told_with_its_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    finding = named("scikit-learn")
    assert (finding.ok, finding.needed) == (False, True)
    assert "does not load: import of sklearn halted" in finding.detail
    assert "--force-reinstall 'scikit-learn>=" in finding.remedy


def test_a_course_that_is_not_installed_is_told(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packages, "requires", absent)
    (finding,) = packages.packages()
    assert not finding.ok
    assert finding.remedy.endswith("-m pip install --editable .")


@pytest.mark.parametrize(
    ("torch_version", "torchvision_version", "asked", "ok", "said"),
    [
        ("2.11.0", "0.26.0", "torch==2.11.0", True, "was built for torch 2.11.0"),
        ("2.11.0+cpu", "0.26.0+cpu", "torch==2.11.0", True, "was built for torch 2.11.0+cpu"),
        ("2.12.0.dev20260301", "0.27.0.dev20260301", "torch==2.12.0.dev20260301", True, "was built for"),
        ("2.15.0", "0.29.2", "torch>=2.14.0", True, "was built for"),
        ("2.12.0", "0.26.0", "torch==2.11.0", False, "was built for torch==2.11.0, but torch is 2.12.0"),
        ("2.13.0", "0.29.2", "torch>=2.14.0", False, "was built for torch>=2.14.0, but torch is 2.13.0"),
        ("2.11.0+cpu", "0.26.0", "torch==2.11.0", False, "different builds"),
        ("2.11.0", "0.26.0+cpu", "torch==2.11.0", False, "different builds"),
    ],
)
def test_a_torchvision_of_another_torch_is_told(
    monkeypatch, versions, torch_version, torchvision_version, asked, ok, said
):
    versions |= {"torch": torch_version, "torchvision": torchvision_version}
    monkeypatch.setattr(packages, "requires", lambda name: ["numpy", asked, 'scipy; extra == "scipy"'])
    finding = packages.torchvision_fits_torch()
    assert finding.ok == ok
    assert said in finding.detail
    assert ok or "operator torchvision::nms does not exist" in finding.remedy


@pytest.mark.parametrize("absent", ["torch", "torchvision"])
def test_what_is_absent_is_not_matched(versions, absent):
    versions[absent] = None
    finding = packages.torchvision_fits_torch()
    assert (finding.ok, finding.needed) == (False, False)
    assert absent in finding.detail


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)


def test_a_teacher_without_a_jail_is_told_how_to_get_one_and_a_learner_needs_none(monkeypatch):
    monkeypatch.setattr(machine, "why_not", lambda: "bubblewrap 0.6.1 is too old: install 0.8")
    found = machine.jail()
    assert not found.ok and not found.needed and found.remedy == "bubblewrap 0.6.1 is too old: install 0.8"
    monkeypatch.setattr(machine, "why_not", lambda: None)
    assert machine.jail() == Finding("bubblewrap", True, False, "learners' code can be graded in a jail")


def test_a_bubblewrap_that_does_not_start_is_no_jail(monkeypatch, tmp_path):
    forbidden = tmp_path / "bwrap"
    forbidden.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo bubblewrap 0.9.0 || { echo no namespaces >&2; exit 1; }\n'
    )
    forbidden.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = machine.jail()
    assert not found.ok and (sys.platform != "linux" or "does not start here" in found.remedy)


def test_without_a_gpu_the_cpu_is_enough(no_gpu):
    assert machine.gpu() == Finding("GPU", True, False, "none: the CPU is enough")


@pytest.mark.parametrize(("cuda", "remedy"), [("13.2", "update the driver"), (None, "built for the CPU alone")])
def test_a_gpu_that_torch_does_not_find_is_told_and_not_needed(no_gpu, monkeypatch, cuda, remedy):
    monkeypatch.setattr(machine.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(torch.version, "cuda", cuda)
    finding = machine.gpu()
    assert (finding.ok, finding.needed) == (False, False)
    assert remedy in finding.remedy


def test_the_warning_of_an_old_driver_becomes_a_finding(no_gpu, monkeypatch):
    def warn():
        warnings.warn("The NVIDIA driver on your system is too old\nmore words", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", warn)
    assert machine.gpu().detail == "The NVIDIA driver on your system is too old"


def test_a_gpu_that_is_found_but_does_not_compute_stops_the_demo_and_is_told(monkeypatch):
    def fail():
        raise RuntimeError("CUDA error: no kernel image is available\nCompile with ...")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", fail)
    finding = machine.gpu()
    assert (finding.ok, finding.needed) == (False, True)
    assert finding.detail == "does not work: CUDA error: no kernel image is available"
    assert "--device cpu" in finding.remedy


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_that_computes_is_named():
    assert torch.cuda.get_device_name() in machine.gpu().detail
    assert machine.gpu().ok


@pytest.mark.parametrize(("free", "ok"), [(0.4, False), (1.0, True), (None, True)])
def test_too_little_memory_is_told(monkeypatch, free, ok):
    monkeypatch.setattr(machine, "free_memory_gb", lambda: free)
    assert machine.memory().ok == ok
    assert ok or "the demo needs 1 GB" in machine.memory().remedy


def test_free_memory_is_part_of_the_memory_that_there_is():
    psutil = pytest.importorskip("psutil")
    free = machine.free_memory_gb()
    assert free is None or 0 < free <= psutil.virtual_memory().total / 2**30


def test_a_full_disk_is_told(monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: machine.shutil._ntuple_diskusage(10, 10, 0))
    assert (machine.room_for_runs().ok, machine.room_for_runs().needed) == (False, True)


def test_a_folder_that_cannot_be_written_is_told(monkeypatch, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    finding = machine.room_for_runs()
    assert (finding.ok, finding.needed) == (False, True)
    assert finding.detail.startswith("cannot write to the current folder")


def test_looking_for_room_leaves_nothing_behind(monkeypatch, tmp_path):
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert "runs/" in machine.room_for_runs().detail
    assert list(tmp_path.rglob("*")) == [tmp_path / "runs"]


def test_data_that_is_not_here_is_told_with_the_way_to_get_it_and_not_needed(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    (tmp_path / "cats" / "train").mkdir(parents=True)
    findings = doctor.examine()
    assert named("data cats", findings).detail == str(tmp_path / "cats")
    missing = named("data cifar10", findings)
    assert (missing.ok, missing.needed, missing.remedy) == (False, False, data.remedy("cifar10"))


def test_a_course_data_that_is_no_folder_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    finding = named("COURSE_DATA")
    assert (finding.ok, finding.needed) == (False, False)
    assert finding.detail == f"{tmp_path / 'nowhere'} is not a folder"


def test_only_what_is_needed_decides():
    good, missing = Finding("a", True, True, ""), Finding("b", False, False, "")
    assert doctor.ready([good, missing])
    assert not doctor.ready([good, missing, Finding("c", False, True, "")])


@pytest.mark.parametrize(("encoding", "marks"), [("utf-8", "✓✗-"), ("ascii", "+x-")])
def test_marks_and_words_tell_without_colour(encoding, marks):
    findings = [
        Finding("torch", True, True, "2.15.0"),
        Finding("numpy", False, True, "not [bold]installed", "/a/very/long/path/to/python -m pip install 'numpy>=2.0'"),
        Finding("GPU", False, False, "old driver", "update it"),
    ]
    assert printed(findings, encoding).splitlines() == [
        f"{marks[0]} ok        torch  2.15.0",
        f"{marks[1]} NEEDED    numpy  not [bold]installed",
        "                   /a/very/long/path/to/python -m pip install 'numpy>=2.0'",
        f"{marks[2]} optional  GPU    old driver",
        "                   update it",
        "",
        "Not ready: mend what is NEEDED.",
    ]


def run_doctor(*options, folder=None):
    """The command in a process of its own; packages in ``folder`` are found first."""
    path = f"import sys; sys.path.insert(0, {str(folder)!r}); " if folder else "import sys; "
    count = "print('torchvision' in sys.modules, file=sys.stderr)"
    code = (
        f"{path}sys.argv[1:] = {['doctor', *options]}\nfrom course_lib.cli import main\ntry: main()\nfinally: {count}"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_the_command_prints_json_ends_well_and_never_imports_torchvision():
    done = run_doctor("--json")
    assert (done.returncode, done.stderr.strip()) == (0, "False")
    assert json.loads(done.stdout)["ready"] is True


@pytest.mark.parametrize("error", ["OSError('libcudart.so.13: cannot open')", "ModuleNotFoundError('no torch')"])
def test_with_a_broken_torch_the_command_still_ends_and_tells_the_remedy(tmp_path, error):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(f"raise {error}")
    done = run_doctor("--json", folder=tmp_path)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["ready"] is False
    (broken,) = [finding for finding in told["findings"] if finding["needed"] and not finding["ok"]]
    assert broken["name"] == "torch"
    assert "does not load" in broken["detail"]
    assert "pip install --force-reinstall 'torch>=2.11'" in broken["remedy"]
