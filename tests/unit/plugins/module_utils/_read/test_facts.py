from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import facts as _facts
from tests.unit.nats import SimulatedServer
from tests.unit.recorded import VERSIONS, read
from tests.unit.servers import free_port


def params(**given: Any) -> dict[str, Any]:
    return {**{name: spec.get("default") for name, spec in _facts.SPEC.items()}, **given}


@pytest.mark.parametrize("version", VERSIONS)
def test_facts_of_every_version_are_complete(version: str) -> None:
    facts = _facts.facts_of(read(version)[0])
    major, minor, patch = map(int, version.split("."))
    assert facts["parsed_version"] == {"major": major, "minor": minor, "patch": patch, "suffix": "", "prerelease": False}
    assert (facts["name"], facts["reachable"], facts["version"], facts["peers"]) == ("n1", True, version, ["n2", "n3"])
    assert facts["uptime_seconds"] >= 0
    assert "error" not in facts


def test_one_server_gives_its_facts_under_the_name_of_its_host() -> None:
    with SimulatedServer() as server:
        facts = _facts.version_facts(params(monitor_url=server.url), "host-1")
    assert (facts["name"], facts["monitor_url"], facts["server_name"]) == ("host-1", server.url, "n1")


def test_one_server_that_cannot_be_read_is_an_error_that_says_what_to_look_at() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(NatsError) as unreadable:
        _facts.version_facts(params(monitor_url=url), "host-1")
    assert str(unreadable.value).startswith(f"host-1 {url}: cannot be read: connection refused. Check that the server runs")
    assert unreadable.value.details == {"monitor_url": url}


def test_of_several_servers_one_that_cannot_be_read_is_an_entry_with_an_error() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with SimulatedServer() as server:
        both = [{"name": "up", "monitor_url": server.url}, {"name": "down", "monitor_url": url}]
        up, down = _facts.version_facts(params(servers=both))["servers"]
    assert (up["name"], up["reachable"]) == ("up", True)
    assert down == {"name": "down", "monitor_url": url, "reachable": False, "error": "connection refused"}


def test_a_list_of_one_is_a_list() -> None:
    with SimulatedServer() as server:
        facts = _facts.version_facts(params(servers=[{"name": "up", "monitor_url": server.url}]))
    assert [one["name"] for one in facts["servers"]] == ["up"]


def test_a_version_of_ones_own_making_is_not_taken_apart() -> None:
    with SimulatedServer() as server:
        server.answers["/varz"]["body"]["version"] = "2.15-dev"
        facts = _facts.version_facts(params(monitor_url=server.url))
    assert (facts["version"], facts["parsed_version"]) == ("2.15-dev", None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("59s", 59),
        ("1m0s", 60),
        ("1h2m3s", 3723),
        ("2d0h0m1s", 172801),
        ("1y2d3h4m5s", 31719845),
        ("", 0),
        ("s" * 9, 0),
    ],
)
def test_an_uptime_is_counted_in_seconds(text: str, seconds: int) -> None:
    assert _facts.uptime_seconds(text) == seconds


def test_an_uptime_that_no_server_has_is_no_crash() -> None:
    assert _facts.uptime_seconds("9" * 5000 + "s") > 0


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"version": 1}, "version is 1, and has to be text"),
        ({"connections": "5"}, "connections is '5', and has to be a whole number"),
        ({"jetstream": None}, "jetstream is None, and has to be true or false"),
        ({"peers": [1]}, "peers is [1], and has to be a list of texts"),
        ({"configured_routes": "n2"}, "configured_routes is 'n2'"),
        ({"reachable": "yes"}, "reachable is 'yes'"),
        ({"start": []}, "start is []"),
    ],
)
def test_facts_that_come_back_with_another_type_are_an_error(changed: dict[str, Any], why: str) -> None:
    told = _facts.facts_of(read("2.15.1")[0])
    with pytest.raises(NatsError) as wrong:
        _facts.reading_of({**told, **changed})
    assert f" is not an entry of nats_version.servers: {why}" in str(wrong.value)


@pytest.mark.parametrize("told", [None, [], "n1", 7])
def test_what_is_no_dictionary_is_no_entry(told: Any) -> None:
    with pytest.raises(NatsError, match=r"is not an entry of nats_version\.servers: it is no dictionary"):
        _facts.reading_of(told)
