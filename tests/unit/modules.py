"""Run a module of the collection in this process, as Ansible does, and read its documentation."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.natsops.cluster.plugins"
NAMES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("nats_*.py"))


def load(name: str, kind: str = "modules") -> ModuleType:
    return importlib.import_module(f"{COLLECTION}.{kind}.{name}")


def run(name: str, capsys: pytest.CaptureFixture[str], *, check: bool = False, **args: Any) -> dict[str, Any]:
    """Return the result; C(failed) tells whether it failed."""
    given = {**args, "_ansible_check_mode": check, "_ansible_remote_tmp": "/tmp"}
    with patch_module_args(given), pytest.raises(SystemExit) as ended:
        load(name).main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert ended.value.code == (1 if result.get("failed") else 0)
    return result


def documentation(name: str) -> dict[str, Any]:
    """The documentation with the options of its fragments."""
    own: dict[str, Any] = yaml.safe_load(load(name).DOCUMENTATION)
    options = dict(own.get("options") or {})
    for fragment in own.get("extends_documentation_fragment", []):
        module = load(fragment.rpartition(".")[2], "doc_fragments")
        options.update(yaml.safe_load(module.ModuleDocFragment.DOCUMENTATION)["options"])
    return {**own, "options": options}


class _SpecSeen(Exception):  # noqa: N818 - it is no error
    pass


def specification(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the module gives to AnsibleModule."""
    seen: dict[str, Any] = {}

    def look(**given: Any) -> None:
        seen.update(given)
        raise _SpecSeen

    monkeypatch.setattr(load(name), "AnsibleModule", look)
    with pytest.raises(_SpecSeen):
        load(name).main()
    return seen
