"""Actions on real task objects of Ansible; only the node is played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase
from ansible.template import Templar

from tests.unit import modules
from tests.unit.nats import SimulatedServer
from tests.unit.releases import hash_of, release
from tests.unit.servers import free_port


class Host:
    """A host with variables, and a connection that plays the node."""

    def __init__(self, **variables: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        # Where an action runs another module than its own.
        self.modules: list[str | None] = []
        self.copied: list[str] = []
        self.answers: list[dict[str, Any] | Exception] = []
        everyone = {"n1": {"inventory_hostname": "n1", **variables}, "n2": {"inventory_hostname": "n2"}}
        self.task_vars = {**everyone["n1"], "hostvars": everyone}

    def run(self, name: str, *, action: str | None = None, check: bool = False, **args: Any) -> dict[str, Any]:
        plugin = self.action(name, action or name, check, args)
        result: dict[str, Any] = plugin.run(task_vars=self.task_vars)
        return result

    def action(self, name: str, action: str, check: bool, args: dict[str, Any]) -> ActionBase:
        loader = DataLoader()
        task = Task.load({"name": f"Run {name}", "action": {"module": f"natsops.cluster.{name}", **args}, "check_mode": check})
        task.args = args
        templar = Templar(loader=loader, variables=self.task_vars)
        plugin = modules.load(action, "action").ActionModule(task, Connection(), None, loader, templar, None)
        plugin._execute_module = self._execute_module
        plugin._make_tmp_path = lambda: "/node/tmp"
        plugin._transfer_file = lambda local, remote: self.copied.append(remote)
        plugin._fixup_perms2 = lambda paths: None
        return plugin

    def _execute_module(
        self, *, module_args: dict[str, Any], task_vars: dict[str, Any], module_name: str | None = None
    ) -> dict[str, Any]:
        self.asked.append(module_args)
        self.modules.append(module_name)
        answer = self.answers.pop(0) if self.answers else {"changed": False}
        if isinstance(answer, Exception):
            raise answer
        return answer


class Connection:
    """What an action looks at of a connection."""

    transport = "played"
    has_pipelining = True
    has_native_async = False
    always_pipeline_modules = False

    class _shell:  # noqa: N801 - Ansible's name
        tmpdir = "/node/tmp"
        join_path = staticmethod(lambda *parts: "/".join(parts))


ON_NODE = [
    ("nats_config_check", "node_module"),
    ("nats_lameduck", "node_module"),
    ("nats_swap", "node_module"),
    ("nats_binary", "nats_binary"),
]


def test_version_facts_are_read_on_the_controller() -> None:
    with SimulatedServer() as server:
        host = Host(nats_upgrade_monitor_url=server.url)
        result = host.run("nats_version_facts")
    facts = result["ansible_facts"]["nats_version"]
    assert (facts["name"], facts["server_name"], result["changed"]) == ("n1", "n1", False)
    assert host.asked == []


def test_several_hosts_are_read_at_once_by_their_own_addresses() -> None:
    with SimulatedServer() as server:
        host = Host(nats_upgrade_monitor_url=server.url)
        host.task_vars["hostvars"]["n2"]["nats_upgrade_monitor_url"] = f"http://127.0.0.1:{free_port()}"
        first, second = host.run("nats_version_facts", hosts=["n1", "n2"])["ansible_facts"]["nats_version"]["servers"]
    assert (first["name"], first["reachable"], second["name"], second["reachable"]) == ("n1", True, "n2", False)


def test_what_the_task_says_comes_before_what_the_inventory_says() -> None:
    with SimulatedServer() as server:
        host = Host(nats_upgrade_monitor_url="http://n1.invalid:8222", nats_upgrade_probe_from="node")
        result = host.run("nats_version_facts", monitor_url=server.url, probe_from="controller")
    assert not result.get("failed")
    assert host.asked == []


@pytest.mark.parametrize("name", ["nats_version_facts", "nats_health_wait"])
def test_from_the_node_the_module_runs_there_with_its_address_there(name: str) -> None:
    host = Host(nats_upgrade_probe_from="node", nats_upgrade_validate_certs=False, nats_upgrade_ca_path="/ca.pem")
    host.answers = [{"changed": False, "back": True}]
    assert host.run(name)["back"]
    (args,) = host.asked
    assert (args["monitor_url"], args["validate_certs"], args["ca_path"]) == ("http://127.0.0.1:8222", False, "/ca.pem")
    assert None not in args.values()


def test_several_hosts_cannot_be_read_from_one_node() -> None:
    result = Host().run("nats_health_wait", hosts=["n1", "n2"], probe_from="node")
    assert (result["failed"], result["msg"].startswith("hosts are read from the controller")) == (True, True)


@pytest.mark.parametrize("value", [False, "false", "no"])
def test_certificates_are_not_checked_where_the_inventory_says_so(value: Any) -> None:
    host = Host(nats_upgrade_validate_certs=value)
    plugin = host.action("nats_version_facts", "nats_version_facts", False, {})
    assert plugin.arguments(host.task_vars)["validate_certs"] is False
    assert plugin.arguments(Host().task_vars)["validate_certs"] is True


def test_a_health_wait_in_check_mode_looks_once_and_does_not_fail() -> None:
    result = Host(nats_upgrade_monitor_url=f"http://127.0.0.1:{free_port()}").run("nats_health_wait", check=True)
    assert not result.get("failed")
    assert (result["back"], result["polls"], result["missing"]) == (False, 1, {"n1": ["reachable: connection refused"]})


def test_a_health_wait_that_fails_has_its_data_in_the_result() -> None:
    host = Host(nats_upgrade_monitor_url=f"http://127.0.0.1:{free_port()}")
    result = host.run("nats_health_wait", timeout_seconds=0)
    assert (result["failed"], result["missing"]) == (True, {"n1": ["reachable: connection refused"]})


def test_an_archive_is_fetched_to_the_controller(tmp_path: Path) -> None:
    archive = release(tmp_path)
    host = Host()
    result = host.run("nats_archive", url=f"file://{archive}", sha256=hash_of(archive), dest=str(tmp_path / "kept"))
    assert result["changed"]
    assert host.asked == []
    assert host.run("nats_archive", url=f"file://{archive}", dest="/x")["refusal"] == "no_hash"


def test_an_archive_is_copied_to_the_node_and_the_module_gets_its_place_there(tmp_path: Path) -> None:
    archive = release(tmp_path)
    host = Host()
    host.answers = [{"changed": True}]
    assert host.run("nats_binary", state="staged", archive=str(archive))["changed"]
    assert host.copied == [f"/node/tmp/{archive.name}"]
    assert host.asked == [{"state": "staged", "archive": f"/node/tmp/{archive.name}"}]


def test_without_an_archive_nothing_is_copied() -> None:
    host = Host()
    host.answers = [{"changed": False}]
    assert not host.run("nats_binary", state="active")["changed"]
    assert (host.asked, host.copied) == ([{"state": "active"}], [])


def test_an_archive_that_is_not_on_the_controller_is_named() -> None:
    host = Host()
    assert host.run("nats_binary", archive="/no/such.tar.gz")["msg"] == "there is no archive /no/such.tar.gz on the controller"


@pytest.mark.parametrize(("name", "action"), ON_NODE)
def test_a_module_on_the_node_gets_its_options_and_gives_its_result(name: str, action: str) -> None:
    host = Host()
    host.answers = [{"changed": True, "msg": "done"}]
    result = host.run(name, action=action, pid=7)
    assert (result["changed"], result["msg"], host.asked) == (True, "done", [{"pid": 7}])


@pytest.mark.parametrize(("name", "action"), ON_NODE)
def test_a_node_that_is_lost_is_a_failure_that_says_in_which_step(name: str, action: str) -> None:
    host = Host()
    host.answers = [AnsibleConnectionFailure("no route to host")]
    result = host.run(name, action=action)
    assert (result["failed"], result["lost_host"], result.get("unreachable", False)) == (True, "n1", False)
    assert result["msg"].startswith(f"n1 was lost in the step 'Run {name}': it cannot be reached (no route to host). ")


def test_a_node_that_is_lost_while_ansible_tidies_up_is_not_unreachable_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise AnsibleConnectionFailure("no route to host")

    monkeypatch.setattr(ActionBase, "cleanup", lost)
    Host().action("nats_lameduck", "node_module", False, {}).cleanup()


def test_a_node_that_is_lost_during_the_copy_is_a_failure_too(tmp_path: Path) -> None:
    archive = release(tmp_path)
    host = Host()
    plugin = host.action("nats_binary", "nats_binary", False, {"archive": str(archive)})

    def lost(*_: object) -> None:
        raise AnsibleConnectionFailure("broken pipe")

    plugin._transfer_file = lost
    result = plugin.run(task_vars=host.task_vars)
    assert (result["failed"], result["msg"]) == (True, f"n1 was lost while {archive} was copied to it: broken pipe")


def test_an_option_that_there_is_not_is_an_error_of_ansible() -> None:
    with pytest.raises(Exception, match="timeout_minutes"):
        Host().run("nats_health_wait", timeout_minutes=5)
