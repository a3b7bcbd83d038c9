"""How a host's server is run is said by its variables, and nobody goes to a node where there is nothing to do."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure

from tests.unit.plugins.action.test_actions import Host

NODE = {"cwd": "/srv", "output_path": None, "log_path": "/var/log/nats.log", "uid": 7}
COMMANDS: dict[str, Any] = {
    "nats_upgrade_service": "command",
    "nats_upgrade_pid_file": "/run/nats.pid",
    "nats_upgrade_start_command": ["nats-server"],
    "nats_upgrade_start_detach": True,
    "nats_upgrade_state_dir": "/var/lib/natsops",
}


def asked(state: str, given: dict[str, Any], **variables: Any) -> list[dict[str, Any]]:
    host = Host(__nats_upgrade_node=NODE, **variables)
    assert not host.run("nats_service", state=state, **given).get("failed")
    return host.asked


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (None, {"service": "nats-server"}),
        ("systemd", {"service": "nats"}),
        ("podman", {"service": "nats"}),
        ("docker", {"container": "nats"}),
    ],
)
def test_the_server_is_named_by_the_variables_of_its_host(kind: str | None, named: dict[str, str]) -> None:
    variables = {"nats_upgrade_service": kind, "nats_upgrade_service_name": "nats"} if kind else {}
    assert asked("held", {}, **variables) == [{"state": "held", "host": "n1", **named}]


def test_what_names_it_in_the_task_counts_more_than_any_variable() -> None:
    given = {"service": "other"}
    assert asked("held", given, **COMMANDS) == [{"state": "held", "host": "n1", **given}]


def test_a_server_that_commands_start_is_started_as_it_was_before() -> None:
    assert asked("started", {}, **COMMANDS) == [
        {
            "state": "started",
            "host": "n1",
            "pid_file": "/run/nats.pid",
            "start_argv": ["nats-server"],
            "start_detach": True,
            "state_dir": "/var/lib/natsops",
            "chdir": "/srv",
            "log_path": "/var/log/nats.log",
            "uid": 7,
            "own_output_path": "/var/lib/natsops/n1.out",
        }
    ]


@pytest.mark.parametrize(("state", "variable"), [("held", "hold"), ("released", "release"), ("status", "status")])
def test_nobody_goes_to_a_node_for_a_command_that_there_is_not(state: str, variable: str) -> None:
    assert asked(state, {}, **COMMANDS) == []
    given = {f"nats_upgrade_{variable}_command": ["true"]}
    assert [args[f"{variable}_command"] for args in asked(state, {}, **COMMANDS, **given)] == [["true"]]
    assert asked("status", {}, **given) == []


def test_what_became_of_another_host_s_server_is_not_taken_for_this_one_s() -> None:
    seen = {"__nats_upgrade_seen": {"nats_node": {"pid": 7, "start_ticks": 1}}}
    assert [args.get("pid") for args in asked("ended", {}, **COMMANDS, **seen)] == [None]


def test_a_node_that_is_lost_is_a_failure_that_says_in_which_step() -> None:
    host = Host(nats_upgrade_service_name="nats")
    host.answers = [AnsibleConnectionFailure("no route to host")]
    result = host.run("nats_service", state="held")
    assert (result["failed"], result["lost_host"], result.get("unreachable", False)) == (True, "n1", False)
    assert result["msg"] == (
        "n1 was lost in the step 'Run nats_service': it cannot be reached (no route to host). "
        "What was under way there may have run to its end, or not: the next run finds out"
    )
