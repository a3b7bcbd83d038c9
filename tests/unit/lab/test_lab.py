from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from nats.errors import NoRespondersError

from ansible_collections.natsops.cluster.plugins.plugin_utils._probe.figures import Tally
from tests.lab import bytecode, engine, monitored, sampler
from tests.lab.binaries import LabError, check_version
from tests.lab.demo_report import Result
from tests.lab.load_assets import until_done
from tests.lab.load_report import LoadReport, report
from tests.lab.locks import lock_folder, locked, try_lock
from tests.lab.monitored import MonitoredCluster
from tests.lab.monitoring import NO_REPLY, Reply
from tests.lab.node import Node, Settings, config_text
from tests.lab.playbook import parse_recap
from tests.lab.ports import Ports, free_ports, release
from tests.lab.processes import look, wait_until
from tests.lab.record import classify, compact

RECAP = """\
TASK [PLAY RECAP is a word in here too] ***
PLAY RECAP *********************************************************************
\x1b[0;33mn1\x1b[0m          : \x1b[0;32mok=28  \x1b[0m \x1b[0;33mchanged=4   \x1b[0m unreachable=0    failed=0
n2                         : ok=22   changed=0    unreachable=1    failed=2    skipped=7    rescued=0    ignored=0

"""


def test_recap_is_read_with_and_without_colour() -> None:
    recap = parse_recap(RECAP)
    assert recap["n1"] == {"ok": 28, "changed": 4, "unreachable": 0, "failed": 0}
    assert (recap["n2"]["unreachable"], recap["n2"]["failed"], recap["n2"]["ignored"]) == (1, 2, 0)


def test_no_recap_is_no_host() -> None:
    assert parse_recap("ERROR! the playbook could not be found") == {}


@pytest.mark.parametrize("version", ["v2.15.1", "latest", "2.15", "", "2.15.1-RC.1"])
def test_version_that_is_not_exact_is_refused(version: str) -> None:
    with pytest.raises(LabError, match="write it like"):
        check_version(version)


def test_ports_of_one_block_do_not_overlap() -> None:
    ports = [port for host, port, _unused in Ports.from_base(20000).each(5) if host == "127.0.0.1"]
    assert len(set(ports)) == 35
    assert (min(ports), max(ports)) == (20001, 20065)


def test_with_addresses_of_their_own_all_nodes_have_the_same_ports(tmp_path) -> None:
    ports = replace(Ports.from_base(20000), own_addresses=True)
    nodes = [Node.numbered(number, tmp_path, ports) for number in (1, 2)]
    assert [node.monitor_url for node in nodes] == ["http://127.0.0.1:20011", "http://127.0.0.2:20011"]
    assert {(host, port) for host, port, _unused in ports.each(2)} >= {("127.0.0.1", 20001), ("127.0.0.2", 20001)}
    config = config_text(nodes[1], nodes, Settings())
    assert 'listen: "127.0.0.2:20021", routes: ["nats://127.0.0.1:20021"]' in config


def test_port_base_beyond_the_last_port_is_refused() -> None:
    with pytest.raises(LabError, match="does not fit"):
        Ports.from_base(65530)


def test_single_server_gets_no_cluster_block(tmp_path) -> None:
    node = Node.numbered(1, tmp_path, Ports.from_base(20000))
    assert "cluster {" not in config_text(node, [node], Settings())


def test_report_counts_lost_and_duplicated_messages() -> None:
    tally = Tally()
    for number in range(3):
        tally.stream.sent.add(number)
    for number in (0, 2):
        tally.stream.take(number, number + 1)
    found = report(tally, 1.0, [0, 2, 2, 9])
    assert (found.lost, found.lost_ids, found.duplicates_in_stream) == (1, ["1"], 1)
    assert found.never_delivered == 1


def test_report_survives_its_file(tmp_path) -> None:
    found = _load_report()
    found.write(tmp_path / "load.json")
    assert LoadReport.read(tmp_path / "load.json") == found


def _load_report(acknowledged: int = 1, in_stream: int = 1) -> LoadReport:
    tally = Tally()
    for number in range(acknowledged):
        tally.stream.sent.add(number)
    return report(tally, 1.0, range(in_stream))


