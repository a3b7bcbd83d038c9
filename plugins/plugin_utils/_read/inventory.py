# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the inventory says of a host's server. The one place that derives where and by which name it is read."""

from __future__ import annotations

import shlex
from typing import Any, Iterator, Mapping, Sequence

from ansible.errors import AnsibleUndefinedVariable

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read.options import DEFAULT_MONITOR_URL
from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _files


class Remembered(Mapping[str, Any]):
    """hostvars, each host's made once: Ansible puts all variables of a host together again for each look at it, in 2 ms."""

    def __init__(self, hostvars: Any) -> None:
        self._hostvars = hostvars
        self._made: dict[str, Any] = {}
        self._raw: dict[str, Any] = {}

    def __getitem__(self, host: str) -> Any:
        if host not in self._made:
            self._made[host] = self._hostvars[host]
        return self._made[host]

    def __contains__(self, host: object) -> bool:
        return host in self._hostvars

    def __iter__(self) -> Iterator[str]:
        return iter(self._hostvars)

    def __len__(self) -> int:
        return len(self._hostvars)

    def raw_get(self, host: str) -> Any:
        """The variables of a host, templates as they stand."""
        if host not in self._raw:
            self._raw[host] = _raw(host, self._hostvars)
        return self._raw[host]


def remembering(task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a task for several questions about many hosts."""
    hostvars = task_vars["hostvars"]
    return {**task_vars, "hostvars": hostvars if isinstance(hostvars, Remembered) else Remembered(hostvars)}


def host_variable(name: str, host: str, task_vars: Mapping[str, Any], templar: Any) -> Any:
    """The value that a variable has for a host, templated; None where it has none.

    hostvars hold what the inventory, facts and extra variables say, and not the variables of a play or the defaults of a role.
    Those are the same for every host, but their templates have to be read with the host's own variables.
    """
    hostvars = task_vars["hostvars"]
    if host not in hostvars:
        raise NatsError(f"there is no host {host} in the inventory")
    try:
        return _templated(name, host, task_vars, templar)
    except AnsibleUndefinedVariable as exc:
        raise NatsError(
            f"{name} of {host} needs a variable that is not set ({exc}): set that, or give {name} another value"
        ) from exc


def _templated(name: str, host: str, task_vars: Mapping[str, Any], templar: Any) -> Any:
    hostvars = task_vars["hostvars"]
    if name in hostvars[host]:
        return hostvars[host][name]
    here = task_vars["inventory_hostname"]
    if name not in task_vars or name in hostvars[here]:
        return None
    if host == here:
        return templar.template(task_vars[name])
    # No template, as most defaults of the role: the same for every host. Many hosts are asked about at once.
    if _is_plain(task_vars[name]):
        return task_vars[name]
    of_host = templar.copy_with_new_env(available_variables={**task_vars, **_raw(host, hostvars)})
    return of_host.template(task_vars[name])


def _is_plain(value: Any) -> bool:
    return not value or isinstance(value, (bool, int, float)) or (isinstance(value, str) and "{" not in value)


def _raw(host: str, hostvars: Any) -> Mapping[str, Any]:
    """Raw: read one by one, each of the host's variables would be templated, also one that needs the defaults of the role."""
    raw: Mapping[str, Any] = hostvars.raw_get(host) if hasattr(hostvars, "raw_get") else hostvars[host]
    return raw


def raw_of(host: str, task_vars: Mapping[str, Any]) -> Mapping[str, Any]:
    """The variables that hostvars hold of a host, templates as they stand."""
    if host not in task_vars["hostvars"]:
        raise NatsError(f"there is no host {host} in the inventory")
    return _raw(host, task_vars["hostvars"])


def variables_of(host: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Every variable of a host, templates as they stand: its own, and those of the play, but none of the task's own host."""
    hostvars = task_vars["hostvars"]
    if host not in hostvars:
        raise NatsError(f"there is no host {host} in the inventory")
    own = _raw(task_vars["inventory_hostname"], hostvars)
    return {**{name: value for name, value in task_vars.items() if name not in own}, **_raw(host, hostvars)}


def server_names(host: str, task_vars: Mapping[str, Any], templar: Any) -> tuple[str, ...]:
    """The names that the server of a host may have, the likeliest first."""
    given = host_variable("nats_upgrade_server_name", host, task_vars, templar)
    return (_text.name(str(given)),) if given else tuple(dict.fromkeys((host, host.split(".", 1)[0])))


def with_group(hosts: Sequence[str], task_vars: Mapping[str, Any], templar: Any) -> list[str]:
    """These hosts, and the others of the group that is upgraded."""
    group = str(host_variable("nats_upgrade_group", task_vars["inventory_hostname"], task_vars, templar) or "nats")
    return list(dict.fromkeys([*hosts, *(task_vars.get("groups") or {}).get(group, [])]))


def client_urls(hosts: Sequence[str], task_vars: Mapping[str, Any], templar: Any) -> list[str]:
    """Where clients of the servers of these hosts connect."""
    addresses = (str(host_variable("ansible_host", host, task_vars, templar) or host) for host in hosts)
    return [f"nats://[{address}]:4222" if ":" in address else f"nats://{address}:4222" for address in addresses]


def monitor_url(host: str, probe_from: str, task_vars: Mapping[str, Any], templar: Any) -> str:
    """Where the server of a host is monitored, as seen from the controller or from the host itself."""
    given = host_variable("nats_upgrade_monitor_url", host, task_vars, templar)
    if given:
        return str(given)
    if probe_from == "node":
        return DEFAULT_MONITOR_URL
    address = str(host_variable("ansible_host", host, task_vars, templar) or host)
    return f"http://[{address}]:8222" if ":" in address else f"http://{address}:8222"


def state_dir(host: str, task_vars: Mapping[str, Any], templar: Any) -> str:
    """The folder on a host where an upgrade keeps its lock and its journal."""
    return str(host_variable("nats_upgrade_state_dir", host, task_vars, templar) or _files.FOLDER)


def not_startable(host: str, task_vars: Mapping[str, Any], templar: Any) -> str:
    """What the inventory lacks to start and to find the server of a host; empty where nothing."""
    wanted = ("nats_upgrade_start_command", "nats_upgrade_pid_file")
    service = host_variable("nats_upgrade_service", host, task_vars, templar) or "systemd"
    if service not in ("systemd", "command"):
        return f"nats_upgrade_service is {service}, and a temporary server is started by systemd or by commands"
    if service == "systemd":
        return ""
    missing = [name for name in wanted if not host_variable(name, host, task_vars, templar)]
    return f"nats_upgrade_service is command, and {' and '.join(missing)} not set for this host" if missing else ""


def drain_command(host: str, task_vars: Mapping[str, Any], templar: Any) -> str:
    """The command by which a person can have the server of a host drained and stopped."""
    service = host_variable("nats_upgrade_service", host, task_vars, templar) or "systemd"
    if service == "systemd":
        named_by = f"service={host_variable('nats_upgrade_service_name', host, task_vars, templar) or 'nats-server'}"
    else:
        named_by = f"pid_file={host_variable('nats_upgrade_pid_file', host, task_vars, templar)}"
    adhoc = ["ansible", host]
    for source in task_vars.get("ansible_inventory_sources") or []:
        adhoc += ["-i", str(source)]
    drain = shlex.join([*adhoc, "-m", "natsops.cluster.nats_lameduck", "-a", named_by])
    hold = host_variable("nats_upgrade_hold_command", host, task_vars, templar) if service == "command" else None
    if not hold:
        return drain
    # Without it, its supervisor would start it again.
    return f"{shlex.join([*adhoc, '-m', 'ansible.builtin.command', '-a', shlex.join(map(str, hold))])} && {drain}"
