"""Answers of servers, by HTTP and over NATS, and all that is judged and told by them."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any, Mapping, Sequence

from hypothesis import strategies as st

from ansible_collections.natsops.cluster.plugins.module_utils._audit import drift as _drift
from ansible_collections.natsops.cluster.plugins.module_utils._audit import fleet as _fleet
from ansible_collections.natsops.cluster.plugins.module_utils._audit import text as _audit_text
from ansible_collections.natsops.cluster.plugins.module_utils._judge import baseline as _baseline
from ansible_collections.natsops.cluster.plugins.module_utils._judge import client_balance as _client_balance
from ansible_collections.natsops.cluster.plugins.module_utils._judge import health as _health
from ansible_collections.natsops.cluster.plugins.module_utils._judge import quorum as _quorum
from ansible_collections.natsops.cluster.plugins.module_utils._judge.busy_replicas import Steady
from ansible_collections.natsops.cluster.plugins.module_utils._plan import planner as _planner
from ansible_collections.natsops.cluster.plugins.module_utils._plan import restart as _restart
from ansible_collections.natsops.cluster.plugins.module_utils._plan import status as _status
from ansible_collections.natsops.cluster.plugins.module_utils._plan import surge as _surge
from ansible_collections.natsops.cluster.plugins.module_utils._plan import text as _plan_text
from ansible_collections.natsops.cluster.plugins.module_utils._plan.planner import plan_upgrade
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from ansible_collections.natsops.cluster.plugins.module_utils._read import clients as _clients
from ansible_collections.natsops.cluster.plugins.module_utils._read import facts as _facts
from ansible_collections.natsops.cluster.plugins.module_utils._read import http_faults as _http_faults
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Target
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Reply
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import over_nats as _over_nats
from tests.fuzz.harness import assert_nothing_is_obeyed, fuzz
from tests.fuzz.inputs import changed, changed_bytes
from tests.unit.recorded import NAMES, answers, read
from tests.unit.situations import POLICY, TARGET

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)
TARGETS = [Target(name, f"http://{name}:8222") for name in NAMES]
WELL = read("2.15.1", assets=True)
BEFORE = _baseline.take(WELL, "n1")
EXPECTED = {reading.name: _health.restart_expectation(reading) for reading in WELL}
CONNECTION = {"cid": 7, "kind": "Client", "type": "nats", "account": "APP", "name": "a", "lang": "go", "version": "1.48.0"}
CONNZ = {"connections": [{**CONNECTION, "ip": "10.0.0.9", "port": 5123, "uptime": "3m1s"}] * 2}
WELL_ANSWERED = {"/connz": {"status": 200, "body": CONNZ}}
RECORDED = {folder: {name: {**answers(folder, name), **WELL_ANSWERED} for name in NAMES} for folder in ("2.10.26", "2.15.1")}


class Cluster:
    """Answers as recorded, but for one server."""

    def __init__(self, folder: str, name: str, odd: Mapping[str, Any]) -> None:
        self._answers = {**RECORDED[folder], name: {**RECORDED[folder][name], **odd}}

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *unused: object) -> None:
        pass

    def ask(self, questions: Sequence[tuple[Target, str]]) -> list[Reply]:
        return [self._reply(target.name, path) for target, path in questions]

    def _reply(self, name: str, path: str) -> Reply:
        short = next((short for short in ("/jsz", "/healthz", "/connz") if path.startswith(f"{short}?")), path)
        answer = self._answers[name].get(short, {"status": 404, "body": None})
        # As it comes through a door: of JSON text there may be anything that JSON can say.
        try:
            return _http_faults.answer(answer["status"], bytearray(json.dumps(answer["body"]).encode()), None)
        except (RecursionError, ValueError):
            return Answer(answer["status"], None, "")


def clusters(*paths: str) -> st.SearchStrategy[Cluster]:
    """One server of a recorded cluster answers one path, of these, in another way."""
    return st.one_of(
        [
            st.builds(
                lambda status, body, folder=folder, name=name, path=path: Cluster(
                    folder, name, {path: {"status": status, "body": body}}
                ),
                st.sampled_from([RECORDED[folder][name][path]["status"]] * 3 + [500]),
                changed(RECORDED[folder][name][path]["body"]),
            )
            for folder, name in (("2.15.1", "n1"), ("2.15.1", "n2"), ("2.10.26", "n1"))
            for path in paths
            if path in RECORDED[folder][name]
        ]
    )


def judge_all(readings: Sequence[Reading], nodes: Mapping[str, Any] | None = None, surge: Any = ()) -> None:
    """Every judge, on what was read and what was found out on the nodes, and every text of what it says."""
    situation = Situation.of(readings, nodes or {})
    if surge:
        situation = Situation(situation.readings, situation.verdicts, situation.nodes, tuple(surge))
    for plan in (
        plan_upgrade(situation, TARGET, POLICY, refuse_r1=True),
        plan_upgrade(situation, "2.14.6", POLICY),
        _planner.plan_restart(_restart.with_digests(situation, {"n1": "x"}), POLICY, every=True, reboot=True),
    ):
        said = [_plan_text.lines(plan), _plan_text.notes(plan)]
        if plan.settled.refusals:
            said.append([str(_plan_text.refused(plan))])
        assert_nothing_is_obeyed(plan.as_dict(), said)
        json.dumps(plan.as_dict())
    told = _status.status(situation, POLICY, [], "nats")
    assert_nothing_is_obeyed(told["lines"])
    json.dumps(told)


@fuzz(clusters("/varz", "/jsz", "/raftz", "/raftz?acc=APP", "/routez", "/healthz"), examples=500)
def test_whatever_a_server_answers_all_is_judged_and_told(source: Cluster) -> None:
    readings = _monitor.read_state(source, TARGETS, assets=True)
    judge_all(readings)
    verdicts = _health.judge(Steady(100).steadied(readings), EXPECTED, max_lag=100)
    after = _baseline.take(readings, "n1")
    said = [_baseline.damage(BEFORE, after), _baseline.clients_lost(BEFORE, after), _baseline.leafs_lost(BEFORE, after)]
    assert_nothing_is_obeyed([str(verdict) for verdict in verdicts], said)
    for name in NAMES:
        assert_nothing_is_obeyed([str(missing) for missing in _quorum.without(readings, name, max_lag=100)])
    _health.distances(verdicts, 100)
    joined = [_surge.not_joined(readings, readings[:1], advertised=True), _surge.needed(readings, ["n1"])]
    assert_nothing_is_obeyed(joined, _surge.still_there(readings, ["n1"], ["x"]))


@fuzz(clusters("/varz", "/routez"), examples=250)
def test_whatever_a_server_answers_drift_is_judged_and_told(source: Cluster) -> None:
    drift = _drift.judge(_fleet.Fleet(tuple(_monitor.read_members(source, TARGETS)), NOW), POLICY)
    assert_nothing_is_obeyed(_audit_text.lines(drift), _audit_text.failure(drift))
    json.loads(_audit_text.as_json(drift))
    _audit_text.prometheus(drift, 1.0).encode()
    drift.brief()


@fuzz(clusters("/varz", "/routez"), examples=150)
def test_whatever_a_server_answers_facts_are_told_and_taken_back(source: Cluster) -> None:
    for reading in _monitor.read_facts(source, TARGETS):
        told = _facts.facts_of(reading)
        assert_nothing_is_obeyed(told)
        again = _facts.reading_of(json.loads(json.dumps(told)))
        assert again.facts is None or again.facts.server_name == told["server_name"]


@fuzz(changed(_facts.facts_of(WELL[0]), most=4), examples=300)
def test_facts_that_come_back_from_a_playbook_are_judged_or_refused(told: Any) -> None:
    reading = _facts.reading_of(told)
    drift = _drift.judge(_fleet.Fleet((reading,), NOW, whole=False), POLICY)
    assert_nothing_is_obeyed(_audit_text.lines(drift), drift.brief())
    plan_upgrade(Situation((reading,), ()), TARGET, POLICY).as_dict()


@fuzz(clusters("/connz"), examples=100)
def test_whatever_a_server_says_of_its_clients_they_are_told_and_counted(source: Cluster) -> None:
    told = [_clients._client(one) for one in _monitor.read_clients(source, TARGETS[0], 10)]
    assert_nothing_is_obeyed(told, _clients.lines(told))
    connections = _monitor.read_connections(source, TARGETS[:2])
    for name, found in connections.items():
        _client_balance.load_of(name, "SYS", found, 5, 100)


VARZ = json.dumps(answers("2.15.1")["/varz"]["body"]).encode()
OVER_NATS = json.dumps({"server": {"name": "n1", "id": "N"}, "data": {"version": "2.15.1"}}).encode()


@fuzz(st.tuples(st.integers(100, 599), changed_bytes(VARZ), st.sampled_from([None, "http://x\x1b"])), examples=150)
def test_whatever_bytes_come_by_http_are_an_answer_or_a_fault(reply: tuple[int, bytes, str | None]) -> None:
    status, content, location = reply
    answer = _http_faults.answer(status, bytearray(content), location)
    if isinstance(answer, Answer):
        _monitor.follow_ups(answer, answer)


@fuzz(st.one_of(changed_bytes(OVER_NATS), changed(json.loads(OVER_NATS)).map(lambda one: json.dumps(one).encode())), examples=150)
def test_whatever_bytes_come_over_nats_are_an_answer_or_a_fault(data: bytes) -> None:
    name, _reply = _over_nats._read(data)
    assert_nothing_is_obeyed(name)
