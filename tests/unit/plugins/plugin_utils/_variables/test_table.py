"""The one table of variables, and the files of the roles that are made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.natsops.cluster.plugins.plugin_utils._variables import table as _table
from ansible_collections.natsops.cluster.plugins.plugin_utils._variables.kinds import Kind, Mapped, Number
from tests.lint import variables as _variables
from tests.unit.modules import ROOT

ROLES = {"nats_upgrade": _table.UPGRADE, "nats_audit": _table.AUDIT}
EACH = [pytest.param(role, name, id=name) for role, of_role in ROLES.items() for name in of_role]


def read(role: str, file: str) -> Any:
    return yaml.safe_load((ROOT / "roles" / role / file).read_text(encoding="utf-8"))


SPECS = {role: read(role, "meta/argument_specs.yml")["argument_specs"] for role in ROLES}
DEFAULTS = {role: read(role, "defaults/main.yml") for role in ROLES}


@pytest.mark.parametrize("role", ROLES)
def test_the_variables_are_those_of_the_role_and_of_each_of_its_entry_points(role: str) -> None:
    assert {entry: set(spec["options"]) for entry, spec in SPECS[role].items()} == {
        entry: set(ROLES[role]) for entry in SPECS[role]
    }
    assert set(DEFAULTS[role]) <= set(ROLES[role])


@pytest.mark.parametrize(("role", "name"), EACH)
def test_a_variable_has_the_type_the_choices_and_the_default_that_the_role_says(role: str, name: str) -> None:
    variable, option = ROLES[role][name], SPECS[role]["main"]["options"][name]
    assert (option["type"], tuple(option.get("choices", ()))) == (variable.kind.type, variable.kind.choices)
    if variable.default is _table.NONE:
        assert "default" not in option
        assert name not in DEFAULTS[role]
    elif variable.default is _table.DERIVED:
        assert "default" not in option
        assert "{{" in DEFAULTS[role][name]
    else:
        assert option["default"] == DEFAULTS[role][name] == variable.default


@pytest.mark.parametrize("path", _variables.files(), ids=lambda path: "/".join(path.parts[-3:]))
def test_the_files_of_a_role_are_as_they_are_made(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == _variables.files()[path], "make variables writes them anew"


@pytest.mark.parametrize("role", _variables.ROLES, ids=lambda role: role.name)
def test_something_is_said_of_each_variable_and_of_no_other(role: _variables.Role) -> None:
    assert {name.partition(".")[0] for name in role.texts} == set(role.table)
    assert all(text and all(text) for text in role.texts.values())
    assert set(role.heads) <= set(role.table)
    assert set(role.worked_out) == {name for name, one in role.table.items() if one.default is _table.DERIVED}


@pytest.mark.parametrize(("role", "name"), EACH)
def test_a_default_is_right(role: str, name: str) -> None:
    variable = ROLES[role][name]
    if variable.default not in (_table.DERIVED, _table.NONE):
        assert list(variable.kind.wrong(name, variable.default)) == []


@pytest.mark.parametrize(("role", "name"), EACH)
def test_a_name_says_its_unit(role: str, name: str) -> None:
    kind = ROLES[role][name].kind
    assert name.endswith("_seconds") == (isinstance(kind, Number) and kind.unit == "seconds")
    assert name.endswith("_percent") == (isinstance(kind, Number) and kind.unit == "percent")


def keys(kind: Kind) -> dict[str, Any]:
    return {key: keys(one) for key, one in kind.keys.items()} if isinstance(kind, Mapped) else {}


def documented(option: dict[str, Any]) -> dict[str, Any]:
    return {key: documented(one) for key, one in option.get("options", {}).items()}


@pytest.mark.parametrize("name", ["nats_upgrade_system_account", "nats_upgrade_client_probe"])
def test_the_keys_of_a_dictionary_are_those_that_are_documented(name: str) -> None:
    said = documented(SPECS["nats_upgrade"]["main"]["options"][name])
    known = keys(_table.ALL[name].kind)
    assert {key: sorted(inner) for key, inner in said.items() if inner} in ({}, {"tls": ["ca", "cert", "key", "verify"]})
    assert set(said) == set(known)


def test_the_audit_takes_what_says_how_servers_are_read_and_found() -> None:
    role = (ROOT / "roles" / "nats_audit" / "tasks").glob("*.yml")
    texts = "".join(path.read_text(encoding="utf-8") for path in role)
    used = {name for name in _table.UPGRADE if f"{name} " in texts}
    assert len(used) > 5
    assert used <= set(_table.of_role("nats_audit"))


def test_facts_that_a_run_leaves_are_no_unknown_variables() -> None:
    assert not _table.GIVEN & set(_table.ALL)


def test_what_a_survey_of_awx_gives_by_default_is_right() -> None:
    surveys = yaml.safe_load((ROOT / "playbooks" / "awx" / "vars" / "surveys.yml").read_text(encoding="utf-8"))
    questions = [question for question in _questions(surveys) if question["variable"] in _table.ALL]
    assert len(questions) > 3
    wrong = [
        problem
        for question in questions
        if "{{" not in str(question.get("default"))
        for problem in _table.ALL[question["variable"]].kind.wrong(question["variable"], question.get("default", ""))
    ]
    assert wrong == []


def _questions(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value] if "variable" in value else [one for inner in value.values() for one in _questions(inner)]
    return [one for inner in value for one in _questions(inner)] if isinstance(value, list) else []
