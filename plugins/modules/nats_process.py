#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Start a NATS server detached, or end one that does not come up."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_process
short_description: Start a NATS server without a service manager, or end one that does not come up
version_added: "0.1.0"
description:
  - V(started) starts a command in a session of its own and does not wait for it.
  - V(stopped) is for putting an old version back only. It ends exactly one process, or all that a unit has, with C(SIGTERM) and,
    if that does not help, C(SIGKILL). To stop a server that serves, use M(natsops.cluster.nats_lameduck).
options:
  state:
    description: What to do.
    type: str
    choices: [started, stopped]
    required: true
  argv:
    description: Program and arguments to start.
    type: list
    elements: str
  chdir:
    description: Working directory to start it in. The default is the root folder.
    type: path
  log_path:
    description: File that its output is added to. The default is nowhere.
    type: path
  pid:
    description: Process id to end.
    type: int
  start_ticks:
    description: >-
      Start time of the process to end, as M(natsops.cluster.nats_node_facts) gives it, so that a pid that was used again
      is never signalled.
    type: int
  service:
    description:
      - Unit of systemd to end, with every process in it, whatever it runs. C(ExecStop) is not run, and a failed state is cleared.
      - Where C(Restart) is set, hold it before, with M(natsops.cluster.nats_unit_hold).
    type: str
  timeout_seconds:
    description: Longest time to wait for the exit after each signal, in seconds.
    type: float
    default: 10
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Start a server
  natsops.cluster.nats_process:
    state: started
    argv: [/opt/nats/nats-server, -c, /etc/nats.conf]

- name: End a server that does not come up
  natsops.cluster.nats_process:
    state: stopped
    pid: 4711
    start_ticks: 1234567
"""

RETURN = r"""
pid:
  description: Process id that was started or ended; null for a unit.
  type: int
  returned: success
signals:
  description: The signals that were sent.
  type: list
  elements: str
  returned: when O(state=stopped)
"""

import signal
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host import started_by as _started_by


def started(module: AnsibleModule) -> dict[str, Any]:
    """Start the command."""
    params = module.params
    if module.check_mode:
        return {"changed": True, "pid": None}
    _started_by.require_own(params["argv"], params["chdir"], "nothing was started")
    pid = _process.start_detached(params["argv"], cwd=params["chdir"] or "/", log_path=params["log_path"])
    return {"changed": True, "pid": pid}


def stopped(module: AnsibleModule) -> dict[str, Any]:
    """End the process."""
    params = module.params
    if params["service"]:
        return stopped_unit(module)
    process = _process.look(params["pid"])
    gone = process is None or process.start_ticks != params["start_ticks"]
    result: dict[str, Any] = {"changed": not gone, "pid": params["pid"], "signals": []}
    if process is None or gone or module.check_mode:
        return result
    for number in (signal.SIGTERM, signal.SIGKILL):
        if _process.send(process, number):
            result["signals"].append(number.name)
        if _process.wait_for_exit(process, params["timeout_seconds"])[0]:
            return result
    raise NatsError(f"{process.program} (pid {process.pid}) is still there after SIGTERM and SIGKILL: look at its host", **result)


def stopped_unit(module: AnsibleModule) -> dict[str, Any]:
    """End whatever the unit runs."""
    unit = module.params["service"]
    if module.check_mode:
        running = _process.systemctl_show(unit)["ActiveState"] not in ("inactive", "failed")
        return {"changed": running, "pid": None, "signals": []}
    sent = _process.end_unit(unit, module.params["timeout_seconds"])
    return {"changed": bool(sent), "pid": None, "signals": sent}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["started", "stopped"], "required": True},
            "argv": {"type": "list", "elements": "str"},
            "chdir": {"type": "path"},
            "log_path": {"type": "path"},
            "pid": {"type": "int"},
            "start_ticks": {"type": "int"},
            "service": {"type": "str"},
            "timeout_seconds": {"type": "float", "default": 10.0},
        },
        required_if=[("state", "started", ("argv",)), ("state", "stopped", ("pid", "service"), True)],
        required_together=[("pid", "start_ticks")],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**(started if module.params["state"] == "started" else stopped)(module))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
