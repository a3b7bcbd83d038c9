# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""How the NATS server of one node is run: its process, unit, binary, configuration and identity."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import signal
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import binary as _binary
from ansible_collections.natsops.cluster.plugins.module_utils._config import tree as _config_tree
from ansible_collections.natsops.cluster.plugins.module_utils._config.included import Reader
from ansible_collections.natsops.cluster.plugins.module_utils._container import mounts as _mounts
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._files import config as _config
from ansible_collections.natsops.cluster.plugins.module_utils._host import identity as _identity
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host import started_by as _started_by
from ansible_collections.natsops.cluster.plugins.module_utils._host import surroundings as _surroundings
from ansible_collections.natsops.cluster.plugins.module_utils._host import unit_start as _unit_start
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Found, Process
from ansible_collections.natsops.cluster.plugins.module_utils._node import stored as _stored
from ansible_collections.natsops.cluster.plugins.module_utils._node import supervisor as _supervisor
from ansible_collections.natsops.cluster.plugins.module_utils._node.supervisor import Supervisor

# Go's names of architectures, as in the names of NATS release archives.
GO_ARCH = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm7",
    "armv6l": "arm6",
    "i386": "386",
    "i686": "386",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
    "mips64el": "mips64le",
    "loongarch64": "loong64",
}
_TIME_SPAN = re.compile(r"(\d+(?:\.\d+)?)(us|ms|min|s|h|d|w)")
_SPAN_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def find(params: Mapping[str, Any]) -> tuple[Found, dict[str, str]]:
    """The server that the options pid, pid_file, service or container name, and the properties of its unit where it has one."""
    supervisor = _supervisor.of(params)
    return supervisor.find(), supervisor.unit


def find_if_named(params: Mapping[str, Any]) -> tuple[Found | None, dict[str, str]]:
    """As C(find), of a server that need not be named."""
    return find(params) if any(params.get(name) for name in _supervisor.OPTIONAL_SPEC) else (None, {})


def identity_of(params: Mapping[str, Any]) -> _identity.Identity | None:
    """The rights that the server which is named runs with, or would; None where none is named, or nothing says it.

    What runs in its place may be no server, as a new version that hangs: then its unit says it, where it has one.
    """
    try:
        found, unit = find_if_named(params)
    except NatsError:
        return _identity.of(None, _supervisor.unit_of(params)) if params.get("service") else None
    return _identity.of(found.process if found else None, unit)


