from __future__ import annotations

import shlex
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory


def inventory(here: str = "n1", play: dict[str, str] | None = None, **hosts: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Variables of a task on one host, and what reads templates in them."""
    all_hosts = {name: {"inventory_hostname": name, **variables} for name, variables in {"n1": {}, "n2": {}, **hosts}.items()}
    templates = {name: trust_as_template(text) for name, text in (play or {}).items()}
    task_vars = {**all_hosts[here], **templates, "hostvars": all_hosts}
    return task_vars, Templar(loader=DataLoader(), variables=task_vars)


@pytest.mark.parametrize(
    ("host", "variables", "probe_from", "url"),
    [
        pytest.param("n2", {}, "controller", "http://n2:8222", id="name-of-the-host"),
        pytest.param("n2", {"ansible_host": "10.0.0.2"}, "controller", "http://10.0.0.2:8222", id="address"),
        pytest.param("n2", {"ansible_host": "fd00::2"}, "controller", "http://[fd00::2]:8222", id="ipv6"),
        pytest.param("n2", {}, "node", "http://127.0.0.1:8222", id="from-the-node"),
        pytest.param("n2", {"ansible_host": "10.0.0.2"}, "node", "http://127.0.0.1:8222", id="from-the-node-with-an-address"),
        pytest.param("n2", {"nats_upgrade_monitor_url": "https://m:1/x"}, "controller", "https://m:1/x", id="given"),
        pytest.param("n2", {"nats_upgrade_monitor_url": "https://m:1/x"}, "node", "https://m:1/x", id="given-from-the-node"),
        pytest.param("n2", {"nats_upgrade_monitor_url": ""}, "controller", "http://n2:8222", id="given-empty"),
    ],
)
def test_where_the_server_of_a_host_is_monitored(host: str, variables: dict[str, Any], probe_from: str, url: str) -> None:
    task_vars, templar = inventory(n2=variables)
    assert _inventory.monitor_url(host, probe_from, task_vars, templar) == url


@pytest.mark.parametrize("host", ["n1", "n2"])
def test_a_variable_that_needs_another_one_which_is_not_set_is_told_by_its_name_and_host(host: str) -> None:
    task_vars, templar = inventory(play={"nats_upgrade_monitor_url": "http://{{ inventory_hostname }}:{{ port }}"})
    with pytest.raises(NatsError) as failed:
        _inventory.monitor_url(host, "controller", task_vars, templar)
    assert str(failed.value).startswith(f"nats_upgrade_monitor_url of {host} needs a variable that is not set (")
    assert "'port' is undefined" in str(failed.value)


@pytest.mark.parametrize("host", ["n1", "n2"])
def test_a_template_of_the_play_is_read_with_the_variables_of_the_host_it_is_for(host: str) -> None:
    play = {"nats_upgrade_monitor_url": "https://{{ inventory_hostname }}.example.org:{{ port }}"}
    task_vars, templar = inventory(play=play, n1={"port": 1}, n2={"port": 2})
    assert _inventory.monitor_url(host, "controller", task_vars, templar) == f"https://{host}.example.org:{host[1]}"


def test_what_the_inventory_says_of_a_host_comes_before_what_the_play_says() -> None:
    task_vars, templar = inventory(play={"nats_upgrade_ca_path": "/play"}, n2={"nats_upgrade_ca_path": "/n2"})
    assert _inventory.host_variable("nats_upgrade_ca_path", "n2", task_vars, templar) == "/n2"
    assert _inventory.host_variable("nats_upgrade_ca_path", "n1", task_vars, templar) == "/play"


def test_what_the_inventory_says_of_this_host_is_not_taken_for_another() -> None:
    task_vars, templar = inventory(n1={"nats_upgrade_monitor_url": "http://only-n1:1"})
    assert _inventory.monitor_url("n1", "controller", task_vars, templar) == "http://only-n1:1"
    assert _inventory.monitor_url("n2", "controller", task_vars, templar) == "http://n2:8222"


def test_a_variable_that_nobody_sets_has_no_value() -> None:
    task_vars, templar = inventory()
    assert _inventory.host_variable("nats_upgrade_ca_path", "n2", task_vars, templar) is None


def test_a_host_that_is_not_in_the_inventory_is_named() -> None:
    task_vars, templar = inventory()
    with pytest.raises(NatsError, match=r"^there is no host n9 in the inventory$"):
        _inventory.monitor_url("n9", "controller", task_vars, templar)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "service=nats-server"),
        ({"nats_upgrade_service_name": "nats@edge"}, "service=nats@edge"),
        ({"nats_upgrade_service": "command", "nats_upgrade_pid_file": "/run/nats.pid"}, "pid_file=/run/nats.pid"),
    ],
)
def test_the_command_that_drains_a_server_names_its_process(variables: dict[str, Any], words: str) -> None:
    task_vars, templar = inventory(n2=variables)
    command = _inventory.drain_command("n2", {**task_vars, "ansible_inventory_sources": ["my hosts.yml"]}, templar)
    assert command == f"ansible n2 -i 'my hosts.yml' -m natsops.cluster.nats_lameduck -a {words}"


def test_one_that_its_supervisor_would_start_again_is_held_first() -> None:
    hold = ["touch", "/run/nats/my hold"]
    task_vars, templar = inventory(
        n2={"nats_upgrade_service": "command", "nats_upgrade_pid_file": "/run/nats.pid", "nats_upgrade_hold_command": hold}
    )
    first, then = _inventory.drain_command("n2", task_vars, templar).split(" && ")
    assert shlex.split(first) == ["ansible", "n2", "-m", "ansible.builtin.command", "-a", "touch '/run/nats/my hold'"]
    assert then == "ansible n2 -m natsops.cluster.nats_lameduck -a pid_file=/run/nats.pid"


def test_what_is_lacking_to_start_a_server_is_named() -> None:
    command = {"nats_upgrade_service": "command", "nats_upgrade_start_command": ["nats-server"]}
    docker = {"nats_upgrade_service": "docker"}
    task_vars, templar = inventory(n2=command, n3={**command, "nats_upgrade_pid_file": "/run/nats.pid"}, n4=docker)
    assert _inventory.not_startable("n1", task_vars, templar) == ""
    assert "nats_upgrade_service is docker" in _inventory.not_startable("n4", task_vars, templar)
    assert "nats_upgrade_pid_file not set for this host" in _inventory.not_startable("n2", task_vars, templar)
    assert _inventory.not_startable("n3", task_vars, templar) == ""


def test_the_variables_of_a_host_are_put_together_once_for_all_looks() -> None:
    class HostVars(dict):  # type: ignore[type-arg]
        looks = 0

        def __getitem__(self, host: str) -> Any:
            self.looks += 1
            return super().__getitem__(host)

    hostvars = HostVars(n1={"inventory_hostname": "n1", "nats_upgrade_monitor_url": "http://n1:1"}, n2={})
    remembered = _inventory.Remembered(hostvars)
    task_vars = {"inventory_hostname": "n1", "hostvars": remembered}
    for _unused in range(3):
        assert _inventory.monitor_url("n1", "controller", task_vars, None) == "http://n1:1"
    assert hostvars.looks == 1
    assert ("n2" in remembered, "n3" in remembered, list(remembered), len(remembered)) == (True, False, ["n1", "n2"], 2)
