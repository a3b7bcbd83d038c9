"""Monitoring ports read on the servers' own hosts; the hosts are played."""

from __future__ import annotations

from typing import Any, Mapping

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Target
from ansible_collections.natsops.cluster.plugins.module_utils._read.reply import Answer, Fault
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory
from ansible_collections.natsops.cluster.plugins.plugin_utils._read.nodes import OverNodes

N1, N2 = Target("n1", "http://127.0.0.1:8222/nats"), Target("n2", "http://127.0.0.1:8222")


def test_each_host_is_asked_once_for_all_that_is_asked_of_its_server_and_replies_come_in_order() -> None:
    asked: dict[str, Mapping[str, Any]] = {}

    def run(host: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        asked[host] = args
        return {"replies": [{"status": 200, "body": {"of": f"{host} {url}"}, "text": ""} for url in args["urls"]]}

    with OverNodes(run, {"ca_path": "/ca.pem"}) as source:
        replies = source.ask([(N1, "/varz"), (N2, "/varz"), (N1, "/routez")])
    assert asked["n1"] == {
        "urls": ["http://127.0.0.1:8222/nats/varz", "http://127.0.0.1:8222/nats/routez"],
        "follow": True,
        "ca_path": "/ca.pem",
    }
    assert replies == [
        Answer(200, {"of": "n1 http://127.0.0.1:8222/nats/varz"}, ""),
        Answer(200, {"of": "n2 http://127.0.0.1:8222/varz"}, ""),
        Answer(200, {"of": "n1 http://127.0.0.1:8222/nats/routez"}, ""),
    ]


def test_what_a_host_has_read_on_is_an_answer_to_the_next_question_only() -> None:
    asked: list[str] = []

    def run(_host: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.extend(args["urls"])
        number = len(asked)
        told = {"status": 200, "body": number, "text": ""}
        return {"replies": [told] * len(args["urls"]), "followed": {"/raftz": {**told, "body": -number}}}

    with OverNodes(run, {}) as source:
        bodies = [source.ask([(N2, path)]) for path in ("/varz", "/raftz", "/varz", "/routez", "/raftz")]
    assert asked == [N2.url(path) for path in ("/varz", "/varz", "/routez")]
    assert bodies == [[Answer(200, body, "")] for body in (1, -1, 2, 3, -3)]


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        pytest.param(AnsibleConnectionFailure("gone"), Fault("its host cannot be reached, to be read there: gone"), id="lost"),
        pytest.param(
            {"failed": True, "msg": "no Python"}, Fault("monitoring cannot be read on its host: no Python"), id="failed"
        ),
        pytest.param(
            {"failed": True, "msg": "old Python", "lasting": True},
            Fault("monitoring cannot be read on its host: old Python", True),
            id="failed_for_good",
        ),
        pytest.param({"replies": [{"error": "refused", "lasting": True, "status": None}]}, Fault("refused", True), id="fault"),
    ],
)
def test_a_host_that_is_lost_is_a_server_that_does_not_answer_and_no_crash(outcome: Any, fault: Fault) -> None:
    def run(host: str, _args: Mapping[str, Any]) -> Mapping[str, Any]:
        if host == "n2":
            return {"replies": [{"status": 200, "body": {}, "text": ""}]}
        if isinstance(outcome, Exception):
            raise outcome
        return outcome  # type: ignore[no-any-return]

    assert OverNodes(run, {}).ask([(N1, "/varz"), (N2, "/varz")]) == [fault, Answer(200, {}, "")]


TOLD = {"status": 200, "body": {}, "text": ""}


@pytest.mark.parametrize(
    "result",
    [
        *(
            {"replies": replies}
            for replies in (None, 7, [None], ["x"], [{}], [{"status": "x", "body": 1, "text": ""}], [], [TOLD] * 2)
        ),
        *({"replies": [TOLD], "followed": followed} for followed in (None, [1], {"/x": None}, {"/x": {"error": 1}})),
    ],
    ids=str,
)
def test_what_a_host_gives_back_that_is_no_reading_is_a_fault(result: dict[str, Any]) -> None:
    (reply,) = OverNodes(lambda _host, _args: result, {}).ask([(N1, "/varz")])
    assert isinstance(reply, Fault)
    assert "back from its host" in reply.message


def test_what_ansible_cannot_do_at_all_is_an_error_that_names_the_host() -> None:
    def run(host: str, _args: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AnsibleError("no such plugin")

    with pytest.raises(NatsError, match="n1: monitoring cannot be read there: no such plugin"):
        OverNodes(run, {}).ask([(N1, "/varz")])


def test_a_host_has_its_own_variables_and_those_of_the_play_but_none_of_the_tasks_host() -> None:
    hostvars = {"n1": {"inventory_hostname": "n1", "ansible_host": "10.0.0.1"}, "n2": {"inventory_hostname": "n2"}}
    task_vars = {**hostvars["n1"], "of_the_play": 1, "hostvars": hostvars}
    variables = _inventory.variables_of("n2", task_vars)
    assert {name: variables.get(name) for name in ("inventory_hostname", "ansible_host", "of_the_play")} == {
        "inventory_hostname": "n2",
        "ansible_host": None,
        "of_the_play": 1,
    }
