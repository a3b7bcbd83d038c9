"""What a client sees is counted as it should be, and judged; connections are the matter of the integration tests."""

from __future__ import annotations

import asyncio
import collections
import json
import os
import signal
import stat
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _host_process
from ansible_collections.natsops.cluster.plugins.module_utils._judge import findings as _findings
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import control as _control
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import figures as _figures
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import process as _probe_process
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import session as _session
from ansible_collections.natsops.cluster.plugins.plugin_utils._probe.figures import (
    Clock,
    DeliveryClock,
    Flow,
    Numbers,
    Steps,
    Tally,
)
from tests.lab.processes import wait_until
from tests.unit import clock as clocks

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)


def test_an_interruption_lasts_from_the_first_attempt_to_the_success_and_a_pause_is_none() -> None:
    moving = clocks.Clock()
    clock = Clock(now=moving.now)
    moving.sleep(60)
    clock.wanted()
    moving.sleep(2)
    clock.wanted()
    moving.sleep(1)
    clock.came()
    moving.sleep(60)
    assert (clock.longest.seconds, clock.is_waiting) == (3, False)


def test_a_message_is_waited_for_from_its_acknowledgement_until_it_comes_whichever_is_first() -> None:
    flow = Flow()
    flow.take(0, 1)
    flow.acknowledged(0, 1)
    flow.acknowledged(1, 2)
    flow.acknowledged(2, 3)
    flow.take(2, 3)
    assert (flow.waiting, flow.missing) == ({1: 2}, {1})


def test_what_did_not_come_is_lost_where_the_stream_lacks_it_and_told_where_it_is_there() -> None:
    tally, asked = Tally(), []
    for number in (0, 1, 2):
        tally.stream.acknowledged(number, 10 + number)

    class Session:
        async def find(self, client: Any, stream: str, sequence: int) -> tuple[bool, str]:
            asked.append((stream, sequence))
            return sequence == 11, f"said of {sequence}"

    probe = object.__new__(_probe_process.Probe)
    probe._traffic, probe._session, probe._names = SimpleNamespace(tally=tally), Session(), SimpleNamespace(stream="S")
    probe._steps, probe._withheld = Steps(tally, jetstream=True), set()
    assert asyncio.run(probe._lost(None, {1, 2})) == {2}
    assert [event["detail"] for event in tally.events] == [
        "message 1, sequence 11 of the stream: said of 11",
        "message 2, sequence 12 of the stream: said of 12",
    ]
    probe._steps.take({2}, set())
    # Neither is asked about again.
    assert (asyncio.run(probe._lost(None, {1, 2})), asked) == ({2}, [("S", 11), ("S", 12)])


def test_each_step_has_its_own_longest_interruption_and_one_that_goes_on_counts_in_both() -> None:
    moving = clocks.Clock()
    clock = Clock(now=moving.now)
    for seconds in (5, 1):
        clock.wanted()
        moving.sleep(seconds)
        clock.came()
    assert clock.take_step() == 5
    clock.wanted()
    moving.sleep(2)
    assert clock.take_step() == 2
    moving.sleep(2)
    clock.came()
    assert [clock.take_step(), clock.take_step()] == [4, 0]
    assert clock.longest.seconds == 5


def test_a_delivery_is_waited_for_while_there_is_something_to_deliver() -> None:
    moving = clocks.Clock()
    clock = DeliveryClock(now=moving.now)
    clock.delivered(1)  # before its acknowledgement, which is normal
    clock.acknowledged(1)
    moving.sleep(60)
    clock.acknowledged(2)
    clock.acknowledged(3)
    moving.sleep(1)
    clock.delivered(2)
    moving.sleep(2)
    clock.delivered(3)
    moving.sleep(60)
    clock.close()
    assert clock.longest.seconds == 2


def test_numbers_without_a_gap_take_no_room() -> None:
    numbers = Numbers()
    assert all(numbers.add(number) for number in (2, 0, 1, 5))
    assert not numbers.add(1)
    assert (len(numbers), 5 in numbers, 4 in numbers, 1 in numbers) == (4, True, False, True)
    assert len(numbers._above) == 1


