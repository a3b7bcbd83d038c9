"""Actions on real task objects of Ansible; only the node is played."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
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

    def run(self, name: str, *, check: bool = False, **args: Any) -> dict[str, Any]:
        plugin = self.action(name, check, args)
        result: dict[str, Any] = plugin.run(task_vars=self.task_vars)
        return result

    def action(self, name: str, check: bool, args: dict[str, Any]) -> ActionBase:
        loader = DataLoader()
        task = Task.load({"name": f"Run {name}", "action": {"module": f"natsops.cluster.{name}", **args}, "check_mode": check})
        task.args = args
        templar = Templar(loader=loader, variables=self.task_vars)
        plugin = modules.load(name, "action").ActionModule(task, Connection(), None, loader, templar, None)
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
        if not self.answers:
            return {"changed": False}
        answer = self.answers.pop(0)
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


ON_NODE = ["nats_config_check", "nats_lameduck", "nats_swap", "nats_binary"]


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


def test_version_facts_come_with_what_is_to_be_said_of_the_version(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yml"
    rule = "{id: OURS, versions: '==2.15.1', severity: refuse, why: it is too new for us, source: ours}"
    policy.write_text(f"bad_releases: [{rule}]", encoding="utf-8")
    with SimulatedServer() as server:
        one = Host(nats_upgrade_monitor_url=server.url, nats_upgrade_policy_file=str(policy)).run("nats_version_facts")
        several = Host(nats_upgrade_monitor_url=server.url).run("nats_version_facts", hosts=["n1"])
    assert [(finding["name"], finding["severity"]) for finding in one["drift"]["findings"]] == [
        ("bad_release", "fail"),
        ("patch_available", "note"),
    ]
    assert "n1 runs 2.15.1: it is too new for us." in one["drift"]["findings"][0]["message"]
    assert several["drift"]["failed"] == []


def test_the_version_is_judged_on_the_controller_where_it_is_read_on_the_node() -> None:
    host = Host(nats_upgrade_probe_from="node")
    with SimulatedServer() as server:
        facts = Host(nats_upgrade_monitor_url=server.url).run("nats_version_facts")["ansible_facts"]
    host.answers = [{"changed": False, "ansible_facts": facts}]
    assert host.run("nats_version_facts")["drift"]["summary"]["versions"] == {"2.15.1": 1}
    host.answers = [{"failed": True, "msg": "cannot be read"}]
    assert "drift" not in host.run("nats_version_facts")


def test_facts_of_a_node_carry_the_name_of_the_host_that_they_were_read_on() -> None:
    host = Host()
    host.run("nats_node_facts", pid=1)
    delegated = host.action("nats_node_facts", False, {"pid": 1})
    delegated._task.delegate_to = "n2"
    delegated.run(task_vars=host.task_vars)
    assert [asked["host"] for asked in host.asked] == ["n1", "n2"]


@pytest.mark.parametrize(("delegate_to", "run_once", "kept"), [("n2", False, False), (None, True, False), (None, False, True)])
def test_facts_that_are_not_the_host_s_own_are_not_given_to_it(delegate_to: str | None, run_once: bool, kept: bool) -> None:
    """Ansible adds which Python it has found on the node, and gives that to the hosts of the task."""
    host = Host()
    host.answers = [{"changed": False, "ansible_facts": {"discovered_interpreter_python": "/usr/bin/python3.9"}}]
    action = host.action("nats_lock", False, {"state": "read"})
    action._task.delegate_to, action._task.run_once = delegate_to, run_once
    assert ("ansible_facts" in action.run(task_vars=host.task_vars)) is kept


def audit(host: Host, *, check: bool = False, **args: Any) -> dict[str, Any]:
    return host.run("nats_audit", check=check, hosts=["n1", "n2"], **args)


def test_a_fleet_is_audited_by_its_own_addresses_and_names() -> None:
    with SimulatedServer() as server:
        host = Host(nats_upgrade_monitor_url=server.url, nats_upgrade_server_name="n1")
        host.task_vars["hostvars"]["n2"]["nats_upgrade_monitor_url"] = f"http://127.0.0.1:{free_port()}"
        host.task_vars["hostvars"]["n3"] = {"inventory_hostname": "n3"}
        result = audit(host, expected=["n3"])
    assert result["changed"] is False
    assert result["audit"]["failed"] == ["silent_server"]
    assert result["failure"].startswith("1 finding of this audit fails it: silent_server: n2.")
    assert result["lines"][0].startswith("1 of 2 hosts answer, 1 cluster, 1 version | 1 fail")
    assert "" not in result["lines"]


def test_the_file_of_an_audit_is_replaced_in_one_step_and_not_touched_in_check_mode(tmp_path: Path) -> None:
    output = tmp_path / "nats.prom"
    output.write_text("old\n", encoding="utf-8")
    output.chmod(0o600)
    old = output.stat().st_ino
    host = Host(nats_upgrade_monitor_url=f"http://127.0.0.1:{free_port()}")
    checked = audit(host, check=True, output=str(output), format="prometheus")
    assert (output.read_text(encoding="utf-8"), checked["lines"][-1]) == (
        "old\n",
        f"prometheus not written to {output}: check mode",
    )
    done = audit(host, output=str(output), format="prometheus")
    assert output.read_text(encoding="utf-8").startswith("# HELP nats_audit_")
    assert (output.stat().st_mode & 0o777, output.stat().st_ino != old) == (0o644, True)
    assert (os.listdir(tmp_path), done["changed"]) == (["nats.prom"], False)
    assert done["lines"][-1] == f"prometheus written to {output}"
    assert done["lines"][0].startswith("0 of 2 hosts answer")
    assert done["audit"] == {**checked["audit"], "at": done["audit"]["at"]}


def test_an_audit_that_cannot_be_written_leaves_nothing_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is one in which every file is read: of what is left there, too."""
    host = Host(nats_upgrade_monitor_url=f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr(
        os, "replace", lambda *_unused: (_unused for _unused in ()).throw(UnicodeError("of no kind that is expected"))
    )
    with pytest.raises(UnicodeError):
        audit(host, output=str(tmp_path / "nats.prom"), format="prometheus")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("form", ["table", "json", "prometheus"])
def test_a_name_that_cannot_be_encoded_is_no_reason_to_write_nothing(tmp_path: Path, form: str) -> None:
    with SimulatedServer() as server:
        server.answers["/varz"]["body"]["server_name"] = "n\ud800"
        host = Host(nats_upgrade_monitor_url=server.url)
        done = audit(host, output=str(tmp_path / "audit"), format=form)
    assert not done.get("failed")
    assert json.dumps(done, ensure_ascii=False).encode()
    told = (tmp_path / "audit").read_text(encoding="utf-8")
    assert form == "table" or "n\\\\ud800" in told


def test_without_a_file_the_task_shows_what_it_would_hold() -> None:
    host = Host(nats_upgrade_monitor_url=f"http://127.0.0.1:{free_port()}")
    assert json.loads("\n".join(audit(host, format="json")["lines"]))["summary"]["answered"] == 0
    assert audit(host, format="prometheus")["lines"][0].startswith("# HELP ")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"fail_on": ["silent_servers"]}, "did you mean silent_server?"),
        ({"max_mismatch_seconds": -1}, "nats_audit_max_mismatch_seconds and nats_audit_active_seconds have to be 0 or more"),
        ({"output": "/no/such/folder/file"}, "nats_audit_output: /no/such/folder is no folder on the controller"),
        ({"max_mismatch_seconds": "soon"}, "max_mismatch_seconds"),
        ({"format": "yaml"}, "value of format must be one of: table, json, prometheus"),
    ],
)
def test_what_cannot_be_audited_with_is_refused_before_anything_is_read(given: dict[str, Any], words: str) -> None:
    with SimulatedServer() as server:
        host = Host(nats_upgrade_monitor_url=server.url)
        try:
            said = audit(host, **given)["msg"]
        except AnsibleActionFail as exc:
            said = str(exc)
        assert server.requests == []
    assert words in said


