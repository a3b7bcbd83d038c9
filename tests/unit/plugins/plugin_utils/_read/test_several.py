"""Several ways to read at once, with connections that are played; real ones are the matter of the integration tests."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Target
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Reply
from ansible_collections.natsops.cluster.plugins.plugin_utils._read.over_nats import SystemAccount
from ansible_collections.natsops.cluster.plugins.plugin_utils._read.several import Several


class Played(SystemAccount):
    """A connection that answers each question with its own name, and keeps what it was asked and told."""

    def __init__(self, name: str, meet: threading.Barrier | None = None) -> None:
        super().__init__({"user": "sys", "password": name}, [], {}, 5.0)
        self.name, self.meet = name, meet
        self.asked: list[list[tuple[str, str]]] = []
        self.told: list[tuple[str, list[tuple[str, int]]]] = []
        self.open = 0

    def __enter__(self) -> Played:
        self.open += 1
        return self

    def __exit__(self, *unused: object) -> None:
        self.open -= 1
        super().__exit__()

    def ask(self, questions: Sequence[tuple[Target, str]]) -> list[Reply]:
        if self.meet:
            self.meet.wait(20)
        self.asked.append([(target.name, path) for target, path in questions])
        return [Answer(200, {"server_id": f"id-{target.name}", "by": self.name}, path) for target, path in questions]

    def tell(self, verb: str, clients: Sequence[tuple[str, int]]) -> None:
        self.told.append((verb, list(clients)))


class Refused(Played):
    def ask(self, questions: Sequence[tuple[Target, str]]) -> list[Reply]:
        raise NatsError("the servers do not let us in", refusal="x")


def targets(*names: str) -> list[Target]:
    return [Target(name, f"nats:{name}") for name in names]


def test_every_server_is_asked_by_its_own_way_and_all_ways_at_once_and_the_answers_keep_their_order() -> None:
    meet = threading.Barrier(2)
    east, west = Played("east", meet), Played("west", meet)
    e1, w1, e2 = targets("e1", "w1", "e2")
    with Several({"e1": east, "w1": west, "e2": east}) as several:
        assert (east.open, west.open) == (1, 1)
        replies = several.ask([(e1, "/varz"), (w1, "/varz"), (e2, "/varz"), (e1, "/routez")])
    told: list[Any] = [reply.body["by"] for reply in replies if isinstance(reply, Answer)]
    assert told == ["east", "west", "east", "east"]
    assert [reply.text for reply in replies if isinstance(reply, Answer)] == ["/varz", "/varz", "/varz", "/routez"]
    # One look, and so one request for each cluster.
    assert (len(east.asked), len(west.asked)) == (1, 1)
    assert (east.open, west.open) == (0, 0)


def test_nothing_is_asked_of_a_way_that_no_question_is_for() -> None:
    east, west = Played("east"), Played("west")
    with Several({"e1": east, "w1": west}) as several:
        several.ask([(targets("e1")[0], "/varz")])
        assert several.ask([]) == []
    assert west.asked == []


def test_clients_are_asked_over_the_connection_of_the_cluster_that_they_are_in() -> None:
    east, west = Played("east"), Played("west")
    with Several({"e1": east, "w1": west}) as several:
        several.ask([(target, "/varz") for target in targets("e1", "w1")])
        several.tell("KICK", [("id-w1", 7), ("id-e1", 4), ("id-w1", 9)])
    assert west.told == [("KICK", [("id-w1", 7), ("id-w1", 9)])]
    assert east.told == [("KICK", [("id-e1", 4)])]


def test_what_is_wrong_with_one_account_is_said_of_the_hosts_that_it_is_for() -> None:
    hosts = [f"w{number}" for number in range(1, 8)]
    west = Refused("west")
    with Several({"e1": Played("east"), **dict.fromkeys(hosts, west)}) as several, pytest.raises(NatsError) as failed:
        several.ask([(target, "/varz") for target in targets("e1", *hosts)])
    assert str(failed.value) == "w1, w2, w3, w4, w5 and 2 more: the servers do not let us in"
    assert failed.value.details == {"refusal": "x"}
