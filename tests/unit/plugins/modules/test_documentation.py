"""Documentation and code say the same."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.natsops.cluster.plugins.module_utils._node import keys as _keys
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import NatsAction
from tests.unit.modules import NAMES, ROOT, documentation, load, specification

every_module = pytest.mark.parametrize("name", NAMES)


def options_of(spec: dict[str, Any]) -> dict[str, Any]:
    """What a specification says of each option, in the words of documentation."""
    return {
        name: {
            "type": option.get("type", "str"),
            "elements": option.get("elements"),
            "default": option.get("default"),
            "choices": option.get("choices"),
            "required": option.get("required", False),
            "suboptions": options_of(option.get("options") or {}),
        }
        for name, option in spec.items()
    }


def described(options: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {**options_of({name: option})[name], "suboptions": described(option.get("suboptions") or {})}
        for name, option in options.items()
    }


def test_there_are_modules() -> None:
    assert len(NAMES) >= 11


@every_module
def test_the_documented_options_are_those_of_the_code(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert described(documentation(name)["options"]) == options_of(specification(name, monkeypatch)["argument_spec"])


@every_module
def test_every_option_is_described(name: str) -> None:
    def undescribed(options: dict[str, Any]) -> list[str]:
        own = [option for option, words in options.items() if not words.get("description")]
        return own + [inner for words in options.values() for inner in undescribed(words.get("suboptions") or {})]

    assert undescribed(documentation(name)["options"]) == []


@every_module
def test_every_module_says_what_it_returns_and_shows_how_it_is_used(name: str) -> None:
    module = load(name)
    returned = yaml.safe_load(module.RETURN)
    assert returned
    assert all({"description", "type", "returned"} <= set(value) for value in returned.values())
    tasks = yaml.safe_load(module.EXAMPLES)
    assert all(f"natsops.cluster.{name}" in task for task in tasks)
    known = set(documentation(name)["options"])
    assert all(set(task[f"natsops.cluster.{name}"] or {}) <= known for task in tasks)


@every_module
def test_every_module_documents_itself_and_its_support_of_check_mode(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    documented = documentation(name)
    assert documented["module"] == name
    assert "natsops.cluster._attributes" in documented["extends_documentation_fragment"]
    assert specification(name, monkeypatch)["supports_check_mode"] is True


def test_every_module_is_in_the_action_group() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert runtime["action_groups"]["nats"] == NAMES


def test_every_module_that_works_on_a_node_has_an_action_that_survives_the_loss_of_the_node() -> None:
    actions = {path.stem: load(path.stem, "action").ActionModule for path in (ROOT / "plugins" / "action").glob("*.py")}
    assert set(actions) == set(NAMES)
    assert [name for name, action in actions.items() if not issubclass(action, NatsAction)] == []


def test_what_every_fact_of_a_node_has_to_be_is_known() -> None:
    documented = yaml.safe_load(load("nats_node_facts").RETURN)["ansible_facts"]["contains"]["nats_node"]["contains"]
    assert set(_keys.KEYS) - {"config_digest"} == set(documented)


def test_a_password_is_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    assert specification("nats_archive", monkeypatch)["argument_spec"]["password"]["no_log"] is True
    account = specification("nats_health_wait", monkeypatch)["argument_spec"]["system_account"]["options"]
    assert account["password"]["no_log"] is True
    assert role_options()["nats_upgrade_system_account"]["options"]["password"]["no_log"] is True


def defaults() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "roles" / "nats_upgrade" / "defaults" / "main.yml").read_text(encoding="utf-8")) or {}


def role_options() -> dict[str, Any]:
    specs = yaml.safe_load((ROOT / "roles" / "nats_upgrade" / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    return specs["argument_specs"]["main"]["options"]


# They have no default in the role: the first is required, the others are derived for each host.
WITHOUT_DEFAULT = {"nats_upgrade_version", "nats_upgrade_monitor_url", "nats_upgrade_server_name", "nats_upgrade_ca_path"}


def test_every_default_of_the_role_is_specified_and_the_other_way_round() -> None:
    assert set(defaults()) - set(role_options()) == set()
    assert set(role_options()) - set(defaults()) <= WITHOUT_DEFAULT


@pytest.mark.parametrize("name", sorted(set(role_options()) - WITHOUT_DEFAULT))
def test_a_default_that_is_specified_is_the_one_of_the_role(name: str) -> None:
    value, option = defaults()[name], role_options()[name]
    if "default" in option:
        assert value == option["default"]
    else:
        assert "{{" in str(value), "only what is worked out may be left out of the specification"
    assert value in option.get("choices", [value])