def test_variables_given_as_text_are_read_as_what_they_mean() -> None:
    host = Host(nats_upgrade_monitor_url=f"http://127.0.0.1:{free_port()}")
    result = audit(host, max_mismatch_seconds="7200", fail_on="end_of_life,wrong_server", max_in_flight="3")
    assert (result["audit"]["max_mismatch_seconds"], result["failure"]) == (7200.0, "")


def test_disks_are_judged_by_what_was_found_on_the_nodes() -> None:
    with SimulatedServer() as server:
        host = Host(nats_upgrade_monitor_url=server.url)
        node = {"binary_version": "2.15.2", "binary_path": "/usr/bin/nats-server", "used": []}
        nodes = {"n1": {"ansible_facts": {"nats_node": node}}, "n2": {"failed": True, "msg": "n2 was lost"}}
        findings = {one["name"]: one for one in audit(host, nodes=nodes)["audit"]["findings"]}
        nodes["n2"] = {"failed": True, "msg": "MODULE FAILURE", "module_stderr": "Shared connection\nno python3 there\n"}
        without_python = {one["name"]: one for one in audit(host, nodes=nodes)["audit"]["findings"]}
    assert (findings["newer_on_disk"]["servers"], findings["newer_on_disk"]["on_disk"]) == (["n1"], "2.15.2")
    assert findings["disk_unknown"]["message"] == "n2: n2 was lost"
    assert without_python["disk_unknown"]["message"] == "n2: no python3 there"


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


