# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""By which way the server of each host is read: what the task says, or else what the inventory says of that very host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import over_nats as _over_nats

_HTTP = ("probe_from", "validate_certs", "ca_path")
OPTIONS = (*_HTTP, "max_answer_mib", "system_account")


@dataclass(frozen=True)
class Way:
    """With C(account) over NATS, where the rest does not count; else by HTTP, from the controller or from the host itself."""

    account: dict[str, Any] | None = None
    probe_from: str = "controller"
    validate_certs: bool = True
    ca_path: str | None = None
    max_answer_mib: int | None = None

    @property
    def http_options(self) -> dict[str, Any]:
        return {"validate_certs": self.validate_certs, "ca_path": self.ca_path, "max_answer_mib": self.max_answer_mib}


class Ways:
    """Each way is found out once. C(given) are the OPTIONS of the task: what is not None there counts for all hosts."""

    def __init__(self, given: Mapping[str, Any], templar: Any, *, by_http: bool) -> None:
        self._given, self._templar, self._by_http = {name: given[name] for name in OPTIONS}, templar, by_http
        self._known: dict[str, Way] = {}

    def of(self, host: str, task_vars: Mapping[str, Any]) -> Way:
        """The way to this host's server. Raises NatsError that names what is wrong with it."""
        if host not in self._known:
            self._known[host] = self._find(host, task_vars)
        return self._known[host]

    def alike(self, hosts: Sequence[str], task_vars: Mapping[str, Any]) -> list[tuple[Way, list[str]]]:
        """The different ways to these hosts, each with those that are read by it."""
        found: list[tuple[Way, list[str]]] = []
        for host in hosts:
            way = self.of(host, task_vars)
            of_it = next((others for other, others in found if other == way), None)
            if of_it is None:
                found.append((way, [host]))
            else:
                of_it.append(host)
        return found

    def has_account(self, host: str, account: Mapping[str, Any], task_vars: Mapping[str, Any]) -> bool:
        """Whether a host that may not be read at all has this system account. What is wrong with its own is said once it is."""
        try:
            return self.of(host, task_vars).account == account
        except NatsError:
            return False

    def _find(self, host: str, task_vars: Mapping[str, Any]) -> Way:
        account = None if self._by_http else self._value("system_account", host, task_vars)
        most = self._value("max_answer_mib", host, task_vars)
        most = None if most in (None, "") else _options.max_bytes(most) // _reply.MIB
        if account:
            return Way(_over_nats.check(account), max_answer_mib=most)
        probe_from, validate_certs, ca_path = (self._value(name, host, task_vars) for name in _HTTP)
        try:
            validated = boolean(True if validate_certs is None else validate_certs)
        except TypeError as exc:
            raise NatsError(f"nats_upgrade_validate_certs is neither true nor false: {exc}") from exc
        return Way(None, str(probe_from or "controller"), validated, ca_path, most)

    def _value(self, name: str, host: str, task_vars: Mapping[str, Any]) -> Any:
        given = self._given[name]
        return given if given is not None else _inventory.host_variable(f"nats_upgrade_{name}", host, task_vars, self._templar)
