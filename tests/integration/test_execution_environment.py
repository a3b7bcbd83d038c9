"""The execution environment that AWX runs the playbooks in, as ansible-builder reads it. No image is built."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ansible_builder
import yaml

from tests.lab.binaries import ROOT

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
    assert (files / "requirements.txt").read_text(encoding="utf-8") == (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert (files / "bindep.txt").read_text(encoding="utf-8") == (ROOT / "bindep.txt").read_text(encoding="utf-8")
    container = (tmp_path / "Containerfile").read_text(encoding="utf-8")
    assert "python3.12" in container
    assert "\nENV ANSIBLE_CALLBACK_RESULT_FORMAT=yaml\n" in container


def test_an_environment_that_holds_the_collection_gets_the_same() -> None:
    """By meta/execution-environment.yml, which is what ansible-builder looks for in every collection."""
    found = yaml.safe_load(run(sys.executable, str(INTROSPECT), "introspect", "collections"))
    # Not ansible-core: every environment has it.
    assert [line.partition(">=")[0] for line in found["python"]] == ["httpx", "packaging", "nats-py[nkeys]"]
    assert "openssh-clients [platform:rpm]" in found["system"][0]
