"""The lock is renewed while a task waits."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure

from tests.unit.nats import SimulatedServer
from tests.unit.plugins.action.test_actions import Host

LOCK = {"run_id": "r1", "lease_seconds": 0.3}


def soak(host: Host, **given: Any) -> dict[str, Any]:
    """Wait for a healthy server for as long as two leases."""
    with SimulatedServer() as server:
        server.be_alone()
        return host.run("nats_health_wait", monitor_url=server.url, **{"renew_lock": LOCK, "soak_seconds": 0.6, **given})


def test_the_lock_of_the_host_is_renewed_every_third_of_the_lease() -> None:
    host = Host(nats_upgrade_state_dir="/srv/state")
    assert soak(host)["back"]
    assert host.asked[0] == {"state": "renewed", "state_dir": "/srv/state", "run_id": "r1", "lease_seconds": 0.3}
    assert host.modules == ["natsops.cluster.nats_lock"] * len(host.asked)
    # A sleep takes 0.1 s, and so does a third of the lease.
    assert 2 <= len(host.asked) <= 6


def test_a_wait_that_is_shorter_than_that_renews_nothing() -> None:
    host = Host()
    assert soak(host, renew_lock={**LOCK, "lease_seconds": 600.0})["back"]
    assert host.asked == []


def test_without_a_lock_none_is_renewed() -> None:
    host = Host()
    assert soak(host, renew_lock=None)["back"]
    assert host.asked == []


def test_a_lock_that_another_run_has_taken_ends_the_wait() -> None:
    host = Host()
    host.answers = [{"changed": True}, {"failed": True, "msg": "refused: held by ada@build7", "refusal": "locked"}]
    result = soak(host)
    assert (result["failed"], result["refusal"], result["msg"]) == (True, "locked", "refused: held by ada@build7")
    assert len(host.asked) == 2


def test_a_host_that_cannot_be_reached_does_not_end_the_wait() -> None:
    host = Host()
    host.answers = [AnsibleConnectionFailure("no route to host"), {"changed": True}]
    assert soak(host)["back"]
    assert len(host.asked) >= 2


def test_a_check_renews_nothing() -> None:
    host = Host()
    assert soak(host, check=True)["back"]
    assert host.asked == []
