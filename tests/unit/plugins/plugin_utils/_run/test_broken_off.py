from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.natsops.cluster.plugins.plugin_utils._run import broken_off as _broken_off
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.broken_off import Place
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Event
from tests.unit.plugins.plugin_utils._report.test_outcome import began, done, event, failed, planned

PLACE = Place(run="r1", folder="/reports/r1", host="n2", step="Wait for n2", lease="120")
MAY = "What was under way there may run to its end, or not: the next run finds out."
HELD = " Automatic restarts may be held there until then."


def phase(host: str, name: str, state: str = "began") -> Event:
    return event("phase", host=host, phase=name, state=state)


def turn(host: str, *phases: str) -> list[Event]:
    """A turn until the last of these phases has begun."""
    events = [phase(host, name, state) for name in phases for state in ("began", "ended")]
    return events[:-1]


def said(*events: Event, place: Place = PLACE, inventory: tuple[str, ...] = ("/etc/hosts.yml",)) -> str:
    own = [{"run": "r1", **one} for one in (began(), *events)]
    return _broken_off.message("SIGTERM", place, own, inventory, "/reports/r1/report.html")


def test_the_last_message_has_the_node_the_lock_and_the_next_command() -> None:
    events = [planned(), *turn("n1", "gate", "drain", "catch_up"), done("n1"), *turn("n2", "gate", "hold", "drain")]
    assert said(*events).splitlines() == [
        "INTERRUPTED by SIGTERM in the turn of n2, in the step 'Wait for n2'.",
        "",
        f"n2: it was being drained and replaced: its server may run, drain or be down. {MAY}{HELD}",
        "Done: n1. Left: n2, n3.",
        "The lock of this run was not given back. It ends by itself with its lease (nats_upgrade_lock_lease_seconds, 120 s after "
        "it was renewed last); the next run from this machine takes it over at once.",
        "",
        "Next: run the same playbook again; it goes on with n2. Nodes that are done are not touched again.",
        "What was left where, and the commands that finish it or take it back:",
        "  ansible-playbook natsops.cluster.status -i /etc/hosts.yml",
        "Report: /reports/r1/report.html",
    ]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        (turn("n2", "gate"), f"its server had not been stopped. {MAY}"),
        (turn("n2", "gate", "hold", "gate"), f"its server had not been stopped. {MAY}{HELD}"),
        (
            turn("n2", "gate", "drain", "swap", "start"),
            f"it was being drained and replaced: its server may run, drain or be down. {MAY}{HELD}",
        ),
        (
            turn("n2", "gate", "drain", "swap", "start", "catch_up"),
            f"its server was started again, and had not been seen to be current yet.{HELD}",
        ),
        (
            [*turn("n2", "gate", "drain", "catch_up"), phase("n2", "catch_up", "failed")],
            f"its turn had failed, and what puts that right has broken off: its server may run, drain or be down. {MAY}{HELD}",
        ),
        # An earlier turn of the same node, which was put back, tells nothing of this one.
        (
            [*turn("n2", "gate", "drain"), event("put_back", host="n2"), *turn("n2", "gate")],
            f"its server had not been stopped. {MAY}",
        ),
    ],
)
def test_what_is_said_of_the_node_is_what_its_phases_tell(events: list[Event], state: str) -> None:
    assert f"\nn2: {state}\n" in said(planned(), *events)


@pytest.mark.parametrize(
    ("events", "where", "state"),
    [
        ([], "before any turn", "No server was stopped."),
        ([planned(), phase("n1", "stage"), phase("n2", "stage")], "before any turn", "No server was stopped."),
        (
            [planned(), *turn("n1", "gate", "drain"), done("n1"), phase("n1", "soak")],
            "between two turns",
            "No node was in its turn.",
        ),
    ],
)
def test_without_a_node_in_its_turn_that_is_said(events: list[Event], where: str, state: str) -> None:
    text = said(*events)
    assert text.startswith(f"INTERRUPTED by SIGTERM {where}, ")
    assert f"\n{state}\n" in text
    assert "it goes on with" not in text


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="nothing-is-known"),
        pytest.param([began(), planned(), failed("STOPPED"), event("run_ended", outcome="failed")], id="it-has-ended"),
        pytest.param([began(check_mode=True), planned()], id="it-only-looked"),
    ],
)
def test_nothing_is_said_where_there_is_nothing_to_say(events: list[Event]) -> None:
    assert _broken_off.message("SIGTERM", PLACE, [{**one, "run": "r1"} for one in events], (), "/page") == ""


def test_a_run_that_goes_on_with_another_is_in_the_turn_that_the_other_has_left() -> None:
    earlier = [{**one, "run": "r0"} for one in (began(), planned(), *turn("n2", "gate", "drain"), event("run_ended"))]
    text = said(*earlier, planned())
    assert text.startswith("INTERRUPTED by SIGTERM in the turn of n2, ")
    assert "\nn2: it was being drained and replaced" in text
    untouched = {**failed("n2: refused"), "run": "r0", "stopped": False}
    assert "\nNo server was stopped.\n" in said(*earlier[:3], untouched, planned())


def test_the_command_is_one_of_the_shell_and_a_job_of_awx_is_told_of_jobs() -> None:
    text = _broken_off.message("SIGTERM", PLACE, [{**began(group="my nats"), "run": "r1"}], ("/a b/hosts", "h1,"), "/page")
    assert "natsops.cluster.status -i '/a b/hosts' -i h1, -e 'nats_upgrade_group=my nats'\n" in text
    awx = said(place=replace(PLACE, in_awx=True, lease=""))
    assert "Next: relaunch this job." in awx
    assert "ansible-playbook" not in awx
    assert "(nats_upgrade_lock_lease_seconds);" in awx
