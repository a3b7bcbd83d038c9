"""The action that checks every variable for every host, on real templates of Ansible."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar, trust_as_template
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.natsops.cluster.plugins.plugin_utils._variables import check as _check
from tests.unit import modules
from tests.unit.plugins.action.test_actions import Connection

ROLE = modules.ROOT / "roles" / "nats_upgrade"
DEFAULTS = DataLoader().load_from_file(str(ROLE / "defaults" / "main.yml"), trusted_as_template=True)
GROUPS = {"nats": ["n1", "n2", "n3"]}


def trusted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: trusted(one) for name, one in value.items()}
    if isinstance(value, list):
        return [trusted(one) for one in value]
    return trust_as_template(value) if isinstance(value, str) else value


class Inventory:
    """A group of three hosts with variables; C(play) are those of a play, or defaults of the role."""

    def __init__(
        self, everywhere: dict[str, Any] | None = None, play: dict[str, Any] | None = None, **hosts: dict[str, Any]
    ) -> None:
        names = list(dict.fromkeys([*GROUPS["nats"], *hosts]))
        self.hosts = {name: trusted({"inventory_hostname": name, **(everywhere or {}), **hosts.get(name, {})}) for name in names}
        self.play, self.groups = trusted(play or {}), dict(GROUPS)

    def run(self, **args: Any) -> dict[str, Any]:
        task_vars = {**self.hosts["n1"], **self.play, "hostvars": self.hosts, "groups": self.groups}
        task = Task.load({"name": "Check every variable", "action": {"module": "natsops.cluster.nats_variables"}})
        task.args = args
        loader = DataLoader()
        templar = Templar(loader=loader, variables=task_vars)
        action = modules.load("nats_variables", "action").ActionModule(task, Connection(), None, loader, templar, None)
        result: dict[str, Any] = action.run(task_vars=task_vars)
        return result

    def refused(self, **args: Any) -> str:
        result = self.run(**args)
        assert (result.get("failed"), result.get("refusal")) == (True, "variables")
        assert "Nothing was touched." in result["msg"]
        return str(result["msg"])


def test_what_is_right_on_all_hosts_passes() -> None:
    right = Inventory(
        {"nats_upgrade_version": "2.15.1", "nats_upgrade_soak_seconds": "{{ 5 * 2 }}", "port": 8222},
        n2={"nats_upgrade_monitor_url": "http://{{ inventory_hostname }}:{{ port }}"},
    )
    assert right.run(wants_version=True) == {"changed": False, "checked": ["n1", "n2", "n3"]}


def test_one_mistake_is_one_line_whichever_hosts_share_it() -> None:
    assert Inventory({"nats_upgrade_health_timeout_seconds": "5m"}).refused() == (
        "refused: nats_upgrade_health_timeout_seconds: '5m' is not a number of seconds; in seconds: 300. Nothing was touched."
    )


def test_all_mistakes_come_at_once_each_on_its_line_with_the_hosts_where_it_is() -> None:
    lines = (
        Inventory(
            {"nats_upgrade_soak_seconds": -5, "nats_upgrade_hooks": "/x.yml"},
            n2={"nats_upgrade_probe_from": "nod"},
            n3={"nats_upgrade_probe_from": "nod"},
        )
        .refused()
        .splitlines()
    )
    assert lines == [
        "refused: 3 variables are wrong. Nothing was touched.",
        "  nats_upgrade_soak_seconds: -5 is out of bounds; it has to be from 0 to 604800 seconds",
        "  nats_upgrade_hooks is text, and has to be a dictionary: as an extra variable give it as JSON, "
        '-e \'{"nats_upgrade_hooks": {"before_node": "FILE"}}\'',
        "  nats_upgrade_probe_from of n2, n3: 'nod' is none of controller, node (did you mean node?)",
    ]


@pytest.mark.parametrize("value", ["http://127.0.0.1:{{ monport }}", "{{ monurl }}"])
def test_a_value_with_an_undefined_variable_is_told_by_its_own_name_and_host(value: str) -> None:
    message = Inventory(n2={"nats_upgrade_monitor_url": value}).refused()
    assert message.startswith("refused: nats_upgrade_monitor_url of n2 needs a variable that is not set ('mon")
    assert "is undefined): set that, or give nats_upgrade_monitor_url another value" in message


def test_an_undefined_variable_deep_in_a_list_or_a_dictionary_is_found_too() -> None:
    message = Inventory(
        n3={"nats_upgrade_start_command": ["/n", "{{ nothere }}"], "nats_upgrade_client_probe": {"user": "{{ nobody }}"}}
    ).refused()
    assert "nats_upgrade_start_command of n3 needs a variable that is not set ('nothere' is undefined)" in message
    assert "nats_upgrade_client_probe of n3 needs a variable that is not set ('nobody' is undefined)" in message


@pytest.mark.parametrize("name", ["nats_upgrade_soak_second", "nats_upgrade_soak_secs", "nats_upgrade_soack_seconds"])
def test_a_variable_that_does_not_exist_is_refused_with_the_one_that_was_meant(name: str) -> None:
    message = Inventory({name: 60}).refused()
    assert (
        message == f"refused: {name}: there is no such variable (did you mean nats_upgrade_soak_seconds?). Nothing was touched."
    )


def test_a_version_under_a_wrong_name_is_told_with_what_is_missing() -> None:
    message = Inventory({"nats_upgrade_versoin": "2.15.1"}).refused(wants_version=True)
    assert "nats_upgrade_versoin: there is no such variable (did you mean nats_upgrade_version?)" in message
    assert "nats_upgrade_version is not set, and has to be an exact version" in message


def test_a_variable_of_ones_own_is_a_warning_that_it_has_no_effect() -> None:
    result = Inventory(n2={"nats_upgrade_our_mirror": "m"}).run()
    assert not result.get("failed")
    assert result["warnings"] == [
        "nats_upgrade_our_mirror of n2: there is no such variable of natsops.cluster, and it has no effect"
    ]


def test_a_variable_of_ones_own_that_makes_up_one_of_ours_is_neither() -> None:
    own = {"nats_upgrade_versions": {"prod": "2.15.1"}, "nats_upgrade_version": "{{ nats_upgrade_versions.prod }}"}
    assert "warnings" not in Inventory(own).run(wants_version=True)


def test_facts_that_an_earlier_run_left_and_our_private_names_are_no_mistakes() -> None:
    left = {"nats_upgrade_plan": {}, "nats_upgrade_status": {}, "nats_upgrade_summary": {}, "__nats_upgrade_began": {}}
    assert "warnings" not in Inventory(left).run()


def test_what_needs_the_architecture_of_a_node_waits_for_it_and_is_checked_nevertheless() -> None:
    by_arch = "{{ {'arm64': 'a' * 64}[nats_upgrade_arch] }}"
    defaults = {"nats_upgrade_arch": ""}
    assert Inventory({"nats_upgrade_archive_sha256": by_arch}, play=defaults).run().get("failed") is None
    wrong = Inventory({"nats_upgrade_archive_sha256": "{{ {'arm64': 'abc'}[nats_upgrade_arch] }}"}, play=defaults)
    assert "nats_upgrade_archive_sha256: 'abc' is not a SHA-256" in wrong.refused()


def test_what_a_play_says_counts_for_every_host_and_beats_the_inventory() -> None:
    assert "nats_upgrade_soak_seconds: 'x' is not" in Inventory(play={"nats_upgrade_soak_seconds": "x"}).refused()
    beaten = Inventory({"nats_upgrade_soak_seconds": "x"}, play={"nats_upgrade_soak_seconds": 5})
    assert beaten.run().get("failed") is None


def test_a_host_with_a_value_of_its_own_is_not_judged_by_the_default_of_the_role() -> None:
    default = {"nats_upgrade_monitor_url": "http://{{ nothere }}"}
    hosts = {name: {"nats_upgrade_monitor_url": "http://m:1"} for name in ("n2", "n3")}
    message = Inventory(play=default, **hosts).refused()
    assert message.startswith("refused: nats_upgrade_monitor_url of n1 needs a variable")


def test_omit_is_no_value_of_a_variable() -> None:
    message = Inventory(n2={"nats_upgrade_ca_path": "{{ nothere | default(omit) }}", "omit": "__omit_place_holder__1"}).refused()
    assert "nats_upgrade_ca_path of n2 is omit, which means something in the options of a task only" in message


def test_temporary_servers_are_checked_too_and_no_host_beside() -> None:
    wrong = {"nats_upgrade_soak_seconds": "x"}
    inventory = Inventory(s1=wrong, w1=wrong)
    inventory.groups["nats_surge"] = ["s1"]
    assert inventory.refused().startswith("refused: nats_upgrade_soak_seconds of s1: ")


def test_a_restart_wants_no_version() -> None:
    assert Inventory(play={"nats_upgrade_mode": "restart"}).run(wants_version=True).get("failed") is None


def test_the_audit_takes_no_notice_of_values_that_it_does_not_use() -> None:
    inventory = Inventory({"nats_upgrade_soak_seconds": "x", "nats_audit_active_seconds": "1h"})
    assert inventory.refused(role="nats_audit") == (
        "refused: nats_audit_active_seconds: '1h' is not a number of seconds; in seconds: 3600. Nothing was touched."
    )


def test_what_a_vault_is_asked_for_is_asked_for_once_for_all_hosts(tmp_path: Any) -> None:
    asked = tmp_path / "asked"
    password = f"{{{{ lookup('pipe', 'echo x | tee -a {asked}') }}}}"
    assert Inventory({"nats_upgrade_archive_password": password}).run().get("failed") is None
    assert asked.read_text(encoding="utf-8") == "x\n"


def test_no_secret_is_shown_in_what_is_said() -> None:
    given = {"nats_upgrade_client_probe": '{"password": "s3cret"}', "nats_upgrade_archive_password": ["s3cret"]}
    message = Inventory(given).refused()
    assert "nats_upgrade_client_probe is text" in message
    assert "nats_upgrade_archive_password is a list" in message
    assert "s3cret" not in message


@pytest.mark.parametrize("path", sorted((modules.ROOT / "docs" / "inventories").glob("*.yml")), ids=lambda path: path.stem)
def test_every_inventory_of_the_documentation_passes(path: Path) -> None:
    loader = DataLoader()
    inventory = InventoryManager(loader, [str(path)])
    manager = VariableManager(loader, inventory)
    # What stands in a vault beside the inventory, or is given with -e.
    manager._extra_vars = dict.fromkeys(re.findall(r"\b(?:vault|nats_probe)_\w+", path.read_text(encoding="utf-8")), "s3cret")
    groups = {name: [host.name for host in group.get_hosts()] for name, group in inventory.groups.items()}
    here = manager.get_vars(host=inventory.get_host(groups["nats"][0]))
    # Lookups of Ansible have names of a collection that is not to be had here.
    defaults = {**DEFAULTS, "nats_upgrade_download_dir": "/var/cache"}
    task_vars = {**defaults, **here, "hostvars": HostVars(inventory, manager, loader), "groups": groups}
    found = _check.of_group("nats_upgrade", task_vars, Templar(loader=loader, variables=task_vars))
    assert set(groups["nats"]) <= set(found.hosts)
    assert (found.lines(found.wrong), found.lines(found.odd)) == ([], [])