def _saw(**changes: int) -> dict[str, object]:
    gaps = {"publish": 0.5, "consume": 0.25, "request": 2.0, "deliver": 0.0}
    counts = {"published": 10, "lost": 0, "duplicated": 0, "requests": 9, "failed_requests": 1}
    return {"longest_gap_seconds": gaps, **counts, **changes}


def _result(**changes: object) -> Result:
    settings: dict[str, object] = {
        "target": "2.15.1",
        "versions_before": {"n1": "2.14.6"},
        "versions_after": {"n1": "2.15.1"},
        "phases": {"n1": [sampler.Phases("2.14.6", "2.15.1", 0.0, 1.0, 0.5, 0.25)]},
        "clients": _saw(),
        "playbook_status": 0,
        "playbook_seconds": 30.0,
        "second_status": 0,
        "second_changed": 0,
        "second_seconds": 5.0,
    }
    return Result(**{**settings, **changes})  # type: ignore[arg-type]


def test_good_demo_has_no_problem_and_shows_all_phases() -> None:
    assert _result().problems() == []
    assert "n1    2.14.6  2.15.1  1.00 s         0.50 s    0.25 s  1.75 s" in _result().table()
    assert "requests failed             1 of 9" in _result().table()
    assert "clients     saw nothing" in _result(clients=None).table()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"clients": _saw(lost=1)}, "1 acknowledged messages were lost"),
        ({"clients": None}, "no client has published anything"),
        ({"versions_after": {"n1": "2.14.6"}}, "not at 2.15.1: n1"),
        ({"playbook_status": 2, "second_status": None, "second_changed": None}, "the playbook ended with status 2"),
        ({"second_changed": 3}, "the second run changed 3 things"),
        ({"second_status": 4}, "the second run ended with status 4"),
    ],
)
def test_what_must_not_happen_is_a_problem(changes: dict[str, object], problem: str) -> None:
    assert _result(**changes).problems() == [problem]
    assert _result(**changes).table()


def test_phases_follow_a_node_from_drain_to_return(tmp_path, monkeypatch) -> None:
    settled = {"meta": {"leader": "n2"}}
    looks = [
        (Reply(200), {}, {}),
        (Reply(500), {"start": "old"}, {}),
        (NO_REPLY, {}, {}),
        (Reply(500), {"start": "new", "version": "2.15.1"}, {}),
        # Healthy says the server, but its group has no leader: not back.
        (Reply(200), {}, {"meta": {}}),
        (Reply(200), {}, settled),
        (Reply(200), {}, settled),
    ]
    node = Node.numbered(1, tmp_path, Ports.from_base(20000))
    watch = sampler.Watch(node, [], frozenset({"meta"}), "old", "2.14.6")
    for number, (health, varz, groups) in enumerate(looks):
        answers = {"/healthz": health, "/varz": Reply(200, varz)}
        monkeypatch.setattr(sampler, "ask", lambda port, path, seconds, answers=answers: answers[path])
        monkeypatch.setattr(sampler, "raft_groups", lambda port, accounts, groups=groups: groups)
        monkeypatch.setattr(time, "monotonic", lambda number=number: float(number))
        watch.look()
    assert watch.finished == [sampler.Phases("2.14.6", "2.15.1", 1.0, 1.0, 1.0, 2.0)]


def _recorded(status: int, body: dict[str, object], *groups: dict[str, object]) -> dict[str, object]:
    raftz = {"status": 200, "body": {"APP": {str(i): group for i, group in enumerate(groups)}}}
    return {"/healthz": {"status": status, "body": body}, "/raftz": raftz, "/raftz?acc=APP": raftz}


@pytest.mark.parametrize(
    ("recorded", "situation"),
    [
        (_recorded(500, {}), "starting"),
        (_recorded(503, {"error": "JetStream stream 'A > S' is not current: group node unhealthy"}), "recovering"),
        (_recorded(503, {"error": "JetStream is still recovering meta layer"}), "recovering_meta"),
        (_recorded(200, {}, {"leader": "x"}, {}), "leaderless"),
        (_recorded(200, {}, {"leader": "x"}), None),
        (_recorded(0, {}), None),
    ],
)
def test_situations_are_told_apart(recorded: dict[str, object], situation: str | None) -> None:
    assert classify(recorded) == situation


