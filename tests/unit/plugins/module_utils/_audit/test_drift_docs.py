"""docs/audit.md, the role and the code say the same."""

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.natsops.cluster.plugins.module_utils._audit import fleet as _fleet
from ansible_collections.natsops.cluster.plugins.module_utils._audit import text as _text
from tests.unit.fleets import judged, three
from tests.unit.modules import ROOT, documentation

PAGE = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
DEFAULTS = yaml.safe_load((ROOT / "roles" / "nats_audit" / "defaults" / "main.yml").read_text(encoding="utf-8"))
SPEC = yaml.safe_load((ROOT / "roles" / "nats_audit" / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
OPTIONS = SPEC["argument_specs"]["main"]["options"]


def test_every_finding_has_its_row_with_its_severity() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (fail|warn|note) \| \S.* \| \S.* \|$", PAGE, re.MULTILINE)
    assert dict(rows) == {name: severity for name, (severity, _unused) in _fleet.NAMES.items()}
    assert len(rows) == len(_fleet.NAMES)


@pytest.mark.parametrize("name", _fleet.NAMES)
def test_every_finding_is_made_somewhere(name: str) -> None:
    judges = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "plugins" / "module_utils" / "_audit").glob("*.py"))
    of_target = ("prerelease", "withdrawn_version", "end_of_life")
    assert f'"{name}"' in judges or name in of_target or name.startswith("mismatch_")


def test_the_role_fails_on_what_fails_where_nobody_says_otherwise() -> None:
    assert tuple(DEFAULTS["nats_audit_fail_on"]) == _fleet.FAILING
    words = " ".join(documentation("nats_audit")["options"]["fail_on"]["description"])
    assert tuple(re.findall(r"\bV\((\w+)\)", words)) == _fleet.FAILING


def test_the_defaults_of_the_role_are_those_of_its_arguments_and_every_one_is_in_the_page() -> None:
    assert {name: option.get("default") for name, option in OPTIONS.items()} == DEFAULTS
    assert [name for name in OPTIONS if f"`{name}`" not in PAGE] == []
    assert tuple(OPTIONS["nats_audit_format"]["choices"]) == _text.FORMATS


def test_every_metric_is_in_the_page() -> None:
    text = _text.prometheus(judged(three()), 1.0)
    metrics = re.findall(r"^# TYPE (\w+)", text, re.MULTILINE)
    assert len(metrics) == 8
    assert [metric for metric in metrics if f"`{metric}`" not in PAGE] == []