def test_what_was_sent_and_not_received_is_missing() -> None:
    flow = Flow()
    for number in range(6):
        flow.sent.add(number)
    for number in (0, 1, 3):
        flow.take(number, number + 10)
    assert flow.missing == {2, 4, 5}


def test_a_message_under_a_later_sequence_was_stored_twice_and_under_its_own_it_was_given_again() -> None:
    flow = Flow()
    for number, sequence in ((0, 10), (1, 11), (0, 10), (1, 12)):
        flow.take(number, sequence)
    assert (len(flow.received), flow.duplicated, flow.redelivered) == (2, 1, 1)


def counted(tally: Tally, sent: range, received: range) -> None:
    for number in sent:
        tally.stream.sent.add(number)
    for number in received:
        tally.stream.take(number, number + 1)


def test_a_step_has_what_was_counted_in_it_and_a_message_is_lost_once() -> None:
    tally = Tally()
    counted(tally, range(3), range(3))
    steps = Steps(tally, jetstream=True)
    counted(tally, range(3, 10), range(3, 9))
    tally.requests_ok, tally.requests_failed = 4, 1
    tally.left["n1"] += 2
    tally.note("request", TimeoutError("late"))
    first = steps.take(tally.stream.missing, set())
    assert [first[name] for name in ("published", "received", "lost", "requests", "failed_requests")] == [7, 6, 1, 5, 1]
    assert first["reconnects"] == {"n1": 2}
    assert [event["detail"] for event in first["events"]] == ["TimeoutError: late"]
    counted(tally, range(10, 12), range(10, 12))
    second = steps.take(tally.stream.missing, set())
    assert [second[name] for name in ("published", "received", "lost", "requests")] == [2, 2, 0, 0]
    assert (second["reconnects"], second["events"], second["since"]) == ({}, [], first["until"])
    total = _figures.total([first, second])
    assert [total[name] for name in ("published", "received", "lost", "failed_requests")] == [9, 8, 1, 1]
    assert (total["since"], total["until"], total["reconnects"]) == (first["since"], second["until"], {"n1": 2})


def test_what_is_left_out_has_no_longest_wait() -> None:
    step = Steps(Tally(), jetstream=False).take(set(), set())
    assert step["longest_gap_seconds"] == {"publish": None, "consume": None, "request": 0, "deliver": 0}
    total = _figures.total([step])
    assert total["longest_gap_seconds"]["publish"] is None
    assert _figures.table([{**step, "host": "n1"}])[1].split() == [
        "n1",
        "-",
        "-",
        "0.00",
        "0.00",
        "-",
        "-",
        "-",
        "0/0",
    ]


def step_of(host: str | None = "n2", lost: int = 0, **gaps: float) -> dict[str, Any]:
    figures = Steps(Tally(), jetstream=True).take(set(range(lost)), set())
    return {"host": host, **figures, "longest_gap_seconds": {**figures["longest_gap_seconds"], **gaps}}