def test_an_account_of_the_inventory_does_not_count_where_the_task_names_addresses() -> None:
    with SimulatedServer() as server:
        host = Host(nats_upgrade_system_account={"user": "sys", "password": "x"})
        assert host.run("nats_version_facts", monitor_url=server.url)["ansible_facts"]["nats_version"]["server_name"] == "n1"
        both = host.run("nats_version_facts", monitor_url=server.url, system_account={"user": "sys", "password": "x"})
    assert both["msg"] == "system_account reads hosts of the inventory: give hosts, and not servers or monitor_url"


@pytest.mark.parametrize("value", [False, "false", "no"])
def test_certificates_are_not_checked_where_the_inventory_says_so(value: Any) -> None:
    host = Host(nats_upgrade_validate_certs=value)
    plugin = host.action("nats_version_facts", False, {})
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


def test_a_package_is_copied_like_an_archive_and_none_where_a_repository_has_it(tmp_path: Path) -> None:
    (tmp_path / "nats-server.deb").touch()
    host = Host()
    host.run("nats_package", state="staged", file=str(tmp_path / "nats-server.deb"))
    host.run("nats_package", state="staged", file="")
    # In check mode an address was not fetched: there is no file yet, and the module has to know that there will be one.
    host.run("nats_package", state="staged", file="/not/fetched.deb", check=True)
    assert [args.get("file") for args in host.asked] == ["/node/tmp/nats-server.deb", None, "/not/fetched.deb"]
    assert len(host.copied) == 1


def test_without_an_archive_nothing_is_copied() -> None:
    host = Host()
    host.answers = [{"changed": False}]
    assert not host.run("nats_binary", state="active")["changed"]
    assert (host.asked, host.copied) == ([{"state": "active"}], [])


def test_an_archive_that_is_not_on_the_controller_is_named() -> None:
    host = Host()
    assert host.run("nats_binary", archive="/no/such.tar.gz")["msg"] == "there is no archive /no/such.tar.gz on the controller"


@pytest.mark.parametrize("name", ON_NODE)
def test_a_module_on_the_node_gets_its_options_and_gives_its_result(name: str) -> None:
    host = Host()
    host.answers = [{"changed": True, "msg": "done"}]
    result = host.run(name, pid=7)
    assert (result["changed"], result["msg"], host.asked) == (True, "done", [{"pid": 7}])


@pytest.mark.parametrize("name", ON_NODE)
def test_a_node_that_is_lost_is_a_failure_that_says_in_which_step(name: str) -> None:
    host = Host()
    host.answers = [AnsibleConnectionFailure("no route to host")]
    result = host.run(name)
    assert (result["failed"], result["lost_host"], result.get("unreachable", False)) == (True, "n1", False)
    assert result["msg"].startswith(f"n1 was lost in the step 'Run {name}': it cannot be reached (no route to host). ")


def test_a_node_that_is_lost_while_ansible_tidies_up_is_not_unreachable_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise AnsibleConnectionFailure("no route to host")

    monkeypatch.setattr(ActionBase, "cleanup", lost)
    Host().action("nats_lameduck", False, {}).cleanup()


def test_a_node_that_is_lost_during_the_copy_is_a_failure_too(tmp_path: Path) -> None:
    archive = release(tmp_path)
    host = Host()
    plugin = host.action("nats_binary", False, {"archive": str(archive)})

    def lost(*_: object) -> None:
        raise AnsibleConnectionFailure("broken pipe")

    plugin._transfer_file = lost
    result = plugin.run(task_vars=host.task_vars)
    assert (result["failed"], result["msg"]) == (True, f"n1 was lost while {archive} was copied to it: broken pipe")


def test_an_option_that_there_is_not_is_an_error_of_ansible() -> None:
    with pytest.raises(Exception, match="timeout_minutes"):
        Host().run("nats_health_wait", timeout_minutes=5)


def test_the_password_in_an_address_is_not_among_what_the_module_on_the_node_was_given() -> None:
    host = Host(nats_upgrade_probe_from="node", nats_upgrade_monitor_url="http://ops:correct-horse@127.0.0.1:8222")
    given = {"monitor_url": "http://ops:correct-horse@127.0.0.1:8222", "servers": None, "max_in_flight": 50}
    host.answers = [{"changed": False, "invocation": {"module_args": given, "more": [given]}}]
    result = host.run("nats_version_facts")
    assert host.asked[0]["monitor_url"] == given["monitor_url"]
    assert result["invocation"]["module_args"] == {"monitor_url": "http://127.0.0.1:8222", "servers": None, "max_in_flight": 50}
    assert "correct-horse" not in json.dumps(result)


def test_an_address_that_is_none_is_shown_without_its_password() -> None:
    result = Host(nats_upgrade_monitor_url="htps://ops:correct-horse@n1:8222").run("nats_version_facts")
    assert "monitor_url of n1 is 'htps://n1:8222'" in result["msg"]
