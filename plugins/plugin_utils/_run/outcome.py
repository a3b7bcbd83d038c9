# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the events of a run amount to: how it ended, what was done and what is left, and what to do next. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.plugin_utils._run import progress as _progress
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.events import Event, seconds_of

_REFUSED = re.compile(r"^(\S+: )?refused: ")
_AGAIN = "run the same playbook again"
# One of these is in a message that says what became of the cluster.
_SAYS_STATE = ("the cluster now:", "nothing was", "not touched", "no server was stopped")
# The phases in which a node is without a server that can be relied on.
_AWAY = ("drain", "catch_up")


@dataclass(frozen=True)
class Story:
    """Hosts of the inventory by what became of them: C(done) ran what they should when the run began; C(later) are for another
    run, because this one takes only so many."""

    began: Mapping[str, Any] = field(default_factory=dict)
    planned: Mapping[str, Any] = field(default_factory=dict)
    finished: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    failures: Sequence[Event] = ()
    staged: Sequence[str] = ()

    @property
    def upgraded(self) -> list[str]:
        return list(self.finished)

    @property
    def left(self) -> list[str]:
        planned = [*self.planned.get("order", []), *self.planned.get("later", [])]
        todo = planned if self.planned else self.began.get("hosts") or []
        return [host for host in todo if host not in self.finished]

    @property
    def done(self) -> list[str]:
        return [*self.planned.get("done", []), *self.finished]

    @property
    def looks_only(self) -> bool:
        return bool(self.began.get("check_mode"))

    @property
    def versions(self) -> dict[str, str]:
        servers = self.planned.get("servers", {}).items()
        before = {host: server["version"] for host, server in servers if "version" in server}
        return {**before, **{host: str(done.get("new_version")) for host, done in self.finished.items()}}

    @property
    def outcome(self) -> str:
        """Of a run that ends now."""
        if self.failures:
            last = str(self.failures[-1].get("msg", ""))
            return "refused" if _REFUSED.match(last) and not self.finished else "failed"
        if self.planned.get("refusals"):
            return "refused"
        if not self.planned.get("order") and not self.planned.get("later"):
            return "nothing_to_do"
        return "part_done" if self.left and not self.looks_only else "done"

    @property
    def next(self) -> str:
        """What to do next, where there is anything to do."""
        outcome = self.outcome
        if outcome == "failed":
            said = [line[6:] for line in str(self.failures[-1].get("msg", "")).splitlines() if line.startswith("Next: ")]
            return " ".join(said) or f"mend what failed, and {_AGAIN}; nodes that are done are not touched again"
        if outcome == "refused":
            touched = "no server was touched" if self.staged else "nothing was touched"
            return f"{touched}: mend what is said, or waive it where it can be waived, and {_AGAIN}"
        if self.looks_only:
            return "run it for real: nothing was touched" if self.left else ""
        return self._go_on() if outcome == "part_done" else ""

    def _go_on(self) -> str:
        if not self.began.get("restarts_all"):
            return f"{_AGAIN} to go on with {self.left[0]}"
        group = self.began.get("group", "nats")
        return f"{_AGAIN} with --limit '{group}:!{':!'.join(self.done)}' to go on with {self.left[0]}"

    @property
    def lines(self) -> list[str]:
        """The end of a run that ends well."""
        out = self.planned.get("left_out") or []
        return [*self._end, *([f"Left out: {', '.join(out)}, which did not answer"] if out else [])]

    @property
    def _end(self) -> list[str]:
        every, done = len(self.left) + len(self.done), len(self.done)
        if self.looks_only:
            return [f"{len(self.left)} of {every} to do. Nothing was touched"]
        if self.outcome == "nothing_to_do":
            return [f"Nothing to do: {done} of {every} done"]
        if self.outcome == "part_done" and not self.began.get("restarts_all"):
            return [f"{done} of {every} done, run again to go on. Left: {', '.join(self.left)}"]
        if self.outcome == "part_done":
            return [f"{done} of {every} done. Left: {', '.join(self.left)}", f"Next: {self.next}"]
        verb = "Restarted" if self.began.get("mode") == "restart" else "Upgraded"
        what = f" to {self.began['target']}" if self.began.get("target") else ""
        with_earlier = "" if done == len(self.upgraded) else f", and with those before {done} of {every} are done"
        return [f"{verb} {len(self.upgraded)} of {every}{what}{with_earlier}"]

    def summary(self, outcome: str, report: str) -> dict[str, Any]:
        return {
            "outcome": outcome,
            "upgraded": self.upgraded,
            "left": self.left,
            "versions": self.versions,
            "report": report,
            "next": self.next if outcome == self.outcome else "see what failed in the report, mend it, and " + _AGAIN,
        }