@pytest.mark.parametrize(
    ("step", "limit", "words"),
    [
        pytest.param(
            step_of(request=4.2, publish=0.5), 1, ["n2 was taken", "waited 4.20 s for the answer to a request ("], id="gap"
        ),
        pytest.param(step_of(request=4.2), 4.2, [], id="at-the-limit"),
        pytest.param(step_of(request=4.2), 0, [], id="no-limit"),
        pytest.param(step_of(lost=2), 0, ["were not given 2 messages"], id="lost"),
        pytest.param(step_of(host=None, lost=2, request=60), 1, [], id="before-the-first-node"),
    ],
)
def test_a_step_that_is_more_than_is_accepted_is_told_with_what_to_do(
    step: dict[str, Any], limit: float, words: list[str]
) -> None:
    said = _control.too_much("reports/run", step, limit)
    assert bool(said) == bool(words)
    assert all(word in said for word in words)
    if said:
        assert "run the same playbook again" in said
        assert "reports/run/client-probe.jsonl" in said
        assert "nats_upgrade_client_probe_max_gap_seconds" in said
        assert "nats_upgrade_waive: [client_impact]" in said
        assert _findings.require_known(["client_impact"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"rate": 0}, "rate is 0: give messages per second", id="rate-0"),
        pytest.param({"rate": "fast"}, "rate is 'fast'", id="rate-text"),
        pytest.param({"rate": 5000}, "rate is 5000", id="rate-high"),
        pytest.param({"subject_prefix": "ops.>"}, "subject_prefix is 'ops.>'", id="wildcard"),
        pytest.param({"subject_prefix": "ops..probe"}, "subject_prefix is 'ops..probe'", id="empty-token"),
        pytest.param({"token": "t0ken", "user": "u", "password": "p4ss"}, "say in one way who we are", id="two-ways"),
        pytest.param({"tokn": "t0ken"}, "has tokn; it may have", id="misspelt"),
        pytest.param({"creds": "/no/such"}, "nats_upgrade_client_probe.creds: there is no file", id="no-file"),
    ],
)
def test_a_probe_that_cannot_be_is_told_without_its_secret(given: dict[str, Any], words: str) -> None:
    with pytest.raises(NatsError) as failed:
        _session.check(given)
    assert words in str(failed.value)
    assert not any(secret in str(failed.value) for secret in ("t0ken", "p4ss"))


def test_a_probe_may_be_nobody_where_servers_ask_for_nobody() -> None:
    checked = _session.check({"servers": ["nats://n1:4222"]})
    assert checked == {"servers": ["nats://n1:4222"], "subject_prefix": "natsops.probe", "rate": 20.0}


def test_a_secret_of_a_vault_is_text_to_the_client_library() -> None:
    class Encrypted(collections.UserString):
        vault = object()

    checked = _session.check({"user": "probe", "password": Encrypted("p4ss")})
    assert checked["password"].__class__ is str
    assert checked["password"] == "p4ss"


@pytest.mark.parametrize(
    ("created", "last", "left"),
    [
        pytest.param("2026-11-21T11:50:00.123456789Z", "2026-11-21T11:58:00.1Z", True, id="silent"),
        pytest.param("2026-11-21T11:50:00Z", "2026-11-21T11:59:59Z", False, id="alive"),
        pytest.param("2026-11-21T11:59:50Z", "0001-01-01T00:00:00Z", False, id="just-made"),
        pytest.param("2026-11-21T11:50:00Z", "0001-01-01T00:00:00Z", True, id="never-used"),
        pytest.param("", "", False, id="nothing-is-known"),
    ],
)
def test_a_stream_that_has_been_silent_for_long_has_nobody(created: str, last: str, left: bool) -> None:
    assert _session.is_left_over({"created": created, "state": {"last_ts": last}}, NOW) is left


def test_how_long_it_has_been_silent_is_a_matter_of_the_servers_clock() -> None:
    info = {"created": "2026-11-21T11:50:00Z", "state": {}, "ts": "2026-11-21T11:50:10Z"}
    assert not _session.is_left_over(info, NOW)


def written(folder: Path, *records: dict[str, Any]) -> str:
    for record in records:
        _probe_process.write(folder, json.dumps(record) + "\n")
    return str(folder)


def test_what_the_probe_saw_is_for_its_user_only_and_a_line_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    folder = written(tmp_path, {"kind": "step", **step_of("n1")}, {"kind": "ended"})
    observed = tmp_path / _probe_process.OBSERVED
    with observed.open("a", encoding="utf-8") as file:
        file.write('{"kind": "st')
    assert stat.S_IMODE(observed.stat().st_mode) == 0o600
    assert [step["host"] for step in _control.steps(folder)] == ["n1"]


