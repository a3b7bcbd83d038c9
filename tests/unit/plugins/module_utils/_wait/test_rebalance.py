"""Clients are asked in rounds, judged by fresh numbers, while the cluster is well; the servers and their clients are played."""

from __future__ import annotations

import copy
from typing import Any, Callable, Sequence

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import CONNECTIONS_IN_A_PAGE, Target
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Fault, Reply
from ansible_collections.natsops.cluster.plugins.module_utils._wait import rebalance as _rebalance
from tests.unit.clock import Clock
from tests.unit.recorded import NAMES, answers

# To which server a client of this one goes that was kicked; None where it stays away.
Goes = Callable[[str], "str | None"]


class Played:
    """A healthy cluster of three whose clients can be told to go. Each has a new id wherever it connects."""

    def __init__(self, *clients: int, goes: Goes | None = None, **kinds: Any) -> None:
        self.answers = {name: copy.deepcopy(answers("2.15.1", name)) for name in NAMES}
        self.ids = {self.answers[name]["/varz"]["body"]["server_id"]: name for name in NAMES}
        self.next_cid, self.kinds = 10, kinds
        self.clients: dict[str, list[int]] = {name: [] for name in NAMES}
        for name, count in zip(NAMES, clients):
            for _unused in range(count):
                self._connect(name)
        self.goes: Goes = goes or (lambda name: min(NAMES, key=lambda other: len(self.clients[other])))
        self.clock, self.told, self.ill = Clock(), [], False
        self.watched: list[tuple[int, int]] = []

    def __enter__(self) -> Played:
        return self

    def __exit__(self, *unused: object) -> None:
        pass

    def _connect(self, name: str) -> None:
        self.next_cid += 1
        self.clients[name].append(self.next_cid)

    @property
    def counts(self) -> list[int]:
        return [len(self.clients[name]) for name in NAMES]

    def ask(self, questions: Sequence[tuple[Target, str]]) -> list[Reply]:
        return [self._reply(target.name, path) for target, path in questions]

    def _reply(self, name: str, path: str) -> Reply:
        if path.startswith("/connz?auth=true"):
            offset = int(path.rpartition("=")[2])
            page = self.clients[name][offset : offset + CONNECTIONS_IN_A_PAGE]
            known = {"kind": "Client", "type": "nats", "account": "APP", **self.kinds}
            return Answer(200, {"connections": [{"cid": cid, **known} for cid in page]}, "")
        if self.ill and name == "n2":
            return Fault("connection refused")
        short = next((short for short in ("/jsz", "/healthz") if path.startswith(f"{short}?")), path)
        answer = self.answers[name][short]
        body = {**answer["body"], "connections": len(self.clients[name])} if path == "/varz" else answer["body"]
        return Answer(answer["status"], body, "")

    def tell(self, verb: str, clients: Sequence[tuple[str, int]]) -> None:
        named = [(self.ids[server], cid) for server, cid in clients]
        self.told.append((verb, named))
        for name, cid in named if verb == "KICK" else ():
            self.clients[name].remove(cid)
            to = self.goes(name)
            if to:
                self._connect(to)

    def run(self, *, alone: bool = False, **given: Any) -> dict[str, Any]:
        defaults = {name: option.get("default") for name, option in _rebalance.SPEC.items()}
        targets = [Target(name, f"nats:{name}") for name in NAMES]
        tell = None if alone else self.tell
        return _rebalance.Rebalance(
            {**defaults, "hosts": NAMES, **given},
            self,
            targets,
            tell,
            self.clock.now,
            self.clock.sleep,
            lambda asked, over: self.watched.append((asked, over)),
        ).run()


def test_all_on_one_server_are_moved_in_small_batches_until_it_is_even() -> None:
    played = Played(30, 0, 0)
    result = played.run(before={"n1": 10, "n2": 11})
    # 18 are too many: two at a time.
    assert [len(clients) for _unused, clients in played.told] == [2] * 18
    assert [verb for verb, _unused in played.told[:2]] == ["LDM", "KICK"]
    assert played.told[0][1] == played.told[1][1]
    assert (result["changed"], result["asked"], result["rounds"], result["even"]) == (True, 18, 9, True)
    assert played.counts == [12, 9, 9]
    assert result["connections"]["n1"] == {"before": 10, "after": 12}
    assert result["connections"]["n3"] == {"before": None, "after": 9}
    assert result["lines"][-1] == "18 clients were asked to move, in 9 rounds: they sit evenly now"
    # In each round, and once more when it is even.
    assert played.watched == [(asked, 18 - asked) for asked in range(0, 20, 2)]


def test_nobody_is_asked_twice_and_time_is_given_before_a_connection_is_ended() -> None:
    played = Played(30, 0, 0)
    played.run(pause_seconds=7)
    asked = [client for verb, clients in played.told for client in clients if verb == "KICK"]
    assert len(set(asked)) == len(asked)
    assert played.clock.slept.count(7) == 9


@pytest.mark.parametrize("clients", [(0, 0, 0), (10, 10, 10), (12, 12, 6), (1, 0, 0)])
def test_where_it_is_even_nobody_is_asked_and_nothing_is_changed(clients: tuple[int, ...]) -> None:
    played = Played(*clients)
    result = played.run()
    assert (result["changed"], result["asked"], result["told"], played.told) == (False, 0, "", [])