def story(events: Sequence[Event]) -> Story:
    """Fold the events of one run."""
    by_kind: dict[str, list[Event]] = {}
    for event in events:
        by_kind.setdefault(event["kind"], []).append(event)
    return Story(
        began=by_kind.get("run_began", [{}])[-1],
        planned=by_kind.get("planned", [{}])[-1],
        finished={event["host"]: event for event in by_kind.get("node_done", [])},
        failures=tuple(by_kind.get("failed", ())),
        staged=tuple(_staged(events)),
    )


def last_words(msg: str, run: Story, events: Sequence[Event]) -> str:
    """The message of a failure with what it does not say of itself: what the run did to the cluster, and what to do.

    Whoever reads but the end of a job's log has to know.
    """
    said = msg.lower()
    lines = []
    staged = _staged(events)
    if staged and not any(event["kind"] == "phase" and event.get("phase") not in ("stage", None) for event in events):
        lines.append(f"Staged on {', '.join(staged)}: it stays beside the running version, for the next run.")
    if not any(word in said for word in _SAYS_STATE):
        drained = any(event["kind"] == "phase" and event.get("phase") == "drain" for event in events)
        done = f"Done: {', '.join(run.done) or 'none'}. Left: {', '.join(run.left) or 'none'}."
        lines.append(done if drained else "No server was stopped.")
    if "next: " not in said:
        lines.append(f"Next: {run.next.partition('touched: ')[2] or run.next}.")
    return "\n".join([msg, *lines])


def _staged(events: Sequence[Event]) -> list[str]:
    """The hosts on which the new version lies since this run."""
    of_hosts = [event for event in events if event["kind"] == "phase" and event.get("phase") == "stage" and event.get("host")]
    return list(dict.fromkeys(event["host"] for event in of_hosts if event["state"] == "ended"))


def turn_seconds(events: Sequence[Event], host: str, now: float) -> float:
    """How long the turn of a host has taken until now: since the first gate of it."""
    first = next((event for event in events if _is_phase(event, host, ("gate", *_AWAY))), None)
    return round(now - seconds_of(first["at"]), 3) if first else 0.0


@dataclass(frozen=True)
class Outage:
    """Assets with one replica on a server that went away: from the begin of its drain, at C(began), for so many seconds."""

    began: str
    seconds: float
    assets: Sequence[str]
    over: bool

    def as_dict(self) -> dict[str, Any]:
        told = {"began": self.began, "seconds": self.seconds, "assets": list(self.assets)}
        return told if self.over else {**told, "over": False}


def outage(events: Sequence[Event], host: str, now: float, back: bool = False) -> Outage | None:
    """What is down, or was, since a host's server went away the last time; nothing where it did not, or has no such assets.

    It is over when the server was current again, or C(back), now; the events are also those of a run that broke off before.
    """
    began = ended = ""
    planned: Mapping[str, Any] = {}
    assets: Sequence[str] = ()
    for event in events:
        if event["kind"] == "planned":
            planned = event.get("assets_down") or {}
        elif event.get("host") == host and (event["kind"] in ("node_done", "put_back") or event.get("stopped") is False):
            began = ended = ""
        elif _is_phase(event, host, ("drain",)) and event["state"] == "began" and (ended or not began):
            began, ended, assets = event["at"], "", planned.get(host) or ()
        elif began and _is_phase(event, host, ("catch_up", "gate")) and event["state"] == "ended":
            # The cluster can lose a server again that is there: another run has found it so.
            ended = ended or event["at"]
    if not began or not assets:
        return None
    until = seconds_of(ended) if ended else now
    return Outage(began, round(until - seconds_of(began), 3), assets, bool(ended) or back)


def _is_phase(event: Event, host: str, phases: Sequence[str]) -> bool:
    return event["kind"] == "phase" and event.get("host") == host and event.get("phase") in phases


def so_far(events: Sequence[Event]) -> str:
    """How far the cluster is, in a line: cluster c1  2/5 done, about 6 min left."""
    run = story(events)
    last = run.upgraded[-1:]
    clusters = run.planned.get("clusters", {}).items()
    name, hosts = next(((name, hosts) for name, hosts in clusters if set(hosts) & set(last)), ("", []))
    if len(hosts) < 2:
        return ""
    return _progress.cluster(name, len(set(run.done) & set(hosts)), len(hosts), seconds_left(run, hosts) or None)


def seconds_left(run: Story, hosts: Sequence[str]) -> float:
    """How long the turns will take that are still to come in this run on these hosts; 0 where there are none."""
    now = [host for host in run.planned.get("order", []) if host in run.left and host in hosts]
    expected = run.planned.get("seconds") or {}
    measured = sum(float(done.get("seconds") or 0) for done in run.finished.values())
    planned = sum(expected.get(host, 0) for host in run.finished)
    # What turns take here, against what was expected of them.
    rate = measured / planned if measured and planned else 1.0
    return float(rate * sum(expected.get(host, 0) for host in now))
