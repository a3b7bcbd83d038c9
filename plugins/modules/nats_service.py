#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hold, release, start or end a NATS server by whatever supervises it, read its log, or ask whether it is supervised."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nats_service
short_description: Hold, release, start or end a NATS server, whatever supervises it
version_added: "0.1.0"
description:
  - The same for a unit of systemd, a container of docker, a unit that runs its server by podman, and a server that commands
    start. Which one it is follows from O(service), O(container), or neither. To stop a server that serves, use
    M(natsops.cluster.nats_lameduck).
  - Without O(service), O(container) and O(pid_file), the variables C(nats_upgrade_service), C(nats_upgrade_service_name) and so
    on of the host say how its server is run, as they do for the role C(nats_upgrade).
  - V(held) keeps the supervisor from starting the server again once it has exited, and proves it.
  - "With O(service) that is a runtime drop-in with C(Restart=no). Without it, systemd brings the old binary back as soon as the
    drained server has exited: measured with systemd 252, not only with C(Restart=always), but with the unit that NATS ships
    (C(Restart=on-failure)) too, 3 times of 3. It is gone after a reboot in any case."
  - "With O(container) it is the restart policy C(no). The one that it was is written to C(container.json) in O(state_dir) before
    that. Measured with docker 20.10, a server that drains by a signal that docker has not sent is restarted with C(always) and
    C(unless-stopped)."
  - V(released) gives back what it was before.
  - V(started) starts the server. A unit or a container whose server runs is left alone.
  - "V(ended) is for putting an old version back only. It ends every process of the unit, the container, or the one process that
    O(pid) names, with C(SIGTERM) and, if that does not help, C(SIGKILL). C(ExecStop) of a unit is not run, and its failed state
    is cleared."
  - V(log) reads the end of the server's log; V(status) fails where the supervisor does not run the server.
options:
  state:
    description: What to do.
    type: str
    choices: [held, released, started, ended, log, status]
    required: true
  service:
    description: Name of the systemd unit.
    type: str
  container:
    description: Name of the container of the docker engine on this host.
    type: str
  pid_file:
    description: File that holds the process id of a server that commands start.
    type: path
  pid:
    description: Process id to end, of a server that commands start. Needs O(start_ticks). Of a unit or a container all is ended.
    type: int
  start_ticks:
    description: >-
      Start time of the process to end, as M(natsops.cluster.nats_node_facts) gives it, so that a pid that was used again
      is never signalled.
    type: int
  host:
    description: Name of the host in what is said. The action gives it.
    type: str
  hold_command:
    description: Program and arguments for O(state=held), of a server that commands start. Without it, nothing is done.
    type: list
    elements: str
    default: []
  release_command:
    description: The same for O(state=released).
    type: list
    elements: str
    default: []
  stop_command:
    description: The same for O(state=ended), before the process is looked for.
    type: list
    elements: str
    default: []
  status_command:
    description: The same for O(state=status). Its exit code is 0 where the supervisor runs the server.
    type: list
    elements: str
    default: []
  log_command:
    description: Program and arguments that show the end of the log of a server that commands start, instead of any file.
    type: list
    elements: str
    default: []
  start_argv:
    description: Program and arguments that start a server that commands start. Needed for O(state=started) of one.
    type: list
    elements: str
    default: []
  start_detach:
    description: >-
      Whether O(start_argv) is the server itself, which is started in a session of its own and not waited for. With V(false) it is
      a supervisor's command, whose exit code counts.
    type: bool
    default: true
  start_timeout_seconds:
    description: Longest time for a unit, or a supervisor's command, to start the server, in seconds.
    type: float
    default: 60
  chdir:
    description: Working directory to start a detached server in. The default is the root folder.
    type: path
  output_path:
    description: File that the output of a detached server is added to, and that is read as its log.
    type: path
  own_output_path:
    description: >-
      The same where O(output_path) is not given. As a log it is read with the rights of the task, without following links of
      users other than root and that of the task.
    type: path
  log_path:
    description: Log file of the server, which is read with its rights.
    type: path
  uid:
    description: >-
      Id of the user that the server runs as. Without it, files are read with the rights of the unit's user, or of nobody.
    type: int
  lines:
    description: Number of lines of each file, or of the command, for O(state=log).
    type: int
    default: 50
  timeout_seconds:
    description: Longest time to wait for an exit after each signal, in seconds. For O(state=ended).
    type: float
    default: 10
  status_tries:
    description: How many times more, a second apart, O(status_command) is run until it says that the server is run.
    type: int
    default: 0
  is_back:
    description: >-
      Whether the server is known to be back, so that V(released) removes what would be put back, the container or the copy of the
      unit file that was replaced.
    type: bool
    default: false
  untouched:
    description: Whether nothing of the server was touched. V(released) then removes a copy of its unit file; V(status) says so.
    type: bool
    default: false
  stays_away:
    description: >-
      Whether V(released) is of a server that was ended and has to stay away. What O(hold_command) holds then stays held, for a
      supervisor that starts its server whenever it ends would bring it back.
    type: bool
    default: false
  state_dir:
    description: Folder on the node that the restart policy of a container is remembered in. Each server needs one of its own.
    type: path
    default: /var/lib/natsops
extends_documentation_fragment:
  - natsops.cluster._attributes
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: Hold automatic restarts of a unit
  natsops.cluster.nats_service:
    state: held
    service: nats-server

- name: Start a server without a supervisor
  natsops.cluster.nats_service:
    state: started
    pid_file: /run/nats.pid
    start_argv: [/opt/nats/nats-server, -c, /etc/nats.conf]
"""

RETURN = r"""
restart:
  description: What systemd says C(Restart) is now, or the restart policy of the container.
  type: str
  returned: with O(state=held), and with O(state=released) of a unit
removed:
  description: Containers, or copies of unit files, that were removed.
  type: list
  elements: str
  returned: with O(state=released), of containers
stays_held:
  description: What is to be said of a hold that stays.
  type: str
  returned: with O(stays_away), where one does
pid:
  description: Process id that was started or ended; null where that is not one process of ours.
  type: int
  returned: with O(state=started) and O(state=ended), where commands start the server
signals:
  description: The signals that were sent.
  type: list
  elements: str
  returned: with O(state=ended), but for docker
stdout:
  description: >-
    The last lines of the log; of several files each below its name. What cannot be read is said above the rest, and is no
    failure. No file is read that is no regular one, nor more than the last 64 KiB of each, 2000 characters of a line, or what
    takes more than 10 s (30 s of a command). What a terminal would obey, or not show, is written out.
  type: str
  returned: with O(state=log)
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor


def act(params: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Do it, or in check mode say whether it would change anything."""
    state = params["state"]
    if state == "log":
        # Here and not above: a module on a node compiles whatever it imports each time it runs.
        from ansible_collections.natsops.cluster.plugins.module_utils._node import last_words as _last_words

        return {"changed": False, "stdout": "\n".join(_last_words.of(params))}
    supervisor = _supervisor.of(params)
    if state == "status":
        return supervisor.status()
    if state == "held":
        return supervisor.hold(check_mode=check_mode)
    if state == "released":
        return supervisor.release(check_mode=check_mode)
    return (supervisor.start if state == "started" else supervisor.end)(check_mode=check_mode)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_supervisor.SPEC,
        mutually_exclusive=[("pid_file", "service", "container")],
        required_one_of=[("pid_file", "service", "container", "pid")],
        required_together=[("pid", "start_ticks")],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**act(module.params, check_mode=module.check_mode))
    except NatsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
