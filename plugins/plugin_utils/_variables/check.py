# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Checks what the hosts of a run have for our variables, all of it at once, before anything else.

The values of each host are those that the play gives it: variables of the play, defaults of the role, and what the inventory and
extra variables say. Each is filled in with the host's own variables, as Ansible would do it later in the run.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping, Sequence

from ansible.errors import AnsibleError, AnsibleUndefinedVariable

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import named
from ansible_collections.natsops.cluster.plugins.plugin_utils._read import inventory as _inventory
from ansible_collections.natsops.cluster.plugins.plugin_utils._variables.kinds import NEAR, Problem
from ansible_collections.natsops.cluster.plugins.plugin_utils._variables.table import (
    ALL,
    DERIVED,
    GIVEN,
    PREFIXES,
    Variable,
    of_role,
)

_ARCH = "nats_upgrade_arch"
# What a value may be made with that holds the architecture of a node, which nobody knows before the nodes are asked.
_ARCHITECTURES = ("amd64", "arm64", "arm7", "arm6", "386", "s390x", "ppc64le", "riscv64")
_UNSET = object()
_NEEDS = "needs "
# What ansible-core 2.19 and later raise where a value is omit; before, it is text.
_OMITTED = "AnsibleValueOmittedError"
_OMIT_TEXT = "__omit_place_holder__"
_IS_OMIT = "is omit, which means something in the options of a task only: write default('') where it may be empty"
# Of a variable, how a text begins that goes on behind its name.
_GOES_ON = ("is ", "has ", _NEEDS)
VERSION = "nats_upgrade_version"
# The groups whose hosts are looked at, and what they are called where nothing is said.
_GROUPS = {"nats_upgrade_group": "nats", "nats_upgrade_surge_group": "nats_surge"}


@dataclass
class Found:
    """What is wrong, by variable and text, with the hosts where it is; and the same for what is a warning only."""

    hosts: Sequence[str]
    wrong: dict[Problem, list[str]] = field(default_factory=dict)
    odd: dict[Problem, list[str]] = field(default_factory=dict)

    def lines(self, of: Mapping[Problem, Sequence[str]]) -> list[str]:
        return [
            f"{name}{self._where(text, hosts)}{' ' if text.startswith(_GOES_ON) else ': '}{text}"
            for (name, text), hosts in of.items()
        ]

    def _where(self, text: str, hosts: Sequence[str]) -> str:
        """Which hosts. What is the same for all of them stands in one place, and what it is made of may not."""
        everywhere = len(set(hosts)) == len(self.hosts) > 1 and not text.startswith(_NEEDS)
        return "" if everywhere else f" of {named(dict.fromkeys(hosts))}"

    def refuse(self) -> None:
        """Raise NatsError that says all that is wrong, one line for each."""
        lines, odd = self.lines(self.wrong), self.lines(self.odd)
        details = {"refusal": "variables", **({"warnings": odd} if odd else {})}
        if len(lines) == 1:
            raise NatsError(f"refused: {lines[0]}. Nothing was touched.", **details)
        if lines:
            said = "\n".join(f"  {line}" for line in lines)
            raise NatsError(f"refused: {len(lines)} variables are wrong. Nothing was touched.\n{said}", **details)