def test_compact_json_is_the_same_json() -> None:
    value = {"a": [{"b": "x" * 60, "c": ["y" * 60, None]}, {}], "d": 1}
    assert json.loads(compact(value)) == value
    assert max(map(len, compact(value).splitlines())) <= 110


def test_ports_are_given_out_once_until_they_are_released() -> None:
    given = [free_ports(3) for _unused in range(5)]
    assert len(set(given)) == 5
    assert [try_lock(f"ports-{ports.client}") for ports in given] == [None] * 5
    held = [lock_folder().resolve() / f"ports-{ports.client}" for ports in given]
    assert [path for path in held if path in _opened()] == held
    for ports in given:
        release(ports)
    # What is closed is let go of. To take one would say less: another worker may have it by now.
    assert [path for path in held if path in _opened()] == []


def _opened() -> set[Path]:
    """The files that this process has open."""
    with os.scandir("/proc/self/fd") as entries:
        found = [entry.path for entry in entries]
    return {Path(os.readlink(path)) for path in found if os.path.lexists(path)}


class Answering(MonitoredCluster[Node]):
    """Two servers that say who leads; None is no answer in time."""

    def __init__(self, *leaders: str | None) -> None:
        self.nodes = dict.fromkeys(("n1", "n2"))  # type: ignore[arg-type]
        self._answers = iter(leaders)

    def ask(self, name: str, path: str) -> Reply:
        leader = next(self._answers)
        return Reply(200, {"meta_cluster": {"leader": leader}}) if leader else NO_REPLY


def test_a_leader_is_known_once_all_servers_name_the_same_one() -> None:
    assert Answering("n1", None).leader() is None
    assert Answering("n1", None, "n2", "n1", "n1", "n1").known_leader() == "n1"


def test_a_leader_that_never_becomes_known_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitored, "LEADER_SECONDS", 0.0)
    with pytest.raises(LabError, match="do not agree on a meta leader"):
        Answering(*["n1", None] * 9).known_leader()


def test_what_nobody_answers_at_first_is_done_again() -> None:
    failures = [asyncio.TimeoutError(), NoRespondersError(), None]

    async def work() -> None:
        if failure := failures.pop(0):
            raise failure

    asyncio.run(until_done(work))
    assert failures == []


def test_a_lock_is_held_until_it_is_closed() -> None:
    name = f"test-{os.getpid()}"
    with locked(name):
        assert try_lock(name) is None
    holding = try_lock(name)
    assert holding is not None
    os.close(holding)


def test_what_is_imported_from_a_zip_is_compiled_once_and_again_where_the_kept_bytecode_is_damaged(tmp_path: Path) -> None:
    archive, kept = tmp_path / "payload.zip", tmp_path / "kept"
    kept.mkdir()
    program = f"import sys; sys.path.insert(0, {str(archive)!r}); import of_the_payload; print(of_the_payload.NAME)"
    env = {**os.environ, "PYTHONPATH": str(bytecode.SITE), bytecode.VARIABLE: str(kept)}

    def run(name: str) -> str:
        with zipfile.ZipFile(archive, "w") as payload:
            payload.writestr("of_the_payload.py", f"NAME = {name!r}")
        return subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True).stdout.strip()

    assert [run("one"), run("one"), len(list(kept.iterdir()))] == ["one", "one", 1]
    (only,) = kept.iterdir()
    right = only.read_bytes()
    only.write_bytes(right[:20])
    assert (run("one"), only.read_bytes()) == ("one", right)
    # By what the source is, and not by its name.
    assert (run("two"), len(list(kept.iterdir()))) == ("two", 2)


def test_pid_file_of_a_killed_engine_is_removed_and_that_of_a_living_one_kept(tmp_path) -> None:
    files = {tmp_path / name: "sleep" for name in ("living", "others", "gone", "damaged", "none")}
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            # For an instant of its exec it has no arguments.
            assert wait_until(lambda: look(process.pid).argv[:1] == ("sleep",), 60)
            (tmp_path / "living").write_text(str(process.pid))
            # Its pid has been given to another program since.
            (tmp_path / "others").write_text(f"{os.getpid()}\n")
            (tmp_path / "gone").write_text(str(2**31 - 1))
            (tmp_path / "damaged").write_text("")
            engine.remove_stale_pid_files(files)
        finally:
            process.kill()
    assert [path.name for path in tmp_path.iterdir()] == ["living"]
