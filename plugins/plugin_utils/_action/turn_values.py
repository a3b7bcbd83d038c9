# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the role knows of a turn, from its variables and from what its tasks have registered, as the values of _turn."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.natsops.cluster.plugins.plugin_utils._turn import machine as _machine
from ansible_collections.natsops.cluster.plugins.plugin_utils._turn.values import (
    Failed,
    Journaled,
    Seen,
    Server,
    Stage,
    Stopped,
    Wanted,
)

QUEUE = "nats_upgrade_queue"


class Known:
    """The variables of one task. What is not defined is None."""

    def __init__(self, task_vars: Mapping[str, Any], templar: Any) -> None:
        self._vars, self._templar = task_vars, templar
        self.host = str(task_vars["inventory_hostname"])

    def value(self, name: str) -> Any:
        return self._templar.template(self._vars[name]) if name in self._vars else None

    def own(self, name: str) -> Any:
        """A variable of the role's own."""
        return self.value(f"__nats_upgrade_{name}")

    def group(self, name: str) -> list[str]:
        """The hosts of a group of the inventory."""
        return list(self._vars["groups"].get(name) or [])

    def flag(self, name: str) -> bool:
        value = self.value(name)
        return boolean(value, strict=False) if value is not None else False

    def wanted(self) -> Wanted:
        plan = self.own("plan")["plan"]
        yields_to = (self.own("planned") or {}).get("yields_to") or ()
        return Wanted(
            host=self.host,
            target=str(self.own("target") or ""),
            old_version=str(self.own("old_version") or ""),
            in_order=self.host in plan["order"],
            leader_last=bool(plan["leader_last"]),
            leader_waits=self.flag("__nats_upgrade_leader_waits"),
            others_first=bool(set(yields_to) & set(self.queue)),
            restarts=self.flag("__nats_upgrade_restarts"),
            reboots=self.flag("__nats_upgrade_reboots"),
            restart_all=self.flag("nats_upgrade_restart_all"),
            rollback=self.flag("nats_upgrade_rollback"),
        )

    def journaled(self) -> Journaled:
        journal = self.own("journaled") or {}
        expectation = journal.get("expectation") or {}
        return Journaled(self.flag("__nats_upgrade_resumes"), expectation.get("started_after"))

    def server_now(self) -> Server | None:
        """This host's server as it was read last; None where reading failed as a whole."""
        servers = _servers(self.own("now"))
        return servers[0] if servers else None

    @property
    def queue(self) -> Sequence[str]:
        return list(self._vars["groups"][QUEUE])

    def lost(self) -> list[str]:
        every = {host: self._vars["hostvars"][host] for host in self.queue}
        ready = {host: bool(known.get("__nats_upgrade_ready")) for host, known in every.items()}
        return _machine.lost(self.host, self.queue, ready, self._outcomes(every))

    def _outcomes(self, every: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        turns = {host: known.get("__nats_upgrade_turn") or {} for host, known in every.items()}
        return {host: str(turn["outcome"]) for host, turn in turns.items() if turn.get("outcome")}

    def failed(self, result: Mapping[str, Any]) -> Failed:
        """C(result): that of the task that has failed."""
        turn, back = self.own("turn") or {}, self.own("back")
        return Failed(
            lost=self.is_lost(result),
            upgraded=turn.get("outcome") == "upgraded",
            returned=back is not None and not back.get("failed") and not back.get("unreachable"),
            has_target=bool(turn.get("has_target")),
            unwell=self.flag("__nats_upgrade_unwell"),
            away=self.flag("__nats_upgrade_away"),
            swapped=self.own("swapped"),
        )

    def is_lost(self, result: Mapping[str, Any]) -> bool:
        """Whether the host cannot be reached: C(__nats_upgrade_step) is what a command of the user's was registered as."""
        return bool(result.get("lost_host") is not None or (self.own("step") or {}).get("unreachable"))

    def seen(self) -> Seen:
        node = (self.own("seen") or {}).get("nats_node") or {}
        return Seen(
            server=self.server_now(),
            process_runs=bool(node.get("running")),
            can_be_lost=bool((self.own("losable") or {}).get("back")),
        )

    def stopped(self, stage: Stage, failure: str, besides: str, put_back: str) -> Stopped:
        after, log, clients = self.own("after") or {}, self.own("log") or {}, self.own("clients") or {}
        inventory = self.value("ansible_inventory_sources")
        return Stopped(
            wanted=self.wanted(),
            stage=stage,
            failure=failure,
            besides=besides,
            put_back=put_back,
            servers=_servers(after),
            unread=str(after.get("msg") or ""),
            log=tuple(map(str, log.get("stdout_lines") or ())),
            clients=tuple(clients["lines"]) if "lines" in clients else None,
            client_saw=tuple((self.own("probed") or {}).get("lines") or ()),
            temporary=str(self.own("surge_told") or ""),
            finished=tuple(self.own("finished") or ()),
            group=str(self.value("nats_upgrade_group") or "nats"),
            in_awx="awx_job_id" in self._vars,
            inventory=tuple(map(str, inventory or ())),
        )


def _servers(result: Mapping[str, Any] | None) -> tuple[Server, ...]:
    """The servers in a result of M(natsops.cluster.nats_version_facts)."""
    return tuple(map(Server.of, ((result or {}).get("nats_version") or {}).get("servers") or ()))
