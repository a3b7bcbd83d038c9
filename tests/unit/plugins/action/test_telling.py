"""What tasks tell of themselves in a run: events, the path of the report, and lines while they wait."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleUndefinedVariable

from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import poll_until
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import broken_off as _broken_off
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import progress as _progress
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import signals as _signals
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import teller as _teller
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import watch as _watch
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Event, Log
from tests.unit.nats import SimulatedServer
from tests.unit.plugins.action.test_actions import Host

BEGAN = {"mode": "upgrade", "target": "2.15.1", "group": "nats", "hosts": ["n1", "n2"], "max_nodes": "1"}


class Run:
    """A run that has begun, and a host of it."""

    def __init__(self, folder: Path, **variables: Any) -> None:
        self.host = Host(nats_upgrade_progress="lines", **variables)
        self.begun = self.host.run("nats_upgrade_event", kind="run_began", report_dir=str(folder), data=BEGAN)
        self.host.task_vars["__nats_upgrade_began"] = self.begun

    def events(self, kind: str = "") -> list[Event]:
        return [e for e in Log(self.begun["folder"], "").read() if kind in ("", e["kind"])]

    def module(self, name: str = "nats_journal", *, answer: Any = None, **variables: Any) -> dict[str, Any]:
        """Run a module on the node, with these variables of the task."""
        self.host.answers = [answer or {"changed": True}]
        self.host.task_vars.update({f"__nats_upgrade_{name}": value for name, value in variables.items()})
        result = self.host.run(name)
        for gone in variables:
            del self.host.task_vars[f"__nats_upgrade_{gone}"]
        return result


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    # Warnings of Ansible's, which begin with a bracket, come this way too.
    monkeypatch.setattr(_watch.display, "display", lambda msg, **_unused: lines.append(msg) if msg[:1] != "[" else None)
    monkeypatch.setattr(_progress.Pace, "due", lambda *_unused: True)
    return lines


def test_a_run_begins_with_its_folder_and_says_who_asked_for_what(run: Run, tmp_path: Path) -> None:
    (began,) = run.events()
    assert run.begun["folder"] == str(tmp_path / run.begun["run"])
    assert {key: began[key] for key in BEGAN} == {**BEGAN, "max_nodes": 1}
    assert began["controller"]["host"] == os.uname().nodename
    assert (began["check_mode"], began["collection_version"]) == (False, "0.1.0")
    # Until the end it counts as failed for a workflow, for it may be cut off at any time.
    summary = run.begun["ansible_stats"]["data"]["nats_upgrade_summary"]
    assert (summary["outcome"], summary["left"], summary["report"]) == ("failed", ["n1", "n2"], run.begun["report"])


def test_a_task_of_a_run_says_where_the_run_is_and_one_of_none_does_not(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[_broken_off.Place] = []
    monkeypatch.setattr(_signals, "at", told.append)
    run.host.task_vars["nats_upgrade_lock_lease_seconds"] = 90
    run.module("nats_journal")
    (place,) = told
    assert (place.run, place.folder, place.host) == (run.begun["run"], run.begun["folder"], "n1")
    assert (place.step, place.lease, place.in_awx) == ("Run nats_journal", "90", False)
    run.host.task_vars.update(nats_upgrade_lock_lease_seconds="{{ lease }}", awx_job_id=7)
    run.module("nats_journal")
    assert (told[1].lease, told[1].in_awx) == ("", True)
    del run.host.task_vars["__nats_upgrade_began"]
    run.module("nats_journal")
    assert len(told) == 2


def test_a_folder_that_cannot_be_written_ends_a_run_and_only_warns_one_that_looks(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    begin: dict[str, Any] = {"kind": "run_began", "report_dir": str(tmp_path / "file"), "data": BEGAN}
    refused = Host().run("nats_upgrade_event", **begin)
    assert refused["failed"]
    assert refused["msg"].startswith("refused: ")
    for looks in (
        Host().run("nats_upgrade_event", check=True, **begin),
        Host().run("nats_upgrade_event", **begin, looks_only=True),
    ):
        assert not looks.get("failed")
        assert (looks["folder"], len(looks["warnings"])) == ("", 1)
        # And again at the end, where whoever reads the plan looks.
        host = Host()
        host.task_vars["__nats_upgrade_began"] = looks
        (line,) = host.run("nats_upgrade_event", kind="run_ended")["msg"]
        assert line == looks["warnings"][0]
        assert line.startswith(f"No report is written, and a roll would be refused: {tmp_path}/file")
        assert "cannot be written (Not a directory)" in line
        assert line.endswith("Set nats_upgrade_report_dir to a folder that can be written.")


def test_a_phase_is_told_when_it_begins_and_when_it_ends_or_fails(run: Run) -> None:
    run.module(phase="hold")
    run.module(phase="stage", answer={"failed": True, "msg": "no room\non the disk"}, rescued=True)
    told = [(e["host"], e["phase"], e["state"], e.get("detail")) for e in run.events("phase")]
    assert told == [
        ("n1", "hold", "began", None),
        ("n1", "hold", "ended", None),
        ("n1", "stage", "began", None),
        ("n1", "stage", "failed", "no room"),
    ]


@pytest.mark.parametrize(("command", "told"), [([], []), (["hold"], ["began", "ended"])])
def test_where_nobody_is_asked_to_hold_restarts_no_hold_is_told(tmp_path: Path, command: list[str], told: list[str]) -> None:
    variables = {"service": "command", "pid_file": "/run/nats.pid", "hold_command": command}
    run = Run(tmp_path, **{f"nats_upgrade_{name}": value for name, value in variables.items()})
    run.host.task_vars["__nats_upgrade_phase"] = "hold"
    run.host.answers = [{"changed": True}]
    run.host.run("nats_service", state="held")
    assert [event["state"] for event in run.events("phase")] == told


def test_a_phase_of_the_whole_cluster_is_told_of_no_host(run: Run) -> None:
    run.module(phase="verify")
    assert [("host" in e, e["state"]) for e in run.events("phase")] == [(False, "began"), (False, "ended")]


def test_one_call_on_the_node_may_be_several_phases_each_at_its_own_time(run: Run) -> None:
    seconds = {"drain": 8.0, "swap": 0.5, "start": 0.25}
    run.module("nats_swap", answer={"changed": True, "seconds": seconds, "warnings": ["the disk is full"]}, phase="drain")
    ended = {e["phase"]: e["seconds"] for e in run.events("phase") if e["state"] == "ended"}
    began = sorted(e["phase"] for e in run.events("phase") if e["state"] == "began")
    assert (ended, began) == (seconds, ["drain", "start", "swap"])
    assert [e["text"] for e in run.events("note")] == ["the disk is full"]


def test_a_step_that_fails_in_its_middle_says_in_which_phase(run: Run) -> None:
    broken = {"failed": True, "msg": "it does not start", "seconds": {"drain": 8.0, "swap": 0.5, "start": 0.25}}
    run.module("nats_swap", answer=broken, phase="drain", rescued=True)
    states = {e["phase"]: e["state"] for e in run.events("phase") if e["state"] != "began"}
    assert states == {"drain": "ended", "swap": "ended", "start": "failed"}


def test_an_event_that_a_task_stands_for_is_told_once_it_has_succeeded(run: Run) -> None:
    event = {"kind": "put_back", "version": "2.14.6", "detail": ""}
    run.module(answer={"failed": True, "msg": "x"}, event=event, rescued=True)
    assert run.events("put_back") == []
    run.module(event=event)
    (told,) = run.events("put_back")
    assert (told["host"], told["version"], told["detail"]) == ("n1", "2.14.6", None)


def test_a_node_that_is_done_tells_how_long_it_took_and_what_was_down_meanwhile(run: Run, shown: list[str]) -> None:
    log, now = Log(run.begun["folder"], run.begun["run"]), time.time()
    about = {"clusters": {"c1": ["n1", "n2"]}, "seconds": {"n1": 9, "n2": 9}, "assets_down": {"n1": ["A > B"]}}
    log.write("planned", at=now - 10, order=["n1", "n2"], **about)
    for at, phase, state in [(-9, "gate", "began"), (-8, "drain", "began"), (-1, "catch_up", "ended")]:
        log.write("phase", at=now + at, host="n1", phase=phase, state=state)
    result = run.module(event={"kind": "node_done", "old_version": "2.14.6", "new_version": "2.15.1"})
    (done,), (outage,) = run.events("node_done"), run.events("r1_outage")
    assert 9 <= done["seconds"] < 60
    assert (outage["assets"], round(outage["seconds"])) == (["A > B"], 7)
    summary = result["ansible_stats"]["data"]["nats_upgrade_summary"]
    assert (summary["upgraded"], summary["left"], summary["outcome"]) == (["n1"], ["n2"], "failed")
    assert shown[0].startswith("cluster c1  1/2 done, about ")


@pytest.mark.parametrize(
    "fail",
    [
        lambda run: run.module(answer={"failed": True, "msg": "boom"}),
        lambda run: run.module(answer=AnsibleConnectionFailure("no route")),
        lambda run: run.host.run("nats_upgrade_plan", version="latest"),
        lambda run: run.host.run("nats_upgrade_plan", version="2.15.1", max_nodes="0"),
        lambda run: run.host.run("nats_health_wait", max_lag="many"),
        lambda run: run.host.run("nats_upgrade_event", kind="failed", msg="boom"),
        lambda run: run.module(answer=OSError(28, "No space left on device", "/reports/x")),
        lambda run: run.module(answer=ValueError("no JSON")),
        lambda run: run.module(answer=AnsibleUndefinedVariable("'port' is undefined")),
    ],
)
def test_a_failure_that_nothing_sees_to_ends_the_run_and_says_where_the_report_is(
    run: Run, fail: Callable[[Run], dict[str, Any]]
) -> None:
    result = fail(run)
    (failed,), (ended,) = run.events("failed"), run.events("run_ended")
    assert result["failed"]
    said, *more, next_, report = result["msg"].removeprefix(failed["msg"]).split("\n")
    assert said == ""
    assert more == ([] if "Nothing was touched" in failed["msg"] else ["No server was stopped."])
    assert next_.startswith("Next: mend what ")
    assert report == f"Report: {run.begun['report']}"
    assert ended["outcome"] == ("refused" if failed["msg"].startswith("refused") else "failed")
    assert ended["left"] == ["n1", "n2"]


def test_an_error_that_nobody_foresaw_is_told_as_what_it_is_with_its_place_for_those_who_ask(run: Run) -> None:
    result = run.module(answer=OSError(28, "No space left on device", "/reports/x"))
    assert "not foreseen on the controller (OSError: [Errno 28] No space left on device: '/reports/x')" in result["msg"]
    assert "in _execute_module" in result["exception"]
    # What is wrong in the inventory is no riddle.
    assert "exception" not in run.module(answer=AnsibleUndefinedVariable("'port' is undefined"))


def test_a_failure_that_the_role_sees_to_is_not_the_end_of_the_run(run: Run) -> None:
    assert "Report" not in run.module(answer={"failed": True, "msg": "boom"}, rescued=True)["msg"]
    assert [e["kind"] for e in run.events()] == ["run_began"]


def test_a_run_that_ends_says_so_in_a_line_with_the_path_of_the_report(run: Run) -> None:
    log = Log(run.begun["folder"], run.begun["run"])
    log.write("planned", order=["n1"], later=["n2"], clusters={"c1": ["n1", "n2"]})
    log.write("node_done", host="n1", new_version="2.15.1")
    ended = run.host.run("nats_upgrade_event", kind="run_ended")
    assert ended["msg"] == ["1 of 2 done, run again to go on. Left: n2", f"Report: {run.begun['report']}"]
    assert ended["ansible_stats"]["data"]["nats_upgrade_summary"]["outcome"] == "part_done"
    assert run.events()[-1]["outcome"] == "part_done"


def test_the_next_run_takes_up_the_report_of_the_one_that_was_killed(tmp_path: Path) -> None:
    first = Run(tmp_path)
    first.module(phase="drain")
    earlier = tmp_path / "20200101T000000Z-1"
    os.rename(first.begun["folder"], earlier)
    text = (earlier / "events.jsonl").read_text(encoding="utf-8")
    (earlier / "events.jsonl").write_text(text.replace(first.begun["run"], earlier.name), encoding="utf-8")
    run = Run(tmp_path)
    # Until the lock is taken it is nobody's: that run may be at work still.
    run.host.run("nats_upgrade_event", kind="resumed", check=True)
    assert [e["kind"] for e in run.events()] == ["run_began"]
    run.host.run("nats_upgrade_event", kind="resumed")
    (told,) = run.events("resumed")
    assert (told["previous_run"], told["found"]) == (earlier.name, True)
    assert [e["state"] for e in run.events("phase")] == ["began", "ended"]
    (taken,) = [e for e in Log(earlier, earlier.name).read() if e["kind"] == "taken_up"]
    assert taken["by"] == run.begun["run"]
    assert run.begun["run"] in (earlier / "report.html").read_text(encoding="utf-8")


def test_a_check_tells_no_phases_and_an_event_only_of_its_end(run: Run) -> None:
    run.host.task_vars["__nats_upgrade_phase"] = "stage"
    run.host.run("nats_journal", check=True)
    assert run.events("phase") == []
    assert "Report: " in run.host.run("nats_upgrade_event", kind="failed", msg="boom", check=True)["msg"]


def test_outside_of_a_run_nothing_is_told_and_results_are_shown_as_ever() -> None:
    host = Host()
    host.answers = [{"failed": True, "msg": "boom"}]
    result = host.run("nats_journal")
    assert (result["msg"], "_ansible_verbose_override" in result) == ("boom", False)
    with pytest.raises(Exception, match="max_lag"):
        host.run("nats_health_wait", max_lag="many")
    host.answers = [ValueError("no JSON")]
    with pytest.raises(ValueError, match="no JSON"):
        host.run("nats_journal")


@pytest.mark.parametrize(
    ("verbosity", "assets", "hidden", "said"),
    [(0, 3, True, False), (1, 3, False, False), (0, 80_000, True, False), (1, 80_000, True, True), (3, 80_000, False, False)],
)
def test_with_v_all_of_a_result_is_shown_and_of_a_very_long_one_the_first_of_it(
    run: Run, verbosity: int, assets: int, hidden: bool, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(_teller.display, "verbosity", verbosity)
    monkeypatch.setattr(_teller.display, "v", shown.append)
    result = run.module(answer={"changed": True, "drain_seconds": 8.1, "assets": [f"A > {n}" for n in range(assets)]})
    assert result.get("_ansible_verbose_override", False) is hidden
    assert bool(shown) is said
    for text in shown:
        assert '"drain_seconds": 8.1' in text
        assert '"... 79980 more"' in text
        assert text.startswith("n1 => {")
        assert text.endswith("(-vvv for all)")
        assert len(text.splitlines()) < 40


def outages(run: Run) -> list[dict[str, Any]]:
    told = [{key: e.get(key) for key in ("host", "assets", "over")} for e in run.events("r1_outage")]
    assert all(7 <= round(e["seconds"]) < 60 and e["began"] < e["at"] for e in run.events("r1_outage"))
    return told


def drained(run: Run, **ended: Any) -> None:
    """A node with an asset of one replica, whose drain began seven seconds ago."""
    log = Log(run.begun["folder"], run.begun["run"])
    about = {"clusters": {"c1": ["n1", "n2"]}, "assets_down": {"n1": ["A > B"]}}
    log.write("planned", at=time.time() - 8, order=["n1", "n2"], **about)
    log.write("phase", at=time.time() - 7, host="n1", phase="drain", state="began")
    log.write("phase", at=time.time() - 6, host="n1", phase="drain", **{"state": "ended", **ended})


DOWN = {"host": "n1", "assets": ["A > B"], "over": None}


def test_what_was_down_until_a_node_was_put_back_is_told_once(run: Run) -> None:
    drained(run)
    run.module(event={"kind": "put_back", "version": "2.14.6", "detail": ""})
    run.host.run("nats_upgrade_event", kind="failed", msg="STOPPED")
    assert outages(run) == [DOWN]
    assert [e["kind"] for e in run.events()][-4:] == ["r1_outage", "put_back", "failed", "run_ended"]


def test_what_is_down_when_the_run_ends_is_told_as_open(run: Run) -> None:
    drained(run)
    run.host.run("nats_upgrade_event", kind="failed", msg="STOPPED")
    assert outages(run) == [{**DOWN, "over": False}]


def test_nothing_was_down_where_nothing_was_stopped(run: Run) -> None:
    drained(run, state="failed")
    run.host.run("nats_upgrade_event", kind="failed", msg="STOPPED", data={"stopped": False})
    assert run.events("r1_outage") == []
    assert run.events("failed")[0]["stopped"] is False


def test_a_wait_writes_what_its_polls_have_seen_and_asks_for_nothing_more(run: Run, shown: list[str]) -> None:
    def polls(host: Host, **given: Any) -> tuple[dict[str, Any], int]:
        with SimulatedServer() as server:
            server.be_alone()
            result = host.run("nats_health_wait", monitor_url=server.url, timeout_seconds=0.5, **given)
            return result, len(server.requests)

    alone, requests = polls(Host())
    watched, as_many = polls(run.host)
    assert (alone["back"], watched["back"], as_many) == (True, True, requests)
    (sample,) = run.events("sample")
    assert sample["servers"]["n1"]["reachable"]
    assert (sample["not_current"], sample["largest_lag"]) == (0, None)
    assert shown == []
    late, _unused = polls(run.host, version="9.9.9")
    assert late["failed"]
    assert shown[0].startswith("n1 catching up  version: runs ")


def test_a_drain_tells_how_many_clients_are_left(tmp_path: Path, shown: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_watch, "_DRAIN_SECONDS", 0.01)
    with SimulatedServer() as server:
        run = Run(tmp_path, nats_upgrade_monitor_url=server.url)
        clients = server.answers["/varz"]["body"]["connections"]

        def drains(**_unused: Any) -> dict[str, Any]:
            assert poll_until(lambda: len(shown) >= 2, bool, timeout_seconds=30).satisfied
            return {"changed": True}

        plugin = run.host.action("nats_swap", False, {})
        plugin._execute_module = drains
        assert plugin.run(task_vars=run.host.task_vars)["changed"]
        assert set(server.requests) == {"/varz"}
    assert shown[0] == _progress.draining("n1", clients, clients, 0)
    assert run.events("draining")[0]["connections"] == clients


@pytest.mark.parametrize(
    "how", [{"nats_upgrade_probe_from": "node"}, {"nats_upgrade_system_account": {"user": "s", "password": "x"}}]
)
def test_where_a_draining_server_cannot_be_asked_only_the_time_is_told(tmp_path: Path, shown: list[str], how: Any) -> None:
    run = Run(tmp_path, **how)
    run.module("nats_swap")
    assert shown == ["n1 draining  0 s"]
    assert run.events("draining") == []
