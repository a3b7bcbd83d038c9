# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Watch NATS clusters, and tell when the versions in one diverge."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
---
module: nats_drift
short_description: Tell when the versions in a NATS cluster diverge
version_added: "0.1.0"
description:
  - Reads /varz and /routez of every server, every O(interval_seconds), and judges them as M(natsops.cluster.nats_audit) does.
  - Emits an event when a cluster begins to run several versions (V(diverged)), when that has gone on for longer than
    O(max_mismatch_seconds) (V(overdue)), and when it runs one version again (V(converged)). What is so at the start is told then.
  - A mismatch is over only when every server of the cluster that was seen in it says so. One that does not answer is no event.
    Servers that hang hold up a look, O(max_in_flight) of them at once for O(request_timeout_seconds), and keep no other from
    being read.
  - Which servers do not answer, and why, is a warning in the log of ansible-rulebook, each time that others do not than before.
  - Looks never overlap. What is kept between them is the last state of each cluster and the names of its hosts.
options:
  servers:
    description:
      - The servers to read. Each is the address of a monitoring port, V(http://10.0.0.1:8222), or a dictionary with C(name), by
        which events name it, and C(monitor_url). Without a name it is the address, a user and a password in it left out.
    type: list
    required: true
  interval_seconds:
    description: Time from the beginning of one look to that of the next, in seconds; at least 1.
    type: float
    default: 60
  max_mismatch_seconds:
    description: How long a cluster may run several versions, in seconds, before that is overdue.
    type: float
    default: 86400
  active_seconds:
    description: How long after the last start a roll counts as going on, in seconds.
    type: float
    default: 3600
  request_timeout_seconds:
    description: How long one server has to answer, in seconds.
    type: float
    default: 5
  max_in_flight:
    description: Most requests under way at once.
    type: int
    default: 200
  max_answer_mib:
    description: Most that is taken of all that one server answers in a look, in MiB.
    type: int
    default: 64
  validate_certs:
    description: Whether the certificates of monitoring ports have to be trusted.
    type: bool
    default: true
  ca_path:
    description: PEM file with the authorities to trust. The default is the system's.
    type: str
  policy_file:
    description: File that extends the version policy, in the shape of C(version_policy.yml) of the collection.
    type: str
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Version drift of NATS clusters
  hosts: all
  sources:
    - natsops.cluster.nats_drift:
        servers:
          - {name: n1, monitor_url: "http://10.0.0.1:8222"}
          - {name: n2, monitor_url: "http://10.0.0.2:8222"}
  rules:
    - name: Audit when versions diverge
      condition: event.nats_drift.change == "diverged"
      action:
        run_playbook:
          name: natsops.cluster.audit
"""

RETURN = r"""
nats_drift:
  description: What has changed in one cluster.
  type: dict
  contains:
    change:
      description: V(diverged), V(overdue) or V(converged).
      type: str
    cluster:
      description: Name of the cluster, as its servers say it.
      type: str
    was:
      description: V(active), V(stale) or V(overdue), as for O(state) before; empty where it ran one version or was not known.
      type: str
    state:
      description: V(active) (a roll is going on), V(stale) (none is) or V(overdue); empty where it runs one version.
      type: str
    versions:
      description: Each C(version) and how many C(servers) run it, the newest first.
      type: list
    majority:
      description: The version that most servers run.
      type: str
    age_seconds:
      description: Time since the first start of a newer server that runs still; null where that is not known.
      type: int
    outliers:
      description: C(host), C(version) and C(gap) of up to 50 servers that run another version than most.
      type: list
    silent:
      description: Hosts of the cluster whose servers do not answer.
      type: list
    at:
      description: When it was seen, in UTC.
      type: str
"""

SPEC: dict[str, dict[str, Any]] = {
    "servers": {"type": "list", "elements": "raw", "required": True},
    "interval_seconds": {"type": "float", "default": 60},
    "max_mismatch_seconds": {"type": "float", "default": 86400},
    "active_seconds": {"type": "float", "default": 3600},
    "request_timeout_seconds": {"type": "float", "default": 5},
    "max_in_flight": {"type": "int", "default": 200},
    "max_answer_mib": {"type": "int", "default": 64},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "str"},
    "policy_file": {"type": "str"},
}
LOGGER = logging.getLogger("natsops.cluster.nats_drift")
# So many servers are named in a line of the log.
_MOST = 20
# From this file to the collection, and on to what holds ansible_collections.
_COLLECTION = Path(__file__).absolute().parents[4]
_UTILS = "ansible_collections.natsops.cluster.plugins.module_utils"


def _util(name: str) -> Any:
    return importlib.import_module(f"{_UTILS}.{name}")


def _make_importable() -> None:
    """ansible-rulebook runs this file by its path, and knows nothing of the collection that it is a part of."""
    inside = _COLLECTION.parts[-3:] == ("ansible_collections", "natsops", "cluster")
    root = str(_COLLECTION.parents[2] if inside else _COLLECTION / "collections")
    if root not in sys.path:
        sys.path.append(root)


class Watch:
    """Looks at the servers of a fleet, one look after the other. Raises NatsError for options that cannot be used."""

    def __init__(self, args: dict[str, Any]) -> None:
        arguments, errors, policy, fleet = (
            _util("_read.options"),
            _util("_core.errors"),
            _util("_policy.judge"),
            _util("_audit.fleet"),
        )
        params = _checked(args, errors.NatsError)
        self.interval_seconds = max(1.0, params["interval_seconds"])
        self._settings = arguments.settings(params)
        self._targets = arguments.targets(params)
        self._policy = policy.load(params["policy_file"])
        self._limits = fleet.Limits(params["max_mismatch_seconds"], params["active_seconds"])
        self._known: dict[str, Any] = {}
        self._silent: frozenset[str] = frozenset()

    def look(self) -> list[dict[str, Any]]:
        """The events since the last look. Waits for servers, each for a bounded time."""
        with _util("_read.http_door").open_door(self._settings) as door:
            readings = _util("_read.monitor").read_members(door, self._targets)
        now = datetime.now(timezone.utc)
        fleet = _util("_audit.fleet").Fleet(tuple(readings), now)
        self._tell_silent(fleet)
        drift = _util("_audit.drift").judge(fleet, self._policy, self._limits)
        self._known, found = _util("_audit.changes").changes(self._known, drift)
        return [{"nats_drift": {**change, "at": now.strftime("%Y-%m-%dT%H:%M:%SZ")}} for change in found]

    def _tell_silent(self, fleet: Any) -> None:
        """Log who does not answer, and why, where others do not than at the last look. Else a blind source would say nothing."""
        silent, before = frozenset(reading.name for reading in fleet.silent), self._silent
        self._silent = silent
        if silent == before:
            return
        if not silent:
            LOGGER.warning("nats_drift: all %d servers answer again", len(fleet.readings))
            return
        told = [f"{' '.join(dict.fromkeys((one.name, one.monitor_url)))}: {one.error}" for one in fleet.silent[:_MOST]]
        told += [f"and {len(silent) - _MOST} more"] if len(silent) > _MOST else []
        LOGGER.warning(
            "nats_drift: %d of %d servers do not answer, and which versions they run is not seen: %s",
            len(silent),
            len(fleet.readings),
            "; ".join(told),
        )


def _checked(args: dict[str, Any], error: type[Exception]) -> dict[str, Any]:
    """The options with their defaults, and servers as name and address."""
    validation = importlib.import_module("ansible.module_utils.common.arg_spec")
    # ansible-rulebook puts a queue of its own among them.
    read = validation.ArgumentSpecValidator(SPEC).validate({name: args[name] for name in args if name != "eda_feedback_queue"})
    if read.error_messages:
        raise error(f"nats_drift: {'; '.join(read.error_messages)}")
    params: dict[str, Any] = read.validated_parameters
    without_credentials = _util("_read.reply").without_credentials
    servers = [
        {"name": without_credentials(one), "monitor_url": one} if isinstance(one, str) else one for one in params["servers"]
    ]
    if not servers or any(not isinstance(one, dict) or set(one) != {"name", "monitor_url"} for one in servers):
        raise error(
            "nats_drift: servers has to be a list of addresses, or of dictionaries with name and monitor_url. It may not be empty"
        )
    return {**params, "servers": servers}


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """Put an event in the queue for each change, until cancelled."""
    _make_importable()
    watch, clock = Watch(args), asyncio.get_running_loop().time
    nats_error = _util("_core.errors").NatsError
    while True:
        began = clock()
        try:
            # In a thread, for reading blocks. A cancelled look ends by itself, when its servers have had their time.
            events = await asyncio.to_thread(watch.look)
        except nats_error as exc:
            LOGGER.warning("nats_drift: %s", exc)
            events = []
        for event in events:
            await queue.put(event)
        # Never at once again, however long the servers took.
        await asyncio.sleep(max(1.0, watch.interval_seconds - (clock() - began)))
