"""A user of one account names a stream so that a terminal obeys it: no task says it, and everything is found all the same."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Iterator
from unittest.mock import ANY

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.plugin_utils._page import page as _page
from ansible_collections.natsops.cluster.plugins.plugin_utils._report import build as _build
from tests.unit.nats import SimulatedServer
from tests.unit.plugins.action.test_looking import Looked, sick
from tests.unit.recorded import NAMES
from tests.unit.situations import RUNNING, journal

EVIL = "\x1b[2J\x1b[H\x9b31m\u202e\nok:[n1]\r\x07\u200b\\x1b"
NAMED = {name: name + EVIL for name in ("APP", "SYS", "ORDERS", "LOCAL", "worker", "lab", *NAMES)}
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")


def hostile(value: Any) -> Any:
    """The same answer with every name in it followed by what a terminal obeys."""
    if isinstance(value, dict):
        return {NAMED.get(key, key): hostile(one) for key, one in value.items()}
    if isinstance(value, list):
        return [hostile(one) for one in value]
    return NAMED.get(value, value) if isinstance(value, str) else value


@pytest.fixture
def cluster() -> Iterator[Looked]:
    with ExitStack() as stack:
        servers = {name: stack.enter_context(SimulatedServer(RUNNING, name)) for name in NAMES}
        for server in servers.values():
            server.answers = {path.replace("acc=APP", f"acc={NAMED['APP']}"): hostile(a) for path, a in server.answers.items()}
        yield Looked(servers)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from (*texts(key), *texts(one))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str):
        yield value


def assert_nothing_is_obeyed(result: dict[str, Any], *, lines: bool = False) -> None:
    """In a whole result; where there are C(lines), no name has made one."""
    said = list(texts(result))
    assert [text for text in said if OBEYED.search(text)] == []
    assert [text for text in said if "\nok:[n1]" in text] == []
    assert not lines or any(_text.name(EVIL) in text for text in said)


def test_a_plan_says_nothing_that_a_terminal_obeys_and_is_the_same_plan(cluster: Looked) -> None:
    result = cluster.plan(refuse_r1=True, fail_when_refused=False)
    assert_nothing_is_obeyed(result, lines=True)
    # Only r1_assets: everything has a leader, is current, and answers under its account's own name.
    assert [finding["name"] for finding in result["plan"]["refusals"]] == ["r1_assets"]
    assert [step["server_name"] for step in result["plan"]["steps"]] == [_text.name(NAMED[n]) for n in ("n1", "n3", "n2")]


def test_a_refusal_says_nothing_that_a_terminal_obeys(cluster: Looked) -> None:
    sick(cluster.servers["n3"])
    error = {"type": "STREAM", "account": NAMED["APP"], "stream": NAMED["ORDERS"], "error": f"not current{EVIL}"}
    for path in ("/healthz", "/healthz?details=true"):
        cluster.servers["n3"].answers[path]["body"]["errors"] = [error]
    refused = cluster.plan()
    assert refused["refusals"] == ["unhealthy_server"]
    assert_nothing_is_obeyed(refused, lines=True)


def test_a_server_of_which_the_answer_is_nonsense_is_told_so_in_one_line(cluster: Looked) -> None:
    cluster.servers["n2"].answers["/varz"]["body"]["cluster"] = {"name": [EVIL]}
    refused = cluster.plan()
    assert refused["refusals"] == ["missing_server"]
    assert_nothing_is_obeyed(refused)


def test_a_status_says_nothing_that_a_terminal_obeys_of_servers_and_nodes(cluster: Looked) -> None:
    lock = {"run_id": "r1", "state": "held", "said": f"held by {EVIL}"}
    node = {
        "hold": True,
        "lock": lock,
        **journal("held", expectation={"server_name": EVIL}, data={"cluster": EVIL, "waive": [EVIL]}),
    }
    told = cluster.host.run("nats_upgrade_status", hosts=list(NAMES), settle_seconds=0, nodes={"n2": node})
    lines = told["status"]["lines"]
    assert [line for line in lines if OBEYED.search(line) or "\n" in line] == []
    assert any(line.startswith("locked: n2: held by ") for line in lines)


def test_where_foreign_facts_were_read_is_told_in_one_line(cluster: Looked) -> None:
    nodes = {"n2": {"running": True, "read_on": {"host": EVIL, "hostname": EVIL, "machine_id": EVIL}}}
    lines = cluster.host.run("nats_upgrade_status", hosts=list(NAMES), settle_seconds=0, nodes=nodes)["status"]["lines"]
    (line,) = [line for line in lines if "the facts given for it were read on" in line]
    assert OBEYED.search(line) is None
    assert "\n" not in line


def test_facts_and_clients_and_an_audit_and_a_wait_say_nothing_that_a_terminal_obeys(cluster: Looked) -> None:
    connection = {
        "cid": 7,
        "kind": "Client",
        "name": EVIL,
        "lang": EVIL,
        "version": EVIL,
        "ip": "10.0.0.9",
        "port": 1,
        "uptime": EVIL,
    }
    for server in cluster.servers.values():
        server.answers["/connz?state=open&limit=1000"] = {"status": 200, "body": {"connections": [connection]}}
    host = cluster.host
    host.task_vars.update(host.task_vars["hostvars"]["n1"])
    assert_nothing_is_obeyed(host.run("nats_version_facts", hosts=list(NAMES)), lines=True)
    assert_nothing_is_obeyed(host.run("nats_clients"), lines=True)
    assert_nothing_is_obeyed(host.run("nats_audit", hosts=list(NAMES)), lines=True)
    waited = host.run("nats_health_wait", hosts=list(NAMES), stopping="n1", timeout_seconds=20)
    assert waited["back"]
    assert_nothing_is_obeyed(waited, lines=True)


def test_the_end_of_a_log_is_shown_and_obeyed_by_nothing(cluster: Looked) -> None:
    shown = cluster.host.run("nats_upgrade_event", kind="log", data={"lines": ["[INF] ready", f"[ERR] {EVIL}"]})
    assert shown == {"changed": False, "msg": ["[INF] ready", ANY], "_ansible_verbose_always": True}
    assert_nothing_is_obeyed(shown)


def test_a_message_that_the_role_has_put_together_is_obeyed_by_nothing(cluster: Looked) -> None:
    failed = cluster.host.run("nats_upgrade_event", kind="failed", msg=f"STOPPED\n\nThe server said: {EVIL}")
    assert failed["msg"].startswith("STOPPED\n\nThe server said: \\x1b[2J")
    assert OBEYED.search(failed["msg"]) is None


def test_a_report_holds_nothing_that_turns_the_direction_of_writing(tmp_path: Path) -> None:
    events = [
        {"at": "2026-11-21T10:00:00.000Z", "run": "r1", "kind": kind, **keys}
        for kind, keys in (
            ("run_began", {"mode": "upgrade", "target": f"2.15.1{EVIL}", "hosts": [f"n1{EVIL}"]}),
            ("note", {"host": "n1", "text": f"n1 {EVIL}"}),
            ("failed", {"host": "n1", "step": EVIL, "msg": EVIL, "server_log": [EVIL]}),
        )
    ]
    report = _build.build(events)
    assert [text for text in texts(report) if OBEYED.search(text)] == []
    assert OBEYED.search(_page.render(report)) is None