class Checker:
    """Looks at the variables of hosts. C(table) are those that this run takes; names are compared with all there are."""

    def __init__(self, table: Mapping[str, Variable], task_vars: Mapping[str, Any], templar: Any) -> None:
        self._table, self._templar = table, templar
        self._vars = _inventory.remembering(task_vars)
        self._here = task_vars["inventory_hostname"]
        own = _inventory.raw_of(self._here, self._vars)
        # What a play says beats the inventory, for every host; what only the role says, as its defaults, does not.
        self._of_play = {
            name: task_vars[name] for name in table if name in task_vars and name in own and task_vars[name] != own[name]
        }
        self._of_role = {name: task_vars[name] for name in table if name in task_vars and name not in own}
        # What is wrong with values that are the same for every host, by name and by the value as it stands.
        self._known: dict[tuple[str, Any], list[Problem]] = {}

    def check(self, hosts: Sequence[str]) -> Found:
        found = Found(hosts)
        for host in hosts:
            raw = _inventory.raw_of(host, self._vars)
            for problem in self._values(host, raw):
                found.wrong.setdefault(problem, []).append(host)
            for name, close in _unknown(raw):
                if close:
                    found.wrong.setdefault((name, f"there is no such variable (did you mean {close}?)"), []).append(host)
                else:
                    text = "there is no such variable of natsops.cluster, and it has no effect"
                    found.odd.setdefault((name, text), []).append(host)
        return found

    def value(self, name: str) -> Any:
        """The value of a variable for the task's own host; None where it has none, or one that cannot be filled in."""
        raw = _inventory.raw_of(self._here, self._vars)
        value = self._raw(name, raw)
        try:
            return None if value is _UNSET else self._filled(self._here, value)
        except AnsibleError:
            return None

    def _raw(self, name: str, raw: Mapping[str, Any]) -> Any:
        for values in (self._of_play, raw, self._of_role):
            if name in values:
                return values[name]
        return _UNSET

    def _values(self, host: str, raw: Mapping[str, Any]) -> Iterator[Problem]:
        for name, variable in self._table.items():
            value = self._raw(name, raw)
            if value is not _UNSET:
                yield from self._value(name, variable, host, value)

    def _value(self, name: str, variable: Variable, host: str, value: Any) -> Sequence[Problem]:
        # What a vault is asked for is asked for once, not for each host. What the role works out needs no more either.
        once = variable.secret or (variable.default is DERIVED and value is self._of_role.get(name))
        if not once and _is_template(value):
            return list(self._judged(name, variable, host, value))
        key = (name, _key(value))
        if key not in self._known:
            self._known[key] = list(self._judged(name, variable, host, value))
        return self._known[key]

    def _judged(self, name: str, variable: Variable, host: str, value: Any) -> Iterator[Problem]:
        try:
            filled = self._filled(host, value) if _is_template(value) else value
        except AnsibleUndefinedVariable as exc:
            yield name, f"{_NEEDS}a variable that is not set ({_reason(exc)}): set that, or give {name} another value"
        except AnsibleError as exc:
            omitted = type(exc).__name__ == _OMITTED
            yield name, _IS_OMIT if omitted else f"{_NEEDS}another value: this one cannot be worked out ({_reason(exc)})"
        else:
            yield from [(name, _IS_OMIT)] if str(filled).startswith(_OMIT_TEXT) else variable.kind.wrong(name, filled)

    def _filled(self, host: str, value: Any) -> Any:
        """A value with all templates in it filled in, or the error of Ansible that the last way to do it has."""
        if not _is_template(value):
            return value
        variables = {**_inventory.variables_of(host, self._vars), **self._of_play}
        try:
            return self._templated(value, variables)
        except AnsibleError:
            for architecture in _ARCHITECTURES:
                with contextlib.suppress(AnsibleError):
                    return self._templated(value, {**variables, _ARCH: architecture})
            raise

    def _templated(self, value: Any, variables: Mapping[str, Any]) -> Any:
        return _all_of(self._templar.copy_with_new_env(available_variables=variables).template(value))


def _all_of(value: Any) -> Any:
    """The value with all that is in it: ansible-core 2.19 and later fill in a list or a dictionary as it is read."""
    if isinstance(value, Mapping):
        return {key: _all_of(one) for key, one in value.items()}
    return [_all_of(one) for one in value] if isinstance(value, (list, tuple)) else value


def _is_template(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_template, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_is_template, value))
    # What is neither text nor a number is text that a vault holds.
    return "{" in value if isinstance(value, str) else not (value is None or isinstance(value, (bool, int, float)))


def _key(value: Any) -> Any:
    """What equal values have in common. Text that a vault holds is not opened for it."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return type(value).__name__, value
    return repr(value) if isinstance(value, (Mapping, list, tuple)) else id(value)


def _reason(exc: Exception) -> str:
    """What Ansible says of it, each thing once: before 2.19 it says it twice."""
    parts = [part.strip() for part in str(exc).splitlines()[0].rstrip(". ").split(". ")]
    return ". ".join(dict.fromkeys(parts)) if parts else type(exc).__name__


def _unknown(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names that look like ours and are not, and the one that was probably meant, where one is close."""
    for name in raw:
        prefix = next((prefix for prefix in PREFIXES if str(name).startswith(prefix)), "")
        if prefix and name not in ALL and name not in GIVEN and not _is_used(name, raw):
            close = _text.near(name[len(prefix) :], [one[len(prefix) :] for one in ALL if one.startswith(prefix)], NEAR)
            yield str(name), prefix + close if close else ""


def _is_used(name: str, raw: Mapping[str, Any]) -> bool:
    """Whether a variable of the user's own makes up one of ours."""
    return any(name in str(value) for ours, value in raw.items() if ours in ALL and _is_template(value))


def of_group(role: str, task_vars: Mapping[str, Any], templar: Any, *, wants_version: bool = False) -> Found:
    """What is wrong with the variables of a role on any host of the group, or of a temporary server, whatever --limit says."""
    checker = Checker(of_role(role), task_vars, templar)
    groups = task_vars.get("groups") or {}
    listed = [groups.get(str(checker.value(name) or default), []) for name, default in _GROUPS.items()]
    hosts = list(dict.fromkeys([host for group in listed for host in group])) or [task_vars["inventory_hostname"]]
    found = checker.check(hosts)
    wanted = wants_version and checker.value("nats_upgrade_mode") != "restart" and not checker.value(VERSION)
    if wanted and not any(name == VERSION for name, _unused in found.wrong):
        found.wrong[VERSION, _version_missing()] = hosts
    return found


def _version_missing() -> str:
    try:
        _versions.require_exact("")
    except NatsError as exc:
        return str(exc).partition(f"{VERSION} ")[2]
    return ""
