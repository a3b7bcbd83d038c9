"""The message of a turn that failed, as it is read under stress: whole once, and then what each thing that is known adds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._turn import message as _message
from ansible_collections.natsops.cluster.plugins.plugin_utils._turn.values import Server, Stopped, Wanted

UP = Server("n2", reachable=True, version="2.14.6", uptime_seconds=100)
DOWN = Server("n1", error="connection refused")
WANTED = Wanted("n1", target="2.15.1", old_version="2.14.6")
TURN = Stopped(WANTED, "stopped", "Wait until it is back: not back after 2 s\n", servers=(DOWN, UP), inventory=("my hosts.yml",))

WHOLE = """\
STOPPED in the turn of n1. No other node was touched after it.

What failed: Wait until it is back: not back after 2 s

n1: its server is down.

The cluster now:
  n1  does not answer: connection refused
  n2  2.14.6  up 100 s

Next: mend what failed, and run the same playbook again; it goes on with n1.
Nodes that are done are not touched again.
What was left where, and the commands that finish it or take it back:
  ansible-playbook natsops.cluster.status -i 'my hosts.yml'
"""


def paragraph(turn: Stopped, begin: str) -> str:
    """The lines from the one that begins so to the next empty one."""
    lines = _message.stopped(turn).split("\n")
    (first,) = [number for number, line in enumerate(lines) if line.startswith(begin)]
    return "\n".join(lines[first : lines.index("", first)])


def test_the_whole_message() -> None:
    assert _message.stopped(TURN) == WHOLE


@pytest.mark.parametrize(
    ("turn", "begin", "expected"),
    [
        (replace(TURN, besides="Put it back: disk full "), "What failed", "Then, too: Put it back: disk full"),
        (replace(TURN, put_back="it was put back to 2.14.6, and is up and current."), "n1: ", "n1: it was put back to 2.14.6,"),
        (replace(TURN, stage="draining", put_back="x"), "n1: ", "n1: its server is still draining."),
        (replace(TURN, stage="untouched"), "n1: ", "n1: its server was not stopped and goes on running 2.14.6."),
        (replace(TURN, stage="returned"), "n1: ", "n1: its server runs 2.15.1, and is up and current;"),
        (replace(TURN, clients=("7 10.0.0.1:5 bob",)), "Still connected", "Still connected to n1:\n  7 10.0.0.1:5 bob"),
        (replace(TURN, clients=()), "Still connected", "Still connected to n1:"),
        (replace(TURN, client_saw=("gap of 3 s",)), "What a client saw", "What a client saw:\n  gap of 3 s"),
        (replace(TURN, temporary="s1: left running\n"), "s1: ", "s1: left running"),
        (replace(TURN, servers=(), unread="401"), "The cluster now", "  its servers could not be read: 401"),
        (replace(TURN, servers=()), "The cluster now", "  its servers could not be read: no reason is known"),
    ],
)
def test_what_is_known_besides_is_told(turn: Stopped, begin: str, expected: str) -> None:
    assert expected in paragraph(turn, begin)


def test_of_a_large_cluster_those_that_answer_are_counted_by_version() -> None:
    many = tuple(replace(UP, name=f"n{number}", version="2.15.1" if number > 8 else "2.14.6") for number in range(2, 11))
    assert paragraph(replace(TURN, servers=(DOWN, *many)), "The cluster now") == (
        "The cluster now:\n  n1  does not answer: connection refused\n  7 more  2.14.6  up\n  2 more  2.15.1  up"
    )


FATAL = "[1] [FTL] unknown field"


@pytest.mark.parametrize(
    ("turn", "is_said"),
    [
        (replace(TURN, log=("[1] [INF] x", FATAL)), True),
        # Of another start, further up.
        (replace(TURN, log=(FATAL, *["[2] [INF] x"] * 6)), False),
        (replace(TURN, log=(FATAL, *["[2] [INF] x"] * 5)), True),
        (replace(TURN, log=("[1] [INF] x",)), False),
        (replace(TURN, stage="back", log=(FATAL,)), False),
        (replace(TURN, stage="ended", log=("nats-server: bad flag",)), True),
        # A restart that did not come up, however far up it is.
        (replace(TURN, wanted=replace(WANTED, restarts=True), stage="draining", log=(FATAL, *["x"] * 9)), True),
        (replace(TURN, wanted=replace(WANTED, restarts=True), stage="draining", log=(FATAL,), servers=(UP,)), False),
    ],
)
def test_what_the_server_said_is_told_where_it_is_of_this_start(turn: Stopped, is_said: bool) -> None:
    assert ("The server said: " in _message.stopped(turn)) is is_said


@pytest.mark.parametrize(
    ("turn", "next_"),
    [
        (replace(TURN, stage="draining"), "run the same playbook again; it waits on for the drain and then goes on."),
        (replace(TURN, stage="lost"), "bring n1 back, and run the same playbook again; it goes on with n1."),
        (
            replace(TURN, stage="returned"),
            "mend what failed, and run the same playbook again; it does the rest of the turn of n1,",
        ),
        (replace(TURN, servers=(replace(UP, name="n1"),)), "mend what failed, and run the same playbook again."),
        # Where nothing is known of it, it is not said to be down.
        (replace(TURN, servers=()), "mend what failed, and run the same playbook again."),
    ],
)
def test_what_to_do_next(turn: Stopped, next_: str) -> None:
    assert f"\nNext: {next_}" in _message.stopped(turn)


@pytest.mark.parametrize(
    ("wanted", "finished", "again"),
    [
        (WANTED, ("n2",), "Nodes that are done are not touched again."),
        (replace(WANTED, restarts=True), ("n2",), "Nodes that are done are not touched again."),
        (replace(WANTED, restarts=True, restart_all=True), (), "Nodes that are done are not touched again."),
        (replace(WANTED, restarts=True, restart_all=True), ("n2", "n3"), "To leave them out: --limit 'nats:!n2:!n3'"),
        (replace(WANTED, restarts=True, reboots=True), ("n2",), "To leave them out: --limit 'nats:!n2'"),
    ],
)
def test_whether_nodes_that_are_done_are_taken_again(wanted: Wanted, finished: tuple[str, ...], again: str) -> None:
    assert again in _message.stopped(replace(TURN, wanted=wanted, finished=finished))


def test_how_to_see_what_is_left_is_a_job_in_awx_and_a_command_elsewhere() -> None:
    assert "relaunch this job" in _message.stopped(replace(TURN, in_awx=True))
    assert "ansible-playbook" not in _message.stopped(replace(TURN, in_awx=True))
    of_group = _message.stopped(replace(TURN, group="east", inventory=("a", "b")))
    assert of_group.endswith("  ansible-playbook natsops.cluster.status -i a -i b -e nats_upgrade_group=east\n")