def test_more_clients_than_a_page_are_all_counted() -> None:
    played = Played(3000, 0, 0)
    assert played.run(batch_percent=50)["even"] is True
    assert max(played.counts) <= 1200


def test_clients_that_come_back_to_where_they_were_end_it_and_are_no_failure() -> None:
    played = Played(30, 0, 0, goes=lambda name: name)
    result = played.run()
    assert (result["even"], result["rounds"], played.counts) == (False, 3, [30, 0, 0])
    assert "Still uneven after 6 clients were asked to move: n1 has 30 of 30" in result["told"]
    assert "come back to where they were" in result["told"]


def test_it_ends_after_so_many_rounds_though_each_makes_it_a_little_better() -> None:
    played = Played(900, 0, 0)
    rounds: set[int] = set()

    def goes(name: str) -> str:
        # One of each batch moves; the others come back.
        first = len(played.told) not in rounds
        rounds.add(len(played.told))
        return "n3" if first else name

    played.goes = goes
    result = played.run(batch_percent=50)
    assert (result["rounds"], result["even"], played.counts) == (9, False, [891, 0, 9])
    assert "run it again to go on" in result["told"]


def test_clients_that_stay_away_end_it_at_once() -> None:
    played = Played(30, 0, 0, goes=lambda name: None)
    result = played.run()
    assert (result["asked"], result["even"]) == (2, False)
    assert "not connected again after 10 s. No more were asked" in result["told"]


def test_one_of_many_that_leaves_for_good_is_nothing_to_stop_for() -> None:
    gone = iter([None])
    played = Played(30, 0, 0)
    played.goes = lambda name: next(gone, "n2" if len(played.clients["n2"]) < 9 else "n3")
    assert played.run()["even"] is True
    assert sum(played.counts) == 29


def test_where_the_others_have_no_room_nobody_is_asked() -> None:
    played = Played(30, 0, 0)
    played.answers["n2"]["/varz"]["body"]["max_connections"] = 1
    played.answers["n3"]["/varz"]["body"]["max_connections"] = 1
    result = played.run()
    # Two at a time, and then both are full.
    assert (result["asked"], played.counts) == (2, [28, 1, 1])
    assert "no room (max_connections)" in result["told"]


def test_mqtt_clients_are_left_alone_and_it_is_said() -> None:
    played = Played(30, 0, 0, type="mqtt")
    result = played.run()
    assert (played.told, result["changed"]) == ([], False)
    assert "speak MQTT" in result["told"]


def test_nobody_is_asked_while_a_server_is_not_well() -> None:
    played = Played(30, 0, 0)
    played.ill = True
    with pytest.raises(NatsError, match="not asked to move while the cluster is not well") as failed:
        played.run(timeout_seconds=30)
    assert "n2" in str(failed.value)
    assert (played.told, failed.value.details["asked"]) == ([], 0)


def test_a_server_that_falls_ill_meanwhile_is_waited_for_and_then_ends_it() -> None:
    played = Played(30, 0, 0)

    def goes(name: str) -> str:
        played.ill = True
        return "n3"

    played.goes = goes
    with pytest.raises(NatsError, match="2 clients were asked before"):
        played.run(timeout_seconds=30)
    assert played.counts == [28, 0, 2]


def test_servers_of_other_clusters_are_no_place_to_go_to() -> None:
    played = Played(30, 0, 0)
    played.answers["n1"]["/varz"]["body"]["cluster"] = {"name": "other"}
    for name, own in (("n1", ()), ("n2", ("n3",)), ("n3", ("n2",))):
        routez = played.answers[name]["/routez"]["body"]
        routez["routes"] = [route for route in routez["routes"] if route["remote_name"] in own]
    assert played.run()["told"] == ""
    assert played.told == []


def test_without_moving_it_is_counted_and_said_what_would_even_it() -> None:
    played = Played(30, 0, 0)
    result = played.run(move=False, alone=True)
    assert (result["changed"], result["even"], played.told) == (False, False, [])
    assert result["lines"][:3] == ["n1  ? -> 30 clients", "n2  ? -> 0 clients", "n3  ? -> 0 clients"]
    assert "n1 has 30 of 30 clients" in result["told"]
    assert "nats_upgrade_rebalance: true" in result["told"]


def test_a_server_that_is_silent_is_not_counted() -> None:
    played = Played(10, 10, 10)
    played.ill = True
    result = played.run(move=False, alone=True)
    assert result["connections"]["n2"] == {"before": None, "after": None}
    assert result["even"] is True


def test_without_a_system_account_it_is_refused() -> None:
    with pytest.raises(NatsError) as refused:
        Played(30, 0, 0).run(alone=True)
    assert refused.value.details["refusal"] == "rebalance_account"


@pytest.mark.parametrize(
    "given", [{"tolerance_percent": -1}, {"batch_percent": 0}, {"batch_percent": 101}, {"pause_seconds": -1}]
)
def test_numbers_that_make_no_sense_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(NatsError, match="cannot be negative"):
        Played(30, 0, 0).run(**given)
