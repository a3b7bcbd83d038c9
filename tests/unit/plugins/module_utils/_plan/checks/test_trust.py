"""Reasons not to begin that lie in who decides what a start runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.situations import cluster, found, journal, plan_of, refusals, silent, warnings

NODE = {"lame_duck_duration_seconds": 120.0, "lame_duck_grace_period_seconds": 10.0, "config_path": "/etc/nats.conf"}


def differs(what: str, runs: str, starts: str, **more: str) -> dict[str, Any]:
    return {**NODE, "differs": [{"what": what, "runs": runs, "starts": starts, **more}]}


@pytest.mark.parametrize(
    ("node", "said"),
    [
        pytest.param(
            differs("program", "/home/nats/nats-server", "/usr/sbin/nats-server"),
            "the program of the process that was found is /home/nats/nats-server, and a start takes /usr/sbin/nats-server: it",
            id="program",
        ),
        pytest.param(differs("program", "/x", "/y"), "correct nats_upgrade_binary_path, ExecStart of the unit", id="variable"),
        pytest.param(
            differs("configuration", "", "/etc/nats.conf"),
            "the configuration of the process that was found is none, and a start takes /etc/nats.conf",
            id="configuration",
        ),
        pytest.param(differs("configuration", "/x", ""), "takes none: it would not be the same server", id="none"),
        pytest.param(
            differs("program", "/usr/sbin/nats-server", ""),
            "which program a start runs is not known: nothing in the inventory does, and its process (/usr/sbin/nats-server, by",
            id="unknown",
        ),
        pytest.param(
            {**differs("program", "/usr/sbin/nats-server", ""), "unit": {"name": "nats.service"}},
            "is not known: ExecStart of unit nats.service names no nats-server, and its process",
            id="wrapper",
        ),
        pytest.param(
            differs("folder", "/var/lib/nats", "/", paths="store_dir: js"),
            "store_dir: js in /etc/nats.conf counts from the folder that the server is started in. Its process is in /var/lib/na",
            id="folder",
        ),
    ],
)
def test_a_process_that_is_not_what_a_start_takes_cannot_be_waived(node: dict[str, Any], said: str) -> None:
    plan = plan_of(cluster(), n1=node)
    finding = found(plan, "other_program")
    assert (refusals(plan), finding.seen, finding.waivable) == (["other_program"], ("n1",), False)
    assert finding.message.startswith("n1: ")
    assert said in finding.message


def test_several_differences_are_one_finding() -> None:
    node = {**NODE, "differs": [*differs("program", "/a", "/b")["differs"], *differs("configuration", "/c", "/d")["differs"]]}
    message = found(plan_of(cluster(), n1=node), "other_program").message
    assert (message.count("it would not be the same server"), " And the configuration " in message) == (2, True)


def place(path: str, refuses: bool = False, owner: str = "nats", link: bool = False) -> dict[str, Any]:
    program = "/opt/nats/nats-server"
    return {"program": program, "path": path, "owner": owner, "mode": "0755", "link": link, "refuses": refuses}


def test_what_the_servers_own_user_can_change_is_warned_of() -> None:
    node = {**NODE, "unsafe_paths": [place("/opt/nats"), place("/opt/nats/nats-server")]}
    plan = plan_of(cluster(), n1=node)
    assert (refusals(plan), warnings(plan)) == ([], ["unsafe_path"])
    assert found(plan, "unsafe_path").message == (
        "n1: others than root can change what /opt/nats/nats-server is, by /opt/nats (owner nats, mode 0755), "
        "/opt/nats/nats-server (owner nats, mode 0755), and what user nats puts there is run as the server. It should be root's: "
        "chown root:root, chmod go-w"
    )
    assert warnings(plan_of(cluster(), "unsafe_path", n1=node)) == []


def test_what_others_can_change_and_root_runs_is_refused_and_cannot_be_waived() -> None:
    node = {**NODE, "unsafe_paths": [place("/opt/nats"), place("/opt/nats/current", refuses=True, link=True)]}
    plan = plan_of(cluster(), "unsafe_path", n1=node)
    message = found(plan, "unsafe_path").message
    assert (refusals(plan), found(plan, "unsafe_path").waivable) == (["unsafe_path"], False)
    assert "by /opt/nats/current (a link of nats), and root, or the user of this run, runs it or follows it" in message


def test_in_a_turn_that_broke_off_the_configuration_of_the_process_counts() -> None:
    """What a start command takes is that of the server that is down, whatever the pid file names by now."""
    down = {**NODE, **journal("draining", config_path="/etc/nats.conf"), "running": True, "pid": 7}
    other = {**down, **differs("configuration", "/other.conf", "/etc/nats.conf")}
    assert "other_process" not in refusals(plan_of(silent(cluster(), "n2"), n2=down))
    assert "other_process" in refusals(plan_of(silent(cluster(), "n2"), n2=other))
