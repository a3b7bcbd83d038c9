"""What is installed for development, and into the execution environment: each package in one version, each file with its hash."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "lock"
# What is asked for, what was chosen, and for which Pythons.
LOCKED = {
    "development": ("requirements-dev.txt", ("3.11", "3.12", "3.13")),
    "execution-environment": ("lock/execution-environment.in", ("3.12",)),
    "build": ("lock/build.in", ("3.11", "3.12", "3.13")),
}
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\Z")


def pins(name: str) -> dict[str, list[str]]:
    """The hashes of each pin of a lock file, by the line without them."""
    text = (LOCK / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {line.partition("--hash=")[0].strip(): re.findall(r"--hash=\S+", line) for line in lines}


def asked(path: Path) -> list[Requirement]:
    """The requirements of a file and of those that it includes."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            found += asked(path.parent / line[3:].strip())
        elif line and not line.startswith("#"):
            found.append(Requirement(line))
    return found


def chosen(name: str, python: str) -> dict[str, str]:
    """The version of each package on a Python, on Linux."""
    where = {"python_version": python, "python_full_version": f"{python}.99", "sys_platform": "linux"}
    found = [Requirement(pin) for pin in pins(name)]
    fitting = [one for one in found if one.marker is None or Marker(str(one.marker)).evaluate(where)]
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in fitting}


@pytest.mark.parametrize("name", LOCKED)
def test_each_pin_is_one_version_and_has_hashes(name: str) -> None:
    assert pins(name)
    for pin, hashes in pins(name).items():
        (only,) = Requirement(pin).specifier
        assert only.operator == "==", pin
        assert "*" not in only.version, pin
        assert hashes, pin
        assert all(map(HASH.match, hashes)), pin


@pytest.mark.parametrize(("name", "python"), [(name, python) for name, (_unused, all_of) in LOCKED.items() for python in all_of])
def test_what_is_asked_for_is_locked_in_a_version_that_fits(name: str, python: str) -> None:
    locked = chosen(name, python)
    wrong = [
        str(one)
        for one in asked(ROOT / LOCKED[name][0])
        if not one.specifier.contains(locked.get(canonicalize_name(one.name), "0.dev0"), prereleases=True)
    ]
    assert not wrong, "make lock writes lock/ anew"


@pytest.mark.parametrize("name", LOCKED)
def test_no_address_is_in_a_lock(name: str) -> None:
    text = (LOCK / f"{name}.txt").read_text(encoding="utf-8")
    assert not re.findall(r"://|--(?:extra-)?index-url|--find-links|--trusted-host| @ ", text)


@pytest.mark.parametrize("name", ["development", "execution-environment"])
def test_what_builds_packages_is_the_same_that_is_installed(name: str) -> None:
    assert pins("build").items() <= pins(name).items()


def test_everything_for_development_is_installed_with_hashes() -> None:
    script = (ROOT / "tests" / "lab" / "venv.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    installs = [line for line in script.splitlines() if "pip install" in line and not line.lstrip().startswith("#")]
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)
    assert "--no-build-isolation" in installs[1]


def test_everything_of_the_execution_environment_is_installed_with_hashes() -> None:
    environment = yaml.safe_load((ROOT / "execution-environment.yml").read_text(encoding="utf-8"))
    # ansible-builder installs these by themselves, without hashes.
    assert not {"python", "ansible_core", "ansible_runner"} & set(environment["dependencies"])
    installs = [step for step in environment["additional_build_steps"]["append_base"] if "pip install" in step]
    assert [step.rpartition("/")[2] for step in installs] == ["build.txt", "execution-environment.txt"]
    assert all("--require-hashes" in step for step in installs)
    assert [one["src"] for one in environment["additional_build_files"]] == ["lock/build.txt", "lock/execution-environment.txt"]
