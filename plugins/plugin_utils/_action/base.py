# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the actions share: work on the controller, and work on a node that may be lost."""

from __future__ import annotations

import contextlib
import os
import traceback
from typing import Any, ClassVar, Dict, Mapping, Sequence

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._node import keys as _keys
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation, Surge
from ansible_collections.natsops.cluster.plugins.module_utils._read import http_door as _http_door
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply
from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import core as _core
from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import node_python as _node_python
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import cluster as _cluster
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import nodes as _nodes
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import over_nats as _over_nats
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import several as _several
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import sources as _sources
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.teller import Teller

Result = Dict[str, Any]
display = Display()
# Of a result, what is shown as it stands: by Ansible itself, or by the role.
_SAID = ("msg", "warnings", "lines", "module_stderr", "module_stdout")
_MAYBE_DONE = "What was under way there may have run to its end, or not: the next run finds out"
_MEND = "Mend what it says, such as a full disk, and run the same playbook again, which finds out what was done"
_BEFORE_ANY_TURN = ". No server was stopped.\nNext: bring {host} back, and run the same playbook again"
# Of how to read, what counts on a node too.
_HTTP_OPTIONS = ("validate_certs", "ca_path", "request_timeout_seconds", "max_in_flight", "max_answer_mib")
# Ansible loads an action in the process that it forks its workers from.
_http_door.warm_up()


def without_credentials(value: Any) -> Any:
    """The same with no user and no password in any address."""
    if isinstance(value, str):
        return _reply.without_credentials(value)
    if isinstance(value, dict):
        return {key: without_credentials(one) for key, one in value.items()}
    return [without_credentials(one) for one in value] if isinstance(value, (list, tuple)) else value


