"""Who has too many clients, and who of them is asked next."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._judge import client_balance as _client_balance
from ansible_collections.natsops.cluster.plugins.module_utils._judge.client_balance import Load


@pytest.mark.parametrize(
    ("clients", "tolerance", "over"),
    [
        pytest.param({}, 20, {}, id="no-servers"),
        pytest.param({"n1": 0, "n2": 0, "n3": 0}, 20, {}, id="no-clients"),
        pytest.param({"n1": 50}, 20, {}, id="one-server"),
        pytest.param({"n1": 30, "n2": 0, "n3": 0}, 20, {"n1": 18}, id="all-on-one"),
        pytest.param({"n1": 30, "n2": 0, "n3": 0}, 0, {"n1": 20}, id="no-tolerance"),
        pytest.param({"n1": 12, "n2": 12, "n3": 6}, 20, {}, id="at-the-tolerance"),
        pytest.param({"n1": 13, "n2": 11, "n3": 6}, 20, {"n1": 1}, id="one-above-it"),
        pytest.param({"n1": 20, "n2": 20, "n3": 5}, 20, {"n1": 2, "n2": 2}, id="two-overfull"),
        pytest.param({"n1": 1, "n2": 0, "n3": 0}, 20, {}, id="a-client-cannot-be-divided"),
        pytest.param({"n1": 2, "n2": 1, "n3": 1}, 0, {}, id="nor-the-rest-of-a-division"),
        pytest.param({"n1": 3, "n2": 0, "n3": 0}, 20, {"n1": 2}, id="few"),
    ],
)
def test_a_server_has_too_many_above_the_mean_and_the_tolerance(
    clients: dict[str, int], tolerance: int, over: dict[str, int]
) -> None:
    assert _client_balance.surplus(clients, tolerance) == over
    assert bool(_client_balance.uneven({"lab": clients}, tolerance)) is bool(over)


@pytest.mark.parametrize(("over", "percent", "size"), [(0, 10, 1), (3, 10, 1), (180, 10, 18), (181, 10, 19), (7, 100, 7)])
def test_a_batch_is_a_part_of_those_that_are_too_many_and_one_at_least(over: int, percent: int, size: int) -> None:
    assert _client_balance.batch_size(over, percent) == size


def load(host: str, clients: int, movable: int | None = None, **limits: int) -> Load:
    return Load(host, clients, tuple(range(clients if movable is None else movable)), **limits)


def asked(loads: list[Load], batch: int) -> dict[str, int]:
    return {host: len(cids) for host, cids in _client_balance.moves(loads, 20, batch).items()}


def test_the_oldest_of_the_fullest_are_asked_first_and_not_more_than_a_batch() -> None:
    loads = [load("n1", 20), load("n2", 25), load("n3", 0)]
    # 18 may be on each.
    assert _client_balance.moves(loads, 20, 5) == {"n2": (0, 1, 2, 3, 4)}
    assert asked(loads, 8) == {"n2": 7, "n1": 1}
    assert asked(loads, 100) == {"n2": 7, "n1": 2}


def test_nobody_is_asked_where_it_is_even() -> None:
    assert asked([load("n1", 12), load("n2", 12), load("n3", 6)], 100) == {}


def test_not_more_are_asked_than_the_others_have_room_for() -> None:
    full = {"connections": 4, "max_connections": 4}
    assert asked([load("n1", 30), load("n2", 4, **full), load("n3", 2, connections=5, max_connections=8)], 100) == {"n1": 3}
    assert asked([load("n1", 30), load("n2", 4, **full), load("n3", 4, **full)], 100) == {}
    # No limit, as the server tells it.
    assert asked([load("n1", 30), load("n2", 0, max_connections=0), load("n3", 0, max_connections=-1)], 100) == {"n1": 18}


def test_who_may_not_be_moved_is_counted_and_not_asked() -> None:
    assert asked([load("n1", 30, movable=2), load("n2", 0), load("n3", 0)], 100) == {"n1": 2}
    assert asked([load("n1", 30, movable=0), load("n2", 0), load("n3", 0)], 100) == {}


def connection(cid: int, **values: Any) -> dict[str, Any]:
    return {"cid": cid, "kind": "Client", "type": "nats", "account": "APP", **values}


def test_only_clients_of_ordinary_accounts_count_and_mqtt_is_left_alone() -> None:
    connections = [
        connection(9),
        connection(4, type="websocket"),
        connection(5, type="mqtt"),
        connection(6, account="SYS"),
        connection(7, kind="Leafnode"),
        {"cid": 8, "kind": "Client"},
    ]
    assert _client_balance.load_of("n1", "SYS", connections, 6, 100) == Load("n1", 3, (4, 9), 6, 100)


def test_a_client_without_an_id_is_counted_and_cannot_be_asked() -> None:
    nameless = {key: value for key, value in connection(5).items() if key != "cid"}
    assert _client_balance.load_of("n1", "SYS", [connection(4), nameless], 2, 100) == Load("n1", 2, (4,), 2, 100)


def test_each_server_has_one_line() -> None:
    counts = {"n1": {"before": 120, "after": 3}, "node10": {"before": 0, "after": 1}, "n3": {"before": None, "after": None}}
    assert _client_balance.lines(counts) == ["n1      120 -> 3 clients", "node10  0 -> 1 client", "n3      ? -> ? clients"]


def test_what_is_uneven_is_said_for_each_cluster() -> None:
    clusters = {"east": {"n1": 30, "n2": 0, "n3": 0}, "west": {"n4": 2, "n5": 2}, "edge": {"n6": 100}}
    assert _client_balance.uneven(clusters, 20) == ["n1 has 30 of 30 clients; evenly, each would have 10 (within 20 %)"]
