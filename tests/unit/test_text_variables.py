"""Variables of the role that come as text, from a survey of AWX or from -e NAME=VALUE: parsed or refused, never guessed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.natsops.cluster.plugins.plugin_utils._variables.table import ALL
from tests.unit.modules import ROOT

ROLE = ROOT / "roles" / "nats_upgrade"
OPTIONS: dict[str, dict[str, Any]] = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))[
    "argument_specs"
]["main"]["options"]
VARS = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))


def said(name: str, value: Any) -> list[tuple[str, str]]:
    return list(ALL[name].kind.wrong(name, value))


def of_type(*types: str) -> list[str]:
    return sorted(name for name, option in OPTIONS.items() if option["type"] in types)


def trusted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: trusted(one) for name, one in value.items()}
    return trust_as_template(value) if isinstance(value, str) else value


def value_of(private: str, **given: Any) -> Any:
    """What a private variable of the role is when the user has given these."""
    own = {name: trusted(value) for name, value in VARS.items()}
    templar = Templar(loader=DataLoader(), variables={**own, **given})
    return templar.template(own[private])


@pytest.mark.parametrize("name", of_type("int", "float"))
def test_a_number_is_read_by_all_and_what_is_none_is_refused_first(name: str) -> None:
    validator = ArgumentSpecValidator({name: OPTIONS[name]})
    read = validator.validate({name: "20"})
    assert (read.error_messages, read.validated_parameters[name], said(name, "20")) == ([], 20, [])
    for text in ("two", "2 s", "5m"):
        assert len(said(name, text)) == 1, text


@pytest.mark.parametrize("name", of_type("bool"))
def test_a_truth_is_one_to_all_that_read_it_or_is_refused(name: str) -> None:
    for given in ("true", "True", "no", "0", True, False):
        assert said(name, given) == [], given
    # To a module these are true, and to a condition of Ansible false.
    for text in ("y", "t", " true", "", "maybe"):
        assert said(name, text) == [(name, f"{text!r} is neither true nor false")], text


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(["two_node_cluster", "r1_assets"], id="list"),
        pytest.param("two_node_cluster,r1_assets", id="commas"),
        pytest.param(" two_node_cluster , r1_assets ", id="commas-and-blanks"),
        pytest.param("two_node_cluster\r\nr1_assets\n\n", id="lines"),
        pytest.param('["two_node_cluster", "r1_assets"]', id="json"),
    ],
)
def test_waivers_are_names_however_they_are_given(given: Any) -> None:
    assert value_of("__nats_upgrade_waive", nats_upgrade_waive=given) == ["two_node_cluster", "r1_assets"]


def test_no_waiver_is_an_empty_text_too_and_what_is_no_name_stays_to_be_refused() -> None:
    assert value_of("__nats_upgrade_waive", nats_upgrade_waive="") == []
    assert value_of("__nats_upgrade_waive", nats_upgrade_waive="r1_assets; all") == ["r1_assets;", "all"]


def test_all_that_is_accepted_is_taken_from_the_list() -> None:
    tasks = {path: path.read_text(encoding="utf-8") for path in (ROLE / "tasks").rglob("*.yml")}
    assert [path.name for path, text in tasks.items() if "{{ nats_upgrade_waive" in text] == []
