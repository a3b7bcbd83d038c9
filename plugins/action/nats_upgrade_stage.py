# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The steps that make all nodes ready while they serve. What fails fails no task until what this run has taken is given back."""

from __future__ import annotations

from typing import Callable

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import specs as _specs
from ansible_collections.natsops.cluster.plugins.plugin_utils._action import staging as _staging
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import Result
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.several import SeveralAction
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory


class ActionModule(SeveralAction):
    """See the module of the same name."""

    _requires_connection = True

    def several(self) -> Result:
        _unused, params = self.validate_argument_spec(argument_spec=_specs.STAGE)
        self.vars["__nats_upgrade_rescued"] = True
        return _STEPS[params["step"]](self)

    def fetch(self) -> Result:
        not_locked = _staging.not_locked(self.known)
        if not_locked:
            return _problem(not_locked)
        if self.known.flag("__nats_upgrade_has_work"):
            # Not earlier: as long as another run has the lock it may be at work still, and what it writes is its own.
            taken_up = self.attempt("nats_upgrade_event", kind="resumed")
            if taken_up.get("failed"):
                return _problem([_said(taken_up)], taken_up)
        result: Result = {"changed": False, "fetched": {}}
        if self.known.flag("__nats_upgrade_probes"):
            # First of all, so that what it sees before any node is taken can be compared with.
            result["probes"] = True
            begun = self.attempt("nats_client_probe", state="started", **_staging.probe(self.known))
            if begun.get("failed"):
                return {**result, **_problem([_said(begun)], begun)}
        if self.known.flag("__nats_upgrade_restarts"):
            return result
        # Once for each architecture: nodes get it from the controller, and need no way to the internet.
        self.vars["__nats_upgrade_phase"] = "stage"
        for arch, sha256 in ((self.known.own("asked") or {}).get("sha256") or {}).items():
            args = _staging.fetched(self.with_vars({"nats_upgrade_arch": arch}), arch, sha256)
            file = self.attempt("nats_archive", **args) if args else {}
            if file.get("failed"):
                return {**result, **_problem([_said(file)], file)}
            result["fetched"][arch] = {"path": file["path"], "sha256": file["sha256"]}
        return result

    def stage(self) -> Result:
        before = self.known.own("fetched")
        if before.get("problems"):
            return _problem(before["problems"], {"refusal": before.get("refused")})
        if self.known.flag("__nats_upgrade_restarts") or self.known.host not in self.known.own("plan")["plan"]["order"]:
            return {"changed": False}
        self.vars["__nats_upgrade_phase"] = "stage"
        name, args = _staging.staged(self.known, before["fetched"])
        done = self.attempt(name, **args)
        if done.get("failed"):
            return _problem([f"{self.known.host}: {_said(done)}"], done)
        # Of a package in check mode, what is not known yet.
        said = done.get("said") if name == "nats_package" else ""
        return {"changed": done["changed"], **({"msg": said, "_ansible_verbose_always": True} if said else {})}

    def stop(self) -> Result:
        if self.known.own("fetched").get("probes"):
            self.attempt("nats_client_probe", **_staging.probe_end(self.known))
        hosts = self.known.group("nats_upgrade_queue")
        staged = [_inventory.raw_of(host, self.vars).get("__nats_upgrade_staged") or {} for host in hosts]
        problems, refusal = _staging.unready(staged)
        self.vars["__nats_upgrade_rescued"] = False
        raise NatsError("\n".join(problems), **({"refusal": refusal} if refusal else {}))


def _said(result: Result) -> str:
    return str(result.get("msg") or _staging.FAILED)


def _problem(problems: list[str], result: Result | None = None) -> Result:
    refusal = (result or {}).get("refusal")
    return {"changed": False, "problems": problems, **({"refused": refusal} if refusal else {})}


_STEPS: dict[str, Callable[[ActionModule], Result]] = {
    "fetch": ActionModule.fetch,
    "stage": ActionModule.stage,
    "stop": ActionModule.stop,
}
