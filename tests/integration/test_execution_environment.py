"""The execution environment that AWX runs the playbooks in, as ansible-builder reads it. No image is built."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import ansible_builder
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.lab.binaries import ROOT
from tests.lint.test_lock import chosen

BIN = Path(sys.executable).parent
INTROSPECT = Path(ansible_builder.__file__).parent / "_target_scripts" / "introspect.py"


def run(*argv: str) -> str:
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ansible_builder_accepts_it_and_takes_what_the_controller_needs(tmp_path: Path) -> None:
    # Named, for else it has the name that goes with the engine of this machine.
    named = ("--output-filename", "Containerfile")
    run(str(BIN / "ansible-builder"), "create", "-f", "execution-environment.yml", "-c", str(tmp_path), *named)
    files = tmp_path / "_build"
    for name in ("bindep.txt", "lock/build.txt", "lock/execution-environment.txt"):
        assert (files / name).read_text(encoding="utf-8") == (ROOT / name).read_text(encoding="utf-8")
    # Nothing that would be installed without its hash.
    assert not (files / "requirements.txt").exists()
    container = (tmp_path / "Containerfile").read_text(encoding="utf-8")
    assert "python3.12" in container
    assert not_locked(container) == []
    assert "\nENV ANSIBLE_CALLBACK_RESULT_FORMAT=yaml\n" in container


def not_locked(container: str) -> list[str]:
    """What is installed without a hash: all but what is in the lock files, which are installed first and with theirs."""
    commands = re.findall(r"-m pip install --no-cache-dir (.*)", container)
    by_name = [command for command in commands if not command.startswith("--require-hashes")]
    locked = chosen("execution-environment", "3.12")
    named = [Requirement(word.strip("'")) for command in by_name for word in command.split()]
    assert len(by_name) == 2, "ansible-builder and its init, while it builds"
    return [str(one) for one in named if not one.specifier.contains(locked.get(canonicalize_name(one.name), "0.dev0"))]


def test_an_environment_that_holds_the_collection_gets_the_same() -> None:
    """By meta/execution-environment.yml, which is what ansible-builder looks for in every collection."""
    found = yaml.safe_load(run(sys.executable, str(INTROSPECT), "introspect", "collections"))
    # Not ansible-core: every environment has it.
    assert [line.partition(">=")[0] for line in found["python"]] == ["httpx", "packaging", "nats-py[nkeys]"]
    assert "openssh-clients [platform:rpm]" in found["system"][0]
