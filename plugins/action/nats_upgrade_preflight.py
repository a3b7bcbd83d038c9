# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The steps of a preflight: read-only, and every reason not to begin that can be known without the new version."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs
from ansible_collections.natsops.cluster.plugins.plugin_utils._action import preflight as _preflight
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.several import SeveralAction
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory


class ActionModule(SeveralAction):
    """See the module of the same name."""

    _requires_connection = True

    def several(self) -> Result:
        _unused, params = self.validate_argument_spec(argument_spec=_specs.PREFLIGHT)
        return _STEPS[params["step"]](self)

    def begin(self) -> Result:
        self.call("nats_variables", wants_version=True)
        return self.call("nats_upgrade_event", **_preflight.began(self.known))

    def read(self) -> Result:
        self.call("nats_upgrade_plan", **_preflight.asked_for(self.known))
        mixed = _preflight.mixed(self.known)
        if mixed:
            raise NatsError(mixed)
        return self._read_all()

    def look(self) -> Result:
        self.call("nats_variables")
        return self._read_all()

    def _read_all(self) -> Result:
        """What every server of the group says of itself."""
        hosts = self.known.group(self.known.value("nats_upgrade_group"))
        return self.call("nats_version_facts", hosts=hosts, as_facts=False)

    def look_on_node(self) -> Result:
        found = self.attempt("nats_node_facts", **_preflight.looked(self.known))
        # What cannot be found out is left out, and told.
        return {"changed": False, "problem": str(found.get("msg") or "failed")} if found.get("failed") else found

    def status(self) -> Result:
        found = self._found(list(self.vars["ansible_play_hosts"]))
        result = self.call("nats_upgrade_status", **_preflight.status(self.known, found))
        problems = [f"{host}: {of_it['problem']}" for host, of_it in found.items() if "problem" in of_it]
        stats = {"data": {"nats_upgrade_status": result["status"]}, "per_host": False, "aggregate": False}
        return {**result, "lines": [*result["status"]["lines"], *problems], "ansible_stats": stats}

    def node(self) -> Result:
        result = self.call("nats_node_facts", **_preflight.node(self.known))
        found = result["nats_node"]
        self.vars["__nats_upgrade_found"] = result
        # Of a server that is down already nothing more is asked.
        if self.known.flag("__nats_upgrade_silent"):
            return result
        wrong = _preflight.wrongly_contained(self.known, found)
        if wrong:
            raise NatsError(wrong)
        return {**result, "digest": self._accepted(found)} if self.known.flag("__nats_upgrade_restarts") else result

    def _accepted(self, found: Mapping[str, Any]) -> str:
        """Ask what is installed whether it accepts the deployed configuration; return the digest that it tells of it.

        Of every node, also of those that are not restarted for it: one that refuses its configuration is down after its next
        crash.
        """
        server, config = _preflight.server(self.known), found["config_path"]
        if not self.known.flag("__nats_upgrade_contained"):
            if not (found["binary_path"] and config):
                return ""
            named = {name: server[name] for name in ("service", "pid_file")}
            return str(self.call("nats_config_check", binary=found["binary_path"], config_path=config, **named)["digest"])
        if not found["running"]:
            return ""
        # The image that the container has, or that its unit names: it is on the node, and nothing is fetched. In a container of
        # its own, which mounts the configuration anew, as a start does: a file that was replaced is another one by then.
        named = {name: server[name] for name in ("service", "container")}
        version = self.known.own("facts").get("version") or None
        asked = self.call("nats_container", state="staged", version=version, config_path=config, **named)
        return str(asked.get("digest") or "")

    def plan(self) -> Result:
        hosts = list(self.vars["ansible_play_hosts"])
        result = self.call("nats_upgrade_plan", **_preflight.plan(self.known, self._found(hosts)))
        return {**result, "queue": _preflight.queue(result["plan"], hosts)}

    def accept(self) -> Result:
        """End the run where the plan is refused or something is missing to carry it out, and show it where it is not."""
        planned, hosts = self.known.own("plan"), list(self.vars["ansible_play_hosts"])
        told, found = planned["plan"], self._found(hosts)
        if told["refused"]:
            names = ", ".join(dict.fromkeys(finding["name"] for finding in told["refusals"]))
            raise NatsError(planned["refusal"], refusal=names, lines=told["lines"])
        left_out = _preflight.all_left_out(told, hosts)
        if left_out:
            raise NatsError(left_out, lines=told["lines"])
        if self.known.flag("__nats_upgrade_probes"):
            run = self.known.own("run")
            self.call("nats_client_probe", state="checked", run_id=run, hosts=self.known.own("probe_hosts"))
        self._require_all(hosts, told, found)
        asked = self._asked([host for host in told["order"] if host in hosts], found)
        return {
            "changed": False,
            "msg": [*told["lines"], *told["note_lines"]],
            **({"sha256": asked} if asked else {}),
            "_ansible_verbose_always": True,
        }

    def _require_all(self, hosts: list[str], told: Mapping[str, Any], found: _preflight.Nodes) -> None:
        known = _inventory.remembering(self.vars)
        missing = {host: _preflight.missing(host, told, found[host]["nats_node"], known, self._templar) for host in hosts}
        hosts = [host for host, what in missing.items() if what]
        if hosts:
            raise NatsError("\n".join(missing[host] for host in hosts), about={"host": hosts[0]}, lines=told["lines"])

    def _asked(self, hosts: list[str], found: _preflight.Nodes) -> dict[str, str]:
        """Ask whether the new version can be had, and whether there is room for it; return its hash for each architecture.

        An image that a node does not have is pulled by the node, and what a repository has is asked of its package manager, when
        it is staged.
        """
        nodes = {host: found[host]["nats_node"] for host in hosts}
        asked = {}
        for arch in dict.fromkeys(node["go_arch"] for node in nodes.values()):
            args = _preflight.archive(self.with_vars({"nats_upgrade_arch": arch}), arch, nodes)
            if args:
                asked[arch] = self.call("nats_archive", state="asked", **args)["sha256"]
        return asked

    def _found(self, hosts: list[str]) -> dict[str, Any]:
        """What was found out on each host of the play."""
        return {host: _inventory.raw_of(host, self.vars)["__nats_upgrade_found"] for host in hosts}


_STEPS: dict[str, Callable[[ActionModule], Result]] = {
    "begin": ActionModule.begin,
    "read": ActionModule.read,
    "node": ActionModule.node,
    "plan": ActionModule.plan,
    "accept": ActionModule.accept,
    "look": ActionModule.look,
    "look_on_node": ActionModule.look_on_node,
    "status": ActionModule.status,
}
