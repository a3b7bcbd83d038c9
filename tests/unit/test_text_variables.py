"""Variables of the role that come as text, from a survey of AWX or from -e NAME=VALUE: parsed or refused, never guessed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.unit.modules import ROOT

ROLE = ROOT / "roles" / "nats_upgrade"
OPTIONS: dict[str, dict[str, Any]] = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))[
    "argument_specs"
]["main"]["options"]
VARS = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
TRUTHS, STRUCTURED = VARS["__nats_upgrade_truths"], VARS["__nats_upgrade_structured"]
DEFAULTS = {name: OPTIONS[name].get("default") for name in (*TRUTHS, *STRUCTURED)}


def of_type(*types: str) -> list[str]:
    return sorted(name for name, option in OPTIONS.items() if option["type"] in types)


def trusted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: trusted(one) for name, one in value.items()}
    return trust_as_template(value) if isinstance(value, str) else value


def value_of(private: str, **given: Any) -> Any:
    """What a private variable of the role is when the user has given these."""
    own = {name: trusted(value) for name, value in VARS.items()}
    templar = Templar(loader=DataLoader(), variables={**DEFAULTS, **own, **given})
    return templar.template(own[private])


def test_every_variable_that_is_no_text_is_in_one_of_the_lists() -> None:
    assert sorted(TRUTHS) == of_type("bool")
    elsewhere = {"nats_upgrade_waive", "nats_upgrade_system_account"}  # below; test__over_nats.py
    assert sorted(STRUCTURED) == sorted(set(of_type("list", "dict")) - elsewhere)


@pytest.mark.parametrize("name", of_type("int", "float"))
def test_a_number_is_read_and_what_is_none_is_refused(name: str) -> None:
    validator = ArgumentSpecValidator({name: OPTIONS[name]})
    read = validator.validate({name: "2"})
    assert (read.error_messages, read.validated_parameters[name]) == ([], 2)
    for text in ("two", "", "2 s"):
        assert name in str(validator.validate({name: text}).error_messages), text


@pytest.mark.parametrize("name", of_type("bool"))
def test_a_truth_is_one_to_all_that_read_it_or_is_refused(name: str) -> None:
    for text in ("true", "True", "no", "0", True, False):
        assert value_of("__nats_upgrade_unclear_truths", **{name: text}) == {}, text
    # To a module these are true, and to a condition of Ansible false.
    for text in ("y", "t", " true", "", "maybe"):
        assert value_of("__nats_upgrade_unclear_truths", **{name: text}) == {name: text}, text


@pytest.mark.parametrize("name", STRUCTURED)
def test_a_command_or_a_dictionary_is_not_made_out_of_text(name: str) -> None:
    proper = {"before_node": "/x.yml"} if OPTIONS[name]["type"] == "dict" else ["/usr/bin/supervisorctl", "start", "nats"]
    assert value_of("__nats_upgrade_unclear_text", **{name: proper}) == []
    for text in ("/usr/bin/supervisorctl start nats", '["a", "b"]', "before_node=/x.yml"):
        # Its name and nothing more, for the text may be a password.
        assert value_of("__nats_upgrade_unclear_text", **{name: text}) == [name]


def test_a_secret_that_is_given_as_text_is_not_in_what_is_said() -> None:
    tasks = DataLoader().load_from_file(str(ROLE / "tasks" / "preflight.yml"), trusted_as_template=True)
    (message,) = [task["natsops.cluster.nats_upgrade_event"]["msg"] for task in tasks if "text means one thing" in task["name"]]
    own = {name: trusted(value) for name, value in VARS.items()}
    given = {"nats_upgrade_client_probe": '{"user":"p","password":"s3cret"}', "nats_upgrade_start_command": "run s3cret"}
    said = Templar(loader=DataLoader(), variables={**DEFAULTS, **own, **given, "inventory_hostname": "n1"}).template(message)
    assert "nats_upgrade_client_probe is text, and has to be a dictionary" in said
    assert "nats_upgrade_start_command is text, and has to be a list of words" in said
    assert "s3cret" not in said


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