def facts(params: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of the server on this node: C(nats_node) of M(natsops.cluster.nats_node_facts)."""
    supervisor = _supervisor.of(params)
    found, unit = supervisor.find(), supervisor.unit
    process = found.process
    container = supervisor.container()
    # Where its files are, and what tells where its next start reads one.
    root = _surroundings.root_of(process) if supervisor.contained else ""
    at_start = _mounts.at_start(root, (container or {}).get("mounts", ())) if supervisor.contained else str
    kept, turn = _kept(params, supervisor) if params.get("state_dir") else ({}, {})
    start = _start(params, unit, process, {} if process else turn, contained=bool(container))
    believed = process is not None and not container and _identity.decides(process)
    folder = _unit_start.folder(unit) if unit else _surroundings.cwd_of(process) if believed else None
    output = _surroundings.output_file(process) if believed else None
    identity = None if container else _identity.of(process, unit)
    version = None if container else installed_version(start.binary_path, identity)
    config_path = start.config_path
    argv = list(process.argv) if process else _unit_start.server_argv(unit) or list(params.get("start_argv") or [])
    files: list[str] = []
    # The configuration of a container that does not run may lie in it alone.
    is_seen = process is not None or not container
    known = config_path if is_seen else ""
    rights = _rights_to_read(config_path, identity, contained=bool(container))
    tree = _tree(known, process, _config.reader(at_start, files, rights, root), given=bool(params.get("config_path")))
    read_again = _config.reader(at_start, [], rights, root)
    settings = _config_tree.top_level(tree)
    lame_duck, source = lame_duck_seconds(settings, config_path)
    return {
        "read_on": {"host": params.get("host") or "", "hostname": platform.node(), "machine_id": _machine_id()},
        "running": process is not None,
        "absence": found.absence,
        "pid": process.pid if process else None,
        "start_ticks": process.start_ticks if process else None,
        "uid": _process.uid_of(process) if process else None,
        "program": process.program if process else "",
        "found_by": found.found_by,
        "listening_ports": _ports(process),
        "binary_path": start.binary_path,
        "binary_version": version,
        "free_bytes": None if container else _binary.free_for(start.binary_path, version, params.get("version"), identity),
        "config_path": config_path,
        "config_common": _common_digest(tree),
        "config_modified": last_modified([at_start(path) for path in files]),
        "cwd": folder if process else turn.get("cwd"),
        "output_path": output,
        "log_path": _log_path(settings, folder) or output,
        "lame_duck_duration_seconds": lame_duck,
        "lame_duck_duration_source": source,
        "lame_duck_grace_period_seconds": lame_duck_grace_seconds(settings),
        "used": sorted(_config_tree.used(tree)),
        "leafnode_min_version": _config_tree.leafnode_min_version(tree),
        "go_arch": GO_ARCH.get(platform.machine(), platform.machine()),
        "unit": unit_facts(unit) if unit else None,
        "differs": [*map(dict, start.differs), *_folder_differs(params, tree, process, folder)],
        "unsafe_paths": [] if container else _started_by.unsafe(start, params.get("start_argv") or [], identity),
        "container": container and {**container, "config_replaced": _mounts.replaced(root, at_start, files)},
        **_stored.facts(params.get("store_dir"), root, process, _surroundings.cwd_of(process)),
        "next_start": _next_start(params, process, unit, root, at_start, read_again) if process else None,
        **kept,
        **(_switch_facts(start.binary_path, version, process) if params.get("switches") and not container else {}),
        **(_access_facts(params, tree, argv) if is_seen and params.get("fingerprint_key") else {}),
    }


def _next_start(
    params: Mapping[str, Any],
    process: Process,
    unit: Mapping[str, str],
    root: str,
    at_start: Callable[[str], str],
    read: Reader,
) -> dict[str, Any] | None:
    """What the next start would make of the server, to be compared with what runs."""
    # Here and not above, as below.
    from ansible_collections.natsops.cluster.plugins.module_utils._node import next_start as _next_start

    found = _next_start.facts(
        argv=process.argv,
        # Of a container, the unit's arguments and environment are those of podman.
        unit={} if root else unit,
        unit_words=_unit_start.server_argv(unit) if unit else [],
        environment=_surroundings.environment_of(process),
        cwd=_surroundings.cwd_of(process),
        store_dir=params.get("store_dir") or "",
        root=root,
        located=at_start,
        read=read,
    )
    if params.get("next_start") and found:
        _next_start.require_unchanged(params["next_start"], found, params["waive"])
    return found


def _machine_id() -> str:
    """The id that machine-id(5) gives this installation; empty where there is none, as in many containers."""
    with contextlib.suppress(OSError):
        return Path("/etc/machine-id").read_text(encoding="ascii", errors="replace").strip()[:64]
    return ""


def _rights_to_read(config_path: str, identity: _identity.Identity | None, *, contained: bool) -> _config.Rights | None:
    """Whose rights a configuration is read with: its server's or, where that is not known, of the one user who can write it."""
    known = identity or (None if contained or not config_path else _identity.of_owner(config_path))
    return (known.uid, known.gid, known.groups) if known else None


def _start(
    params: Mapping[str, Any], unit: Mapping[str, str], process: Process | None, turn: Mapping[str, Any], *, contained: bool
) -> _started_by.Start:
    """What the next start takes. In a container that is its image's, and the process tells where in it."""
    said = _started_by.Said(_surroundings.cwd_of(process), _surroundings.environment_of(process).get("PATH"))
    if not contained:
        return _started_by.known(params, unit, process, turn, said)
    config = _started_by.absolute(_started_by.config_in(process.argv), said.cwd) if process else turn.get("config_path") or ""
    program = process.program if process else turn.get("binary_path") or ""
    return _started_by.Start(params.get("binary_path") or program, params.get("config_path") or config)


def _folder_differs(
    params: Mapping[str, Any], tree: _config_tree.Tree, process: Process | None, folder: str | None
) -> Iterator[dict[str, str]]:
    """Where a start command is not run in the folder of the process, the paths in the configuration that count from it."""
    runs = _surroundings.cwd_of(process)
    if folder or not params.get("start_argv") or runs in (None, "/"):
        return
    relative = ", ".join(_started_by.relative_paths(tree))
    if relative:
        yield {"what": "folder", "runs": str(runs), "starts": "/", "paths": relative}


def _log_path(settings: Mapping[str, str], folder: str | None) -> str:
    path = settings.get("log_file") or settings.get("logfile") or ""
    return _started_by.absolute(path, folder) if folder or os.path.isabs(path) else ""


def _common_digest(tree: _config_tree.Tree) -> str:
    """Tells the configurations of servers apart that differ in more than what is each one's own."""
    # Here and not above, as below.
    from ansible_collections.natsops.cluster.plugins.module_utils._config import own as _own

    return _own.common_digest(tree)


def _switch_facts(binary_path: str, version: str | None, process: Process | None) -> dict[str, Any]:
    """What a roll to another version switches, as a fact to compare with other servers."""
    # Here and not above, as below.
    from ansible_collections.natsops.cluster.plugins.module_utils._node import shared as _shared

    return {"binary_switch": _shared.switch(binary_path, version, process) if binary_path else None}


def _access_facts(params: Mapping[str, Any], tree: _config_tree.Tree, argv: Sequence[str]) -> dict[str, Any]:
    """Who may connect to the server, as a fact to compare with other servers."""
    # Here and not above, as below.
    from ansible_collections.natsops.cluster.plugins.module_utils._config import client_access as _client_access

    return {"access": _client_access.facts(tree, argv, params["fingerprint_key"])}


def _kept(params: Mapping[str, Any], supervisor: Supervisor) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """What runs have left on this node, as facts; and the journal of its last turn where that has not come to its end."""
    # Here and not above: a module on a node compiles whatever it imports each time it runs, and most runs need none of it.
    from ansible_collections.natsops.cluster.plugins.module_utils._artifact import package_guard as _package_guard
    from ansible_collections.natsops.cluster.plugins.module_utils._node import shared as _shared
    from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _files
    from ansible_collections.natsops.cluster.plugins.module_utils._state import journal as _journal
    from ansible_collections.natsops.cluster.plugins.module_utils._state import keys as _keys
    from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock

    _files.require_own(params["state_dir"])
    state_dir = params["state_dir"]
    journal = _journal.look(state_dir)
    kept = {
        "journal": _journal.as_dict(journal),
        "lock": _lock.look(state_dir).as_dict(),
        "state_place": _shared.place_of(state_dir),
        "hold": supervisor.is_held(),
        "package_guard": _package_guard.left(),
    }
    return kept, (journal.fields or {}) if _keys.unfinished(journal.fields) else {}


def _ports(process: Process | None) -> list[int] | None:
    ports = _process.listening_ports(process) if process else None
    return None if ports is None else sorted(ports)


def lame_duck_seconds(settings: Mapping[str, str], config_path: str) -> tuple[float, str]:
    """lame_duck_duration of the deployed configuration, and where it was found; the server's default is 2m."""
    if "lame_duck_duration" not in settings:
        return 120.0, "default: not configured"
    duration = _config_tree.seconds(settings["lame_duck_duration"])
    if duration is None:
        return 120.0, f"default: {settings['lame_duck_duration']!r} is not a duration"
    return duration, config_path


def lame_duck_grace_seconds(settings: Mapping[str, str]) -> float:
    """lame_duck_grace_period of the deployed configuration; the server takes none, and zero, for its default of 10 s."""
    return _config_tree.seconds(settings.get("lame_duck_grace_period", "")) or 10.0


def _tree(config_path: str, process: Process | None, read: Reader, *, given: bool) -> _config_tree.Tree:
    """The deployed configuration, which is empty where there is none or where it cannot be seen."""
    try:
        return _config_tree.read(config_path, read, _surroundings.environment_of(process)) if config_path else {}
    except OSError as exc:
        argv = process.argv if process else ()
        runs = _started_by.absolute(_started_by.config_in(argv), _surroundings.cwd_of(process))
        raise _config.unreadable(exc, config_path, runs if given else None) from exc


def last_modified(files: Sequence[str]) -> str | None:
    """When the newest of these files was written, as NATS writes times; None for no files."""
    try:
        newest = max((os.stat(path).st_mtime_ns for path in files), default=None)
    except OSError:  # it was there when it was read
        return None
    if newest is None:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(newest // 10**9)) + f".{newest % 10**9:09d}Z"


def installed_version(binary_path: str, identity: _identity.Identity | None) -> str | None:
    """The version of the binary that a start would run; None where there is none, it is a wrapper, or must not be run."""
    if not _process.is_server_name(binary_path):
        return None
    try:
        return _binary.version_of(binary_path, identity)
    except NatsError:
        return None


def unit_facts(unit: Mapping[str, str]) -> dict[str, Any]:
    """What of a unit bears on an upgrade."""
    return {
        "name": unit["Id"],
        "active_state": unit.get("ActiveState", ""),
        "restart": unit.get("Restart", ""),
        "timeout_stop_seconds": span_seconds(unit.get("TimeoutStopUSec", "")),
        "exec_stop": _unit_start.exec_argv(unit.get("ExecStop", "")),
        "kill_signal": signal_name(unit.get("KillSignal", "")),
        "need_daemon_reload": unit.get("NeedDaemonReload") == "yes",
        "enabled": unit.get("UnitFileState", ""),
        "user": unit.get("User", ""),
        "drop_in_paths": unit.get("DropInPaths", "").split(),
    }


def signal_name(number: str) -> str:
    """SIGTERM for 15, as systemctl show writes it; what is no signal here is left as it is."""
    try:
        return signal.Signals(int(number)).name
    except ValueError:
        return number


def span_seconds(span: str) -> float | None:
    """Seconds in a time span as systemctl show writes it, such as 2min 30s; None for infinity."""
    parts = _TIME_SPAN.findall(span)
    return sum(float(number) * _SPAN_SECONDS[unit] for number, unit in parts) if parts else None
