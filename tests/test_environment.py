"""pyproject.toml says what is needed; environment.yml and requirements.lock say the same."""

import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
DIRECT = [Requirement(line) for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]
BUILD = [Requirement(line) for line in PYPROJECT["build-system"]["requires"]]
LOCK = (ROOT / "requirements.lock").read_text()
CONDA_NAMES = {"pytorch": "torch"}
OF_CONDA_ALONE = {"python", "pip"}


def conda_packages() -> dict[str, Requirement]:
    lines = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    from_pip = [line for part in lines if isinstance(part, dict) for line in part["pip"]]
    packages = [Requirement(line) for line in [line for line in lines if isinstance(line, str)] + from_pip]
    assert len({package.name for package in packages}) == len(packages)
    return {CONDA_NAMES.get(package.name, package.name): package for package in packages}


def locked_packages() -> list[tuple[Requirement, list[str]]]:
    """Each pinned package of the lock with its hashes."""
    packages: list[tuple[Requirement, list[str]]] = []
    for line in LOCK.splitlines():
        words = line.split("#")[0].rstrip("\\ ")
        if words.startswith("    --hash="):
            packages[-1][1].append(words.strip().removeprefix("--hash="))
        elif words:
            packages.append((Requirement(words), []))
    return packages


def test_conda_gets_the_same_packages():
    assert conda_packages().keys() - OF_CONDA_ALONE == {requirement.name for requirement in DIRECT}


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_conda_gets_the_same_bounds(requirement):
    assert conda_packages()[requirement.name].specifier == requirement.specifier


def test_conda_gets_the_same_python():
    assert str(conda_packages()["python"].specifier) == PROJECT["requires-python"]


def test_conda_packages_come_from_conda_forge_alone():
    assert yaml.safe_load((ROOT / "environment.yml").read_text())["channels"] == ["conda-forge", "nodefaults"]


@pytest.mark.parametrize("requirement", DIRECT + BUILD, ids=lambda requirement: requirement.name)
def test_the_lock_pins_what_is_asked_for_within_its_bounds(requirement):
    pins = [pin for pin, _ in locked_packages() if canonicalize_name(pin.name) == canonicalize_name(requirement.name)]
    assert pins
    for pin in pins:
        (exact,) = pin.specifier
        assert exact.operator == "=="
        assert requirement.specifier.contains(exact.version)


def test_every_package_of_the_lock_has_a_hash():
    assert len(locked_packages()) > len(DIRECT)
    for pin, hashes in locked_packages():
        assert hashes, pin.name
        assert all(len(value) == len("sha256:") + 64 for value in hashes), pin.name


def test_the_lock_holds_no_address():
    assert "://" not in LOCK
    options = [line for line in LOCK.splitlines() if line.lstrip().startswith("-")]
    assert all(line.startswith("    --hash=sha256:") for line in options)
    assert not any(pin.url for pin, _ in locked_packages())