@pytest.mark.parametrize("torn", [b'{"kind": "st{"kind": "note"}\n', b"\xff\x00\n", b"7\n", b"\n", b'{"at": "12:00"}\n'])
def test_a_line_that_was_torn_takes_no_other_with_it(tmp_path: Path, torn: bytes) -> None:
    folder = written(tmp_path, {"kind": "step", **step_of("n1")})
    with (tmp_path / _probe_process.OBSERVED).open("ab") as file:
        file.write(torn)
    written(tmp_path, {"kind": "step", **step_of("n2")}, {"kind": "ended", "total": 7})
    assert [step["host"] for step in _control.steps(folder)] == ["n1", "n2"]
    assert _control.stop(folder)["total"] == 7


def test_what_the_events_tell_of_a_step_is_what_clients_saw() -> None:
    told = _control.figures(step_of("n1", lost=3))
    assert (told["host"], told["lost"]) == ("n1", 3)
    assert {"longest_gap_seconds", "published", "received", "duplicated", "failed_requests", "since", "until"} <= set(told)


def test_a_probe_that_has_gone_refuses_and_says_why(tmp_path: Path) -> None:
    folder = written(tmp_path, {"kind": "began"}, {"kind": "ended", "reason": "no more memory"})
    with pytest.raises(NatsError, match=r"has ended by itself \(no more memory\).*goes on with a new probe") as failed:
        _control.read(folder, "n2")
    assert failed.value.details == {"refusal": "client_impact"}


def test_another_process_with_the_pid_of_the_probe_is_not_signalled(tmp_path: Path) -> None:
    (tmp_path / "client-probe.pid").write_text(json.dumps({"pid": os.getpid(), "start_ticks": 1}), encoding="utf-8")
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    with pytest.raises(NatsError, match="its process was killed"):
        _control.read(str(tmp_path), "n1")
    assert _control.stop(str(tmp_path)) == {}


def as_probe(folder: Path, process: subprocess.Popen[Any], **other: Any) -> str:
    """The pid file of a folder names this process, with the right start."""

    def has_command() -> bool:
        seen = _host_process.look(process.pid)
        return bool(seen and seen.argv)

    assert wait_until(has_command, 30)
    looked = _host_process.look(process.pid)
    assert looked
    kept = {"pid": process.pid, "start_ticks": looked.start_ticks, **other}
    (folder / "client-probe.pid").write_text(json.dumps(kept), encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize(
    "words", [[], [_probe_process.__file__, "/another/folder"], ["{folder}"]], ids=["none", "probe", "folder"]
)
def test_a_pid_file_that_names_another_process_has_it_signalled_by_nobody(tmp_path: Path, words: list[str]) -> None:
    """Whoever can write the folder of a report must not have others' processes ended."""
    given = [word.format(folder=tmp_path) for word in words]
    with subprocess.Popen([sys.executable, "-c", "input()", *given], stdin=subprocess.PIPE) as process:
        folder = as_probe(tmp_path, process)
        with pytest.raises(NatsError, match="its process was killed"):
            _control.read(folder, "n1")
        assert _control.stop(folder) == {}
        process.communicate(b"\n")
    assert process.returncode == 0


def test_the_process_that_is_the_probe_of_the_folder_is_signalled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = tmp_path / "probe.py"
    stand_in.write_text("input()", encoding="utf-8")
    monkeypatch.setattr(_probe_process, "__file__", str(stand_in))
    with subprocess.Popen([sys.executable, str(stand_in), str(tmp_path)], stdin=subprocess.PIPE) as process:
        _control.stop(as_probe(tmp_path, process))
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    "kept", ["", "7", "[]", "{}", '{"pid": [1], "start_ticks": 1}', '{"pid": 1e999}', '{"pid": -1, "start_ticks": 0}']
)
def test_a_pid_file_that_is_damaged_names_nobody(tmp_path: Path, kept: str) -> None:
    (tmp_path / "client-probe.pid").write_text(kept, encoding="utf-8")
    assert _control.stop(str(tmp_path)) == {}


def test_without_a_probe_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert (_control.stop(str(tmp_path)), _control.lines(str(tmp_path))) == ({}, [])
