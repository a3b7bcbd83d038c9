# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""What the inventory says of a host's server. The one place that derives a monitor URL."""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils import _state_files
from ansible_collections.natsops.cluster.plugins.module_utils._arguments import DEFAULT_MONITOR_URL
from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError


def host_variable(name: str, host: str, task_vars: Mapping[str, Any], templar: Any) -> Any:
    """The value that a variable has for a host, templated; None where it has none.

    hostvars hold what the inventory, facts and extra variables say, and not the variables of a play or the defaults of a role.
    Those are the same for every host, but their templates have to be read with the host's own variables.
    """
    hostvars = task_vars["hostvars"]
    if host not in hostvars:
        raise NatsError(f"there is no host {host} in the inventory")
    if name in hostvars[host]:
        return hostvars[host][name]
    here = task_vars["inventory_hostname"]
    if name not in task_vars or name in hostvars[here]:
        return None
    if host == here:
        return templar.template(task_vars[name])
    # Raw: read one by one, each of the host's variables would be templated, also one that needs the defaults of the role.
    raw = hostvars.raw_get(host) if hasattr(hostvars, "raw_get") else hostvars[host]
    of_host = templar.copy_with_new_env(available_variables={**task_vars, **raw})
    return of_host.template(task_vars[name])


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
    return str(host_variable("nats_upgrade_state_dir", host, task_vars, templar) or _state_files.FOLDER)
