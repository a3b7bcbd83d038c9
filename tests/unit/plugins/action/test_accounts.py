"""Which hosts are read over which system account: what actions make of the variables of each host."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from tests.unit.plugins.action.test_actions import Host

EAST = {"servers": ["nats://e:4222"], "user": "sys", "password": "east"}
WEST = {"user": "sys", "password": "west"}


def ways(group: dict[str, dict[str, Any]], **args: Any) -> dict[str, Any]:
    """By which account the hosts of a group are read, and at which of the servers; None where by HTTP."""
    host = Host()
    inventory = {name: {"inventory_hostname": name, **variables} for name, variables in group.items()}
    host.task_vars = {**inventory["n1"], "hostvars": inventory, "groups": {"nats": list(group)}}
    plugin = host.action("nats_version_facts", False, args)
    params = plugin.arguments(host.task_vars)
    addresses = {server["name"]: server["monitor_url"] for server in params["servers"]}
    with plugin.source(host.task_vars)(params) as source:
        sources = getattr(source, "_sources", dict.fromkeys(args["hosts"], source))
        assert len(set(sources.values())) == len({str(getattr(one, "_account", None)) for one in sources.values()})
        found = {
            name: (one._account["password"], one._servers) if hasattr(one, "_account") else None for name, one in sources.items()
        }
    assert {name: url.startswith("nats:") for name, url in addresses.items()} == {name: bool(found[name]) for name in found}
    return found


def account(value: Any) -> dict[str, Any]:
    return {"nats_upgrade_system_account": value}


def test_hosts_with_the_same_account_are_read_over_one_connection() -> None:
    found = ways({name: account(dict(WEST)) for name in ("n1", "n2", "n3")}, hosts=["n1", "n2"])
    assert found == dict.fromkeys(("n1", "n2"), ("west", ["nats://n1:4222", "nats://n2:4222", "nats://n3:4222"]))


def test_every_other_account_has_a_connection_of_its_own_to_the_servers_of_its_own_hosts_and_some_are_read_by_http() -> None:
    hosts = {"n1": account({}), "n2": account(EAST), "n3": account(WEST), "n4": account(WEST), "n5": account({"user": "sys"})}
    found = ways(hosts, hosts=["n1", "n2", "n3"])
    # What is wrong with the account of n5 is no matter of those who do not read it.
    assert found == {"n1": None, "n2": ("east", ["nats://e:4222"]), "n3": ("west", ["nats://n3:4222", "nats://n4:4222"])}


def test_the_account_that_a_task_gives_counts_for_all_its_hosts() -> None:
    found = ways({"n1": account(EAST), "n2": {}}, hosts=["n1", "n2"], system_account=WEST)
    assert found == dict.fromkeys(("n1", "n2"), ("west", ["nats://n1:4222", "nats://n2:4222"]))


def test_what_is_wrong_with_the_account_of_any_host_that_is_read_is_said() -> None:
    with pytest.raises(NatsError, match="has to say in one way who we are"):
        ways({"n1": {}, "n2": account({"user": "sys"})}, hosts=["n1", "n2"])


def test_clients_are_not_moved_where_a_host_has_no_account_to_ask_them_by() -> None:
    host = Host(**account(WEST))
    result = host.run("nats_rebalance", hosts=["n1", "n2"])
    assert (result["failed"], result["refusal"]) == (True, "rebalance_account")


def test_each_host_is_read_with_the_authority_and_from_where_its_own_variables_say() -> None:
    host = Host()
    east, west = {"nats_upgrade_ca_path": "/east.pem"}, {"nats_upgrade_validate_certs": "no", "nats_upgrade_probe_from": "node"}
    inventory = {"n1": east, "n2": east, "n3": west, "n4": {}}
    host.task_vars = {
        **east,
        "inventory_hostname": "n1",
        "hostvars": {n: {"inventory_hostname": n, **v} for n, v in inventory.items()},
    }
    plugin = host.action("nats_version_facts", False, {"hosts": list(inventory)})
    params = plugin.arguments(host.task_vars)
    ways = {tuple(hosts): way for way, hosts in plugin._read_by.alike(list(inventory), host.task_vars)}
    assert {hosts: (way.ca_path, way.validate_certs, way.probe_from) for hosts, way in ways.items()} == {
        ("n1", "n2"): ("/east.pem", True, "controller"),
        ("n3",): (None, False, "node"),
        ("n4",): (None, True, "controller"),
    }
    assert [server["monitor_url"] for server in params["servers"]][2:] == ["http://127.0.0.1:8222", "http://n4:8222"]


def test_what_a_task_says_of_how_to_read_counts_for_all_its_hosts() -> None:
    host = Host()
    host.task_vars["hostvars"]["n2"]["nats_upgrade_ca_path"] = "/west.pem"
    plugin = host.action("nats_version_facts", False, {"hosts": ["n1", "n2"], "ca_path": "/ours.pem"})
    plugin.arguments(host.task_vars)
    assert [way.ca_path for way, _hosts in plugin._read_by.alike(["n1", "n2"], host.task_vars)] == ["/ours.pem"]


def test_what_the_servers_of_a_host_may_answer_with_is_a_variable_of_that_host_whichever_way_they_are_read() -> None:
    host = Host()
    inventory = {
        "n1": {},
        "n2": {"nats_upgrade_max_answer_mib": "200"},
        "n3": {**account(WEST), "nats_upgrade_max_answer_mib": 300},
    }
    host.task_vars = {"inventory_hostname": "n1", "hostvars": {n: {"inventory_hostname": n, **v} for n, v in inventory.items()}}
    plugin = host.action("nats_version_facts", False, {"hosts": list(inventory)})
    plugin.arguments(host.task_vars)
    assert [plugin._read_by.of(name, host.task_vars).max_answer_mib for name in inventory] == [None, 200, 300]
