"""After the last turn: what is lacking is told once all is given back, and a run that ended well says where its clients are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.nats import SimulatedServer
from tests.unit.plugins.action.role_tasks import Preflight
from tests.unit.recorded import NAMES
from tests.unit.situations import RUNNING

ACTION = "nats_upgrade_verify"


class Verified(Preflight):
    """A run in which there was nothing to do, on servers that run what they should."""

    def begin(self) -> None:
        self.variables.update(nats_upgrade_version=RUNNING, nats_upgrade_health_timeout_seconds=1)
        self.until("accept")
        self.set("groups", {"nats": list(NAMES), "nats_upgrade_queue": list(NAMES)})

    def verify(self) -> dict[str, Any]:
        result = self.run(ACTION, step="verify")
        self.set("__nats_upgrade_verified", result)
        return result


@pytest.fixture
def verified(servers: dict[str, SimulatedServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verified:
    return Verified(servers, tmp_path, monkeypatch)


def test_a_cluster_that_is_current_ends_the_run_with_its_clients_and_its_report(verified: Verified) -> None:
    verified.begin()
    assert verified.verify() == {"changed": False}
    ended = verified.run(ACTION, step="end")
    assert [line.split("  ")[0] for line in ended["lines"][: len(NAMES)]] == list(NAMES)
    assert ended["lines"][-2:] == ["Nothing to do: 3 of 3 done", f"Report: {verified.report}"]
    assert set(ended["connections"]) == set(NAMES)
    # Both in one: a workflow gets what two tasks would have given it.
    assert set(ended["ansible_stats"]["data"]) == {"nats_upgrade_connections", "nats_upgrade_summary"}
    assert ended["ansible_stats"]["data"]["nats_upgrade_summary"]["outcome"] == "nothing_to_do"
    told = [(event["phase"], event["state"]) for event in verified.events("phase")]
    assert told == [(phase, state) for phase in ("verify", "rebalance") for state in ("began", "ended")]


def test_what_a_cluster_lacks_fails_nothing_until_all_was_given_back(
    verified: Verified, servers: dict[str, SimulatedServer]
) -> None:
    verified.begin()
    servers["n3"].answers["/varz"]["body"]["version"] = "2.10.26"
    result = verified.verify()
    assert (result.get("failed", False), verified.events("failed")) == (False, [])
    assert "n3" in result["problem"]
    verified.set("__nats_upgrade_surge_told", "s1: drained and stopped (temporary server).")
    ended = verified.run(ACTION, step="end")
    assert ended["failed"]
    assert ended["msg"].startswith(f"{result['problem']}\ns1: drained and stopped (temporary server).")
    assert [event["kind"] for event in verified.events()][-2:] == ["failed", "run_ended"]


def test_what_became_of_the_temporary_servers_is_told_first(verified: Verified) -> None:
    verified.begin()
    verified.verify()
    verified.set("__nats_upgrade_surge_told", "s1: drained and stopped (temporary server).")
    assert verified.run(ACTION, step="end")["lines"][0] == "s1: drained and stopped (temporary server)."


def test_a_check_counts_no_clients(verified: Verified) -> None:
    verified.begin()
    verified.verify()
    ended = verified.run(ACTION, step="end", check=True)
    assert (ended["connections"], len(ended["lines"])) == (None, 2)
