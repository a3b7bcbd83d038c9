# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is seen while a run waits, as lines on the screen and as events. Nothing is asked of the servers for it but in a drain,
where one small request every two seconds tells how many clients are left."""

from __future__ import annotations

import contextlib
import contextvars
import os
import sys
import threading
import time
from typing import Any, Callable, Iterator, Mapping, Sequence, Tuple

from ansible import constants
from ansible.utils.display import Display

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._judge.health import Verdict
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import columns as _columns
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import progress as _progress
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Log, moment

display = Display()
# Read where Ansible loads this, before it forks its workers: they have no terminal.
_TERMINAL = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
# ansible-runner, and with it AWX, gives a terminal to what ends up in a log.
_LOGGED = any(name in os.environ for name in ("AWX_ISOLATED_DATA_DIR", "AWX_PRIVATE_DATA_DIR", "RUNNER_OMIT_EVENTS", "CI"))
_WIPE = "\r\x1b[K"
_SAMPLE_SECONDS, _SAME_SECONDS = 1.0, 10.0
_DRAIN_SECONDS = 2.0
# What a wait is for, by the phase of the turn.
_DOING = {"gate": "waits to leave", "soak": "is watched", "verify": "is verified", "put_back": "coming back"}

Ask = Callable[[], "int | None"]
# The host that is waited for, the phase of the turn, and what is waited for.
InColumns = Tuple[str, str, str]


def is_roll() -> bool:
    """Whether the callback of this collection shows the run: what is said from here has to stand in its columns then."""
    return constants.DEFAULT_STDOUT_CALLBACK == _columns.NAME


def _auto() -> str:
    # Between the braces of what a program reads nothing else may stand.
    if "json" in str(constants.DEFAULT_STDOUT_CALLBACK):
        return "off"
    if is_roll():
        return "lines"
    return "bar" if _TERMINAL and not _LOGGED else "lines"


class Screen:
    """One line that is said again and again: below each other, or in its place on a terminal."""

    def __init__(self, mode: str, now: Callable[[], float] = time.monotonic, log: Log | None = None) -> None:
        self._mode = _auto() if mode == "auto" else mode
        if self._mode == "bar" and is_roll() and not _TERMINAL:
            self._mode = "lines"
        self._now, self._pace, self._drawn, self._log = now, _progress.Pace(), "", log

    def say(self, line: str, about: object, done: float | None = None, in_columns: InColumns | None = None) -> None:
        """C(about) is what has changed when it is another; C(done), of 1, how much of it is done; C(in_columns), the same for the
        callback of this collection."""
        if self._mode == "lines" and in_columns and is_roll():
            if self._pace.every(self._now()):
                events = self._log.own() if self._log else []
                display.display(_columns.wait(events, moment(time.time()), *in_columns))
        elif self._mode == "bar":
            self._draw(f"{_progress.filled_bar(done)} {line}" if done is not None else line)
        elif self._mode == "lines" and self._pace.due(self._now(), about):
            display.display(line)

    def say_now(self, line: str) -> None:
        """A line that stays, whatever the pace."""
        if self._mode != "off":
            display.display(line)

    def _draw(self, line: str) -> None:
        if line != self._drawn:
            display.display(_WIPE + line[: max(20, display.columns - 1)], newline=False, screen_only=True)
            self._drawn = line

    def close(self) -> None:
        if self._drawn:
            display.display(_WIPE, newline=False, screen_only=True)
            self._drawn = ""


def screen(task_vars: Mapping[str, Any], templar: Any) -> Screen:
    """The screen as nats_upgrade_progress wants it."""
    wanted = templar.template(task_vars["nats_upgrade_progress"]) if "nats_upgrade_progress" in task_vars else "auto"
    began = task_vars.get("__nats_upgrade_began") or {}
    log = Log(str(began["folder"]), str(began["run"])) if began.get("folder") and is_roll() else None
    return Screen(_progress.mode_of(wanted), log=log)


class Waiting:
    """Looks at each poll of a wait."""

    def __init__(self, host: str, phase: str, screen: Screen, log: Log | None, now: Callable[[], float] = time.monotonic) -> None:
        self._host, self._phase, self._screen, self._log, self._now = host, phase, screen, log, now
        self._begin = now()
        self._rates: dict[str, _progress.Rate] = {}
        self._highest: dict[str, int] = {}
        self._sampled: tuple[float, Any] | None = None
        self._leader: str | None = None

    def __call__(self, verdicts: Sequence[Verdict]) -> None:
        if not all(verdict.back for verdict in verdicts) or self._phase == "soak":
            self._show(verdicts)
        if self._log:
            self._sample(self._log, verdicts)

    def _show(self, verdicts: Sequence[Verdict]) -> None:
        late = [verdict for verdict in verdicts if not verdict.back]
        worst = largest_lag(late)
        if worst and worst["lag"] > 0:
            group, lag = worst["group"], worst["lag"]
            rate = self._rates.setdefault(group, _progress.Rate()).of(self._now(), lag)
            self._highest[group] = max(lag, self._highest.get(group, 0))
            line = _progress.lagging(worst["host"], group, lag, rate)
            whose = "" if worst["host"] == self._host else f"{worst['host']} "
            told = self._waiting(whose + _progress.behind(group, lag, rate))
            self._screen.say(line, (group, lag), 1 - lag / self._highest[group], told)
        else:
            what = [str(missing.key) for verdict in late for missing in verdict.missing]
            doing = _DOING.get(self._phase, "catching up")
            host = "cluster" if self._phase == "verify" else self._host
            line = _progress.waiting(host, doing, verdicts, self._now() - self._begin)
            self._screen.say(line, what, None, self._waiting(_progress.lacking(host, verdicts)))

    def _waiting(self, what: str) -> InColumns:
        doing = "watching" if self._phase == "soak" and not what else "waiting"
        passed = f"{doing} {_text.duration(self._now() - self._begin)}"
        return self._host, self._phase, f"{passed}: {what}" if what else passed

    def _sample(self, log: Log, verdicts: Sequence[Verdict]) -> None:
        leader = meta_leader(verdicts)
        seen = {
            "servers": {verdict.reading.name: _server(verdict) for verdict in verdicts},
            "largest_lag": largest_lag(verdicts),
            "not_current": sum(len(verdict.missing) for verdict in verdicts),
            "groups": len({group.name for verdict in verdicts for group in verdict.reading.groups}),
            "meta_leader": leader,
        }
        now = self._now()
        if self._sampled is None or now - self._sampled[0] >= _pause(self._sampled[1], seen):
            if self._sampled is None:
                self._leader = _last_leader(log)
            self._sampled = (now, seen)
            log.write("sample", **seen)
        if leader and self._leader and leader != self._leader:
            log.write("leader_moved", **{"from": self._leader, "to": leader})
        self._leader = leader or self._leader


def _pause(before: Mapping[str, Any], seen: Mapping[str, Any]) -> float:
    """How long after one sample the next is worth writing: at once where nothing is missing any more, which ends a wait."""
    if before["not_current"] and not seen["not_current"]:
        return 0.0
    return _SAME_SECONDS if seen == before else _SAMPLE_SECONDS


def _server(verdict: Verdict) -> dict[str, Any]:
    facts, reading = verdict.reading.facts, verdict.reading
    if facts is None:
        return {"connections": None, "reachable": False, "version": None}
    seen = {"connections": facts.connections, "reachable": True, "version": facts.version}
    return {**seen, "routes": len(reading.peers), "groups": len(reading.groups)}


def largest_lag(verdicts: Sequence[Verdict]) -> dict[str, Any] | None:
    """Which group is how far behind, and on which host."""
    every = [(lag, group, verdict.reading.name) for verdict in verdicts for group, lag in verdict.lags.items()]
    if not every:
        return None
    lag, group, host = max(every)
    return {"group": group, "host": host, "lag": lag}


def meta_leader(verdicts: Sequence[Verdict]) -> str | None:
    """The one that leads by its own account; others may not have heard of it yet."""
    for verdict in verdicts:
        facts = verdict.reading.facts
        if facts and facts.meta_leader and facts.meta_leader == facts.server_name:
            return facts.server_name
    return None


def _last_leader(log: Log) -> str | None:
    for event in reversed(log.read()):
        if event["kind"] == "sample" and event.get("meta_leader"):
            return str(event["meta_leader"])
        if event["kind"] == "planned":
            return next((s["server_name"] for s in event.get("servers", {}).values() if s.get("meta_leader")), None)
    return None


@contextlib.contextmanager
def drain(host: str, screen: Screen, log: Log | None, ask: Ask | None) -> Iterator[None]:
    """Tell how many clients are left on a server while it drains. Without C(ask), only how long it takes."""
    over = threading.Event()

    def watch() -> None:
        begin, first = time.monotonic(), None
        while True:
            clients = ask() if ask else None
            first = clients if first is None else first
            if log and clients is not None:
                log.write("draining", host=host, connections=clients)
            done = 1 - (clients or 0) / first if first else None
            passed = time.monotonic() - begin
            left = "" if first is None else f": {_progress.clients_left(first, clients)}"
            told = (host, "drain", f"waiting {_text.duration(passed)}{left}")
            screen.say(_progress.draining(host, first, clients, passed), clients, done, told)
            if over.wait(_DRAIN_SECONDS):
                return

    # Ansible keeps what it knows of the task in context variables, which a new thread does not have.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(watch,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        screen.close()


@contextlib.contextmanager
def rebalance(screen: Screen) -> Iterator[Callable[[int, int], None]]:
    """Give what tells how many clients were asked to move, and how many still sit where too many do."""
    begin, most = time.monotonic(), 0

    def watch(asked: int, over: int) -> None:
        nonlocal most
        most = max(most, over)
        if most:
            line = _progress.rebalancing(asked, over, time.monotonic() - begin)
            screen.say(line, (asked, over), 1 - over / most, ("", "rebalance", line.removeprefix("clients  ")))

    try:
        yield watch
    finally:
        screen.close()


def connections(reply: Mapping[str, Any] | None) -> int | None:
    """The clients of a server by its /varz; nothing where it does not answer."""
    value = (reply or {}).get("connections")
    return value if isinstance(value, int) else None