def node_of(host: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a node in the result of M(natsops.cluster.nats_node_facts), whichever its as_facts was; empty of a failure.

    Raises NatsError where they are none.
    """
    facts = result.get("ansible_facts")
    found = result.get("nats_node") or (facts.get("nats_node") if isinstance(facts, dict) else facts)
    return _keys.checked(host, found) if found else {}


def warn_without_httpx() -> None:
    if _http_door.httpx is None:
        display.warning("httpx cannot be imported on the controller: servers are read without it, more slowly")


class EndedError(Exception):
    """An action that another one has called has failed, and has told so: its result is the result of the task."""

    def __init__(self, result: Result) -> None:
        super().__init__(str(result.get("msg") or "failed"))
        self.result = result


class NatsAction(ActionBase):
    """An action whose work is in C(work), which returns a result or raises NatsError."""

    _requires_connection = False
    # Whether its time belongs to the phase of the turn that its task names.
    HAS_PHASE: ClassVar[bool] = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        result = super().run(tmp, task_vars)
        self.told = Teller(self._task, task_vars or {}, self._templar, has_phase=self.has_phase(task_vars or {}))
        self.told.began()
        try:
            self._check_core()
            result.update(self.work(task_vars or {}))
        except EndedError as exc:
            return {**result, **exc.result}
        except NatsError as exc:
            result.update(failed=True, msg=str(exc), **exc.details)
        except Exception as exc:
            if not self.told.runs:
                raise
            # In a run it is a failure as any other, whatever it is: else the report would say that the run was killed.
            result.update(_failure(exc))
        result.update({key: _text.said(result[key]) for key in _SAID if key in result})
        self.ended(result)
        return result

    def has_phase(self, task_vars: dict[str, Any]) -> bool:
        """Whether there is anything to be told of the phase that the task names."""
        return self.HAS_PHASE

    def _check_core(self) -> None:
        warning = _core.check()
        if warning:
            # From each action; Ansible shows the same warning once.
            display.warning(warning)

    def work(self, task_vars: dict[str, Any]) -> Result:
        raise NotImplementedError

    def ended(self, result: Result) -> None:
        """Tell how the task has ended."""
        self.told.ended(result)

    def on_node(self, module_args: dict[str, Any], task_vars: dict[str, Any], left: str = _MAYBE_DONE) -> Result:
        """Run the module of the same name on the task's host, or the one that it is delegated to.

        C(left) says what a host that is lost may be left with.

        A host that cannot be reached is a failure of the task here, and not the state "unreachable": for that Ansible runs
        neither rescue nor always, so that nothing could be said or put right.
        """
        host = self._task.delegate_to or task_vars.get("inventory_hostname", "the host")
        try:
            result: Result = self._execute_module(module_args=module_args, task_vars=task_vars)
        except AnsibleConnectionFailure as exc:
            # Where it happens in a turn, the message of that says how the cluster is and what to do.
            left += _BEFORE_ANY_TURN.format(host=host) if self.told.phase == "stage" else ""
            raise NatsError(
                f"{host} was lost in the step '{self._task.name}': it cannot be reached ({exc}). {left}", lost_host=host
            ) from exc
        fault = _node_python.fault(self, result, host)
        if fault:
            raise NatsError(f"refused: {host}: {fault}. Nothing was touched there.", refusal="old_python")
        if self._task.delegate_to or self._task.run_once:
            # Ansible adds which Python it has found there, and from 2.21 on gives that to every host of the task.
            result.pop("ansible_facts", None)
        # With -vvv Ansible shows the options that the module got, addresses as they were given.
        return {**result, "invocation": without_credentials(result["invocation"])} if "invocation" in result else result

    def cleanup(self, force: bool = False) -> None:
        # A lost host keeps its temporary folder; that must not turn the failure above into "unreachable" after all.
        with contextlib.suppress(AnsibleConnectionFailure):
            super().cleanup(force)


def _failure(exc: Exception) -> Result:
    """The result of a task that this has ended. Ansible's own errors say all there is to say, of others -vvv shows more."""
    if isinstance(exc, AnsibleError):
        return {"failed": True, "msg": str(exc)}
    return {
        "failed": True,
        "msg": f"an error that was not foreseen on the controller ({type(exc).__name__}: {exc}): -vvv shows where. {_MEND}",
        "exception": traceback.format_exc(),
    }


class NodeAction(NatsAction):
    """An action that only runs its module on the node."""

    _requires_connection = True

    def work(self, task_vars: dict[str, Any]) -> Result:
        return self.on_node(dict(self._task.args), task_vars)

    def copied(self, file: str, task_vars: dict[str, Any]) -> str:
        """Copy a file of the controller to the node, to be gone after the task; return where it is there."""
        try:
            folder = self._make_tmp_path()
            remote = self._connection._shell.join_path(folder, os.path.basename(file))
            self._transfer_file(file, remote)
            self._fixup_perms2((folder, remote))
        except AnsibleConnectionFailure as exc:
            raise NatsError(f"{task_vars['inventory_hostname']} was lost while {file} was copied to it: {exc}") from exc
        return str(remote)


class CopyingAction(NodeAction):
    """An action that copies a file of the controller to the node and runs its module there with the copy."""

    # The option that names the file.
    FILE: ClassVar[str]

    def work(self, task_vars: dict[str, Any]) -> Result:
        args = dict(self._task.args)
        file = args.pop(self.FILE, None)
        if not file:
            return self.on_node(args, task_vars)
        if self._task.check_mode:
            # Nothing is copied, and an address was not fetched: the module is told no more than that there will be a file.
            return self.on_node({**args, self.FILE: file}, task_vars)
        if not os.path.isfile(file):
            raise NatsError(f"there is no {self.FILE} {file} on the controller")
        # Not asked first whether it is needed there: that takes longer than copying 7 MB.
        return self.on_node({**args, self.FILE: self.copied(file, task_vars)}, task_vars)


class ReadingAction(NatsAction):
    """An action that reads servers: on the controller, in this process, or through its module on the node."""

    SPEC: ClassVar[dict[str, dict[str, Any]]] = {}
    _read_by: _sources.Ways

    def arguments(self, task_vars: dict[str, Any]) -> Result:
        """The options, with what the inventory says of the host where they say nothing."""
        _unused, params = self.validate_argument_spec(argument_spec=self.SPEC, mutually_exclusive=_options.ONE_SOURCE)
        self.fill(params, task_vars)
        if params["hosts"] is not None:
            params["servers"] = self.servers_of(params, task_vars)
        elif params["servers"] is None and params["monitor_url"] is None:
            params["monitor_url"] = self.address(task_vars["inventory_hostname"], task_vars)
        return params

    def fill(self, params: Result, task_vars: dict[str, Any]) -> None:
        """Put in how the task's own host is read, where the options say nothing. Each host may have a way of its own.

        C(params["system_account"]) becomes one by which some host of the task is read.
        """
        host = task_vars["inventory_hostname"]
        # Where the task itself names addresses it means HTTP.
        by_http = params.get("servers") is not None or params.get("monitor_url") is not None
        if by_http and params["system_account"]:
            raise NatsError("system_account reads hosts of the inventory: give hosts, and not servers or monitor_url")
        self._read_by = _sources.Ways(params, self._templar, by_http=by_http)
        known = _inventory.remembering(task_vars)
        own = self._read_by.of(host, known)
        hosts = [*(params.get("hosts") or [host]), *(params.get("surge") or ())]
        accounts = [] if by_http else [self.account(one, known) for one in hosts]
        account = next((account for account in accounts if account), None)
        params.update(own.http_options, probe_from=own.probe_from, system_account=account)

    def account(self, host: str, task_vars: dict[str, Any]) -> dict[str, Any] | None:
        """The system account by which the server of a host is read; None where it is read by HTTP."""
        return self._read_by.of(host, task_vars).account

    def without_account(self, hosts: Sequence[str], task_vars: dict[str, Any]) -> list[str]:
        """The hosts of these whose servers are read by HTTP."""
        known = _inventory.remembering(task_vars)
        return [host for host in hosts if not self.account(host, known)]

    def servers_of(self, params: Result, task_vars: dict[str, Any]) -> list[dict[str, str]]:
        """Name and address of each host that the option hosts names."""
        known = _inventory.remembering(task_vars)
        return [{"name": host, "monitor_url": self.address(host, known)} for host in params["hosts"]]

    def address(self, host: str, task_vars: dict[str, Any]) -> str:
        """Where the server of a host is read, or over NATS its name."""
        way = self._read_by.of(host, task_vars)
        if way.account:
            return _options.OVER_NATS + _inventory.server_names(host, task_vars, self._templar)[0]
        return _inventory.monitor_url(host, way.probe_from, task_vars, self._templar)

    def source(self, task_vars: dict[str, Any]) -> _options.OpenSource:
        """What makes the way to read that the options name, or the ways where hosts differ in it."""

        def opened(params: Mapping[str, Any]) -> _monitor.Source:
            hosts = params.get("hosts") or [task_vars["inventory_hostname"]]
            known = _inventory.remembering(task_vars)
            sources = [
                (
                    self._over_nats(way, hosts, params, known) if way.account else self._by_http(way, of_it, params, task_vars),
                    of_it,
                )
                for way, of_it in self._read_by.alike(hosts, known)
            ]
            if len(sources) == 1:
                return sources[0][0]
            return _several.Several({host: source for source, of_it in sources for host in of_it})

        return opened

    def _over_nats(
        self, way: _sources.Way, hosts: list[str], params: Mapping[str, Any], task_vars: dict[str, Any]
    ) -> _monitor.Source:
        account = way.account or {}
        # All of the group: any of them that has this account lets us in, and no answer of theirs is a stranger's.
        known = _inventory.with_group(hosts, task_vars, self._templar)
        names = {host: _inventory.server_names(host, task_vars, self._templar) for host in known}
        ours = [] if account.get("servers") else [host for host in known if self._read_by.has_account(host, account, task_vars)]
        urls = _inventory.client_urls(ours, task_vars, self._templar)
        most = _options.max_bytes(way.max_answer_mib)
        return _over_nats.SystemAccount(account, urls, names, params["request_timeout_seconds"], most)

    def _by_http(
        self, way: _sources.Way, hosts: list[str], params: Mapping[str, Any], task_vars: dict[str, Any]
    ) -> _monitor.Source:
        options = {**params, **way.http_options}
        if way.probe_from == "node":
            nodes = _nodes.Hosts(self, task_vars)
            nodes.prepare(hosts)
            return _nodes.OverNodes(nodes.run, {name: options[name] for name in _HTTP_OPTIONS if options[name] is not None})
        warn_without_httpx()
        return _options.open_http(options)

    def work(self, task_vars: dict[str, Any]) -> Result:
        params = self.arguments(task_vars)
        if params["probe_from"] == "node" and params["hosts"] is None and not params["system_account"]:
            return self.on_node({key: value for key, value in params.items() if value is not None}, task_vars)
        return self.read(params, task_vars["inventory_hostname"], self.source(task_vars))

    def read(self, params: Result, host: str, open_source: _options.OpenSource) -> Result:
        raise NotImplementedError


class LookingAction(ReadingAction):
    """An action that looks at the whole cluster, for a plan or a status."""

    def situation(self, params: Result, task_vars: dict[str, Any]) -> Situation:
        """What the servers of the option hosts say, and what was found out on the nodes."""
        self.fill(params, task_vars)
        targets = _options.targets({**params, "servers": self.servers_of(params, task_vars)})
        every = {**params, "hosts": [*params["hosts"], *(params["surge"] or ())]}
        with self.source(task_vars)(every) as source:
            situation = _cluster.look(
                source,
                targets,
                self.nodes(params),
                max_lag=params["max_lag"],
                settle_seconds=params["settle_seconds"],
            )
            return _cluster.with_surge(situation, self._surge(source, params, task_vars)) if params["surge"] else situation

    def nodes(self, params: Result) -> dict[str, dict[str, Any]]:
        """What was found out on the nodes, of those where something was."""
        return {host: _keys.checked(host, node) for host, node in (params["nodes"] or {}).items() if node}

    def _surge(self, source: _monitor.Source, params: Result, task_vars: dict[str, Any]) -> tuple[Surge, ...]:
        """The temporary servers that the option surge names, with what was found out on their hosts."""
        targets = _options.targets({**params, "servers": self.servers_of({**params, "hosts": list(params["surge"])}, task_vars)})
        return tuple(
            Surge(
                host=reading.name,
                node=node_of(reading.name, params["surge"][reading.name]),
                error=_inventory.not_startable(reading.name, task_vars, self._templar)
                or params["surge"][reading.name].get("msg", ""),
                reading=reading,
                command=_inventory.drain_command(reading.name, task_vars, self._templar),
            )
            for reading in _monitor.read_facts(source, targets)
        )
