# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""How the NATS server of one node is run: its process, unit, binary, configuration and identity."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils import (
    _binary,
    _config,
    _config_files,
    _mounted,
    _process,
    _stored,
)
from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._process import Found, Process

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
SERVER_SPEC: dict[str, dict[str, Any]] = {
    "pid": {"type": "int"},
    "pid_file": {"type": "path"},
    "service": {"type": "str"},
    "container": {"type": "str"},
}
# How nats-server words what it only warns of in a configuration, after the place.
_WARNING = ': invalid use of field "'
# One of these names the server.
SERVER = tuple(SERVER_SPEC)
_EXEC_ARGV = re.compile(r"argv\[\]=(.*?) ;")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TIME_SPAN = re.compile(r"(\d+(?:\.\d+)?)(us|ms|min|s|h|d|w)")
_SPAN_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def find(params: Mapping[str, Any]) -> tuple[Found, dict[str, str]]:
    """The server that the options pid, pid_file, service or container name, and the properties of its unit where it has one."""
    if params.get("container"):
        # Here and not above: a module on a node compiles whatever it imports each time it runs.
        from ansible_collections.natsops.cluster.plugins.module_utils import _containers

        return _containers.find(params["container"])[0], {}
    if params.get("service"):
        unit = _unit(params)
        if runs_podman(unit):
            from ansible_collections.natsops.cluster.plugins.module_utils import _podman

            return _podman.find(unit), unit
        return _process.find_by_unit(unit), unit
    if params.get("pid_file"):
        return _process.find_by_pid_file(params["pid_file"]), {}
    return _process.find_by_pid(params["pid"]), {}


def _unit(params: Mapping[str, Any]) -> dict[str, str]:
    try:
        return _process.systemctl_show(params["service"])
    except NatsError as exc:
        if not params.get("image"):
            raise
        raise NatsError(
            f"{exc}. A container of podman that no unit runs cannot be upgraded, for podman would start it again while it is: "
            "have a unit run it (podman generate systemd --new). Nothing was touched"
        ) from exc


def runs_podman(unit: Mapping[str, str]) -> bool:
    """Whether a unit runs its server in a container of podman."""
    return [os.path.basename(program) for program in exec_start_argv(unit.get("ExecStart", ""))[:1]] == ["podman"]


def facts(params: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of the server on this node: C(nats_node) of M(natsops.cluster.nats_node_facts)."""
    found, unit = find(params)
    process = found.process
    container, root, at_start = _container(params, unit, process)
    # The words of podman are none of the server's, and its paths are those in the container.
    words = [] if container else exec_start_argv(unit.get("ExecStart", ""))
    argv = list(process.argv) if process else words or list(params.get("start_argv") or [])
    kept, turn = _kept(params, unit) if params.get("state_dir") else ({}, {})
    turn = {} if process else turn
    binary_path = _binary.binary_in(argv, cwd_of(process), environment_of(process).get("PATH"))
    if container and process:
        binary_path = process.program
    config_path = params.get("config_path") or _absolute(config_in(argv), process)
    if turn.get("binary_path") and not _process.is_server_name(binary_path):
        # ExecStart is a wrapper, or there is none: the journal of the turn knows what the server was started by.
        binary_path, config_path = turn["binary_path"], params.get("config_path") or turn.get("config_path") or config_path
    binary_path = params.get("binary_path") or binary_path
    files: list[str] = []
    # The configuration of a container that does not run may lie in it alone.
    is_seen = process is not None or not container
    known = config_path if is_seen else ""
    identity = identity_of(process) if process and not container else None
    rights = (identity.uid, identity.gid, identity.groups) if identity else None
    settings, used, leafnode_min_version = _settings(known, process, _config_files.reader(at_start, files, rights, root))
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
        "binary_path": binary_path,
        "binary_version": None if container else installed_version(binary_path),
        "config_path": config_path,
        "config_modified": last_modified([at_start(path) for path in files]),
        "cwd": cwd_of(process) or turn.get("cwd"),
        "output_path": output_file(process),
        "log_path": _absolute(settings.get("log_file") or settings.get("logfile") or "", process) or output_file(process),
        "lame_duck_duration_seconds": lame_duck,
        "lame_duck_duration_source": source,
        "lame_duck_grace_period_seconds": lame_duck_grace_seconds(settings),
        "used": used,
        "leafnode_min_version": leafnode_min_version,
        "go_arch": GO_ARCH.get(platform.machine(), platform.machine()),
        "unit": unit_facts(unit) if unit else None,
        "container": container and {**container, "config_replaced": _mounted.replaced(root, at_start, files)},
        **_stored.facts(params.get("store_dir"), root, process, cwd_of(process)),
        **kept,
        **(
            _access_facts(params, known, argv, process, _config_files.reader(at_start, [], rights, root))
            if is_seen and params.get("fingerprint_key")
            else {}
        ),
    }


def _machine_id() -> str:
    """The id that machine-id(5) gives this installation; empty where there is none, as in many containers."""
    with contextlib.suppress(OSError):
        return Path("/etc/machine-id").read_text(encoding="ascii", errors="replace").strip()[:64]
    return ""


def _access_facts(
    params: Mapping[str, Any], config_path: str, argv: Sequence[str], process: Process | None, read: Callable[[str], str]
) -> dict[str, Any]:
    """Who may connect to the server, as a fact to compare with other servers."""
    # Here and not above, as below.
    from ansible_collections.natsops.cluster.plugins.module_utils import _access, _config_tree

    with _naming_what_cannot_be_read():
        tree = _config_tree.read(config_path, read, environment_of(process)) if config_path else {}
    return {"access": _access.facts(tree, argv, params["fingerprint_key"])}


def _container(
    params: Mapping[str, Any], unit: Mapping[str, str], process: Process | None
) -> tuple[dict[str, Any] | None, str, Callable[[str], str]]:
    """The facts of the container that the server runs in, where its files are, and what tells where its next start reads one."""
    podman = runs_podman(unit)
    if not podman and not params.get("container"):
        return None, "", str
    from ansible_collections.natsops.cluster.plugins.module_utils import _containers

    root, image = _containers.root_of(process), params.get("image")
    if podman:
        from ansible_collections.natsops.cluster.plugins.module_utils import _podman

        found: dict[str, Any] | None = _podman.facts(unit, image)
    else:
        found = _containers.facts(params["container"], image)
    return found, root, _mounted.at_start(root, (found or {}).get("mounts", ()))


def _kept(params: Mapping[str, Any], unit: Mapping[str, str]) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """What runs have left on this node, as facts; and the journal of its last turn where that has not come to its end."""
    # Here and not above: a module on a node compiles whatever it imports each time it runs, and most runs need none of it.
    from ansible_collections.natsops.cluster.plugins.module_utils import _journal, _lock, _package_guard, _state_keys, _systemd

    state_dir, held = params["state_dir"], bool(unit) and _systemd.is_held(unit["Id"])
    if params.get("container"):
        from ansible_collections.natsops.cluster.plugins.module_utils import _containers

        held = _containers.held(state_dir, params["container"]) is not None
    journal = _journal.look(state_dir)
    kept = {
        "journal": _journal.as_dict(journal),
        "lock": _lock.look(state_dir).as_dict(),
        "hold": held,
        "package_guard": _package_guard.left(),
    }
    return kept, (journal.fields or {}) if _state_keys.unfinished(journal.fields) else {}


def _ports(process: Process | None) -> list[int] | None:
    ports = _process.listening_ports(process) if process else None
    return None if ports is None else sorted(ports)


def exec_start_argv(exec_start: str) -> list[str]:
    """The argv in a unit's ExecStart property, which systemd writes without quotes."""
    match = _EXEC_ARGV.search(exec_start)
    return match.group(1).split() if match else []


def config_in(argv: Sequence[str]) -> str:
    """The configuration file that an argv of nats-server names; empty where there is none."""
    for index, word in enumerate(argv):
        flag, _unused, value = word.partition("=")
        if flag in ("-c", "--c", "-config", "--config"):
            return value or (argv[index + 1] if index + 1 < len(argv) else "")
    return ""


def _absolute(path: str, process: Process | None) -> str:
    if not path or os.path.isabs(path):
        return path
    return os.path.join(cwd_of(process) or "/", path)


def cwd_of(process: Process | None) -> str | None:
    return _link_of(process, "cwd")


def output_file(process: Process | None) -> str | None:
    """The file that the server's standard error goes to; None where it is not a file (a pipe, a terminal, the journal)."""
    target = _link_of(process, "fd/2")
    return target if target and os.path.isfile(target) else None


def _link_of(process: Process | None, name: str) -> str | None:
    if process is None:
        return None
    try:
        return os.readlink(str(_process.PROC / str(process.pid) / name))
    except OSError:  # another user's process
        return None


def environment_of(process: Process | None) -> dict[str, str]:
    """The environment that the server was started with; empty where it may not be read."""
    if process is None:
        return {}
    try:
        raw = (_process.PROC / str(process.pid) / "environ").read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return {}
    return dict(entry.split("=", 1) for entry in raw.split("\0") if "=" in entry)


def lame_duck_seconds(settings: Mapping[str, str], config_path: str) -> tuple[float, str]:
    """lame_duck_duration of the deployed configuration, and where it was found; the server's default is 2m."""
    if "lame_duck_duration" not in settings:
        return 120.0, "default: not configured"
    duration = _config.seconds(settings["lame_duck_duration"])
    if duration is None:
        return 120.0, f"default: {settings['lame_duck_duration']!r} is not a duration"
    return duration, config_path


def lame_duck_grace_seconds(settings: Mapping[str, str]) -> float:
    """lame_duck_grace_period of the deployed configuration; the server takes none, and zero, for its default of 10 s."""
    return _config.seconds(settings.get("lame_duck_grace_period", "")) or 10.0


def _settings(config_path: str, process: Process | None, read: Callable[[str], str]) -> tuple[dict[str, str], list[str], str]:
    """The settings at the top level of the configuration, what it says is in use, and the oldest leaf nodes that it takes."""
    if not config_path:
        return {}, [], ""
    with _naming_what_cannot_be_read():
        settings = _config.top_level(config_path, read, environment_of(process))
        return settings, sorted(_config.used(config_path, read)), _config.leafnode_min_version(config_path, read)


@contextlib.contextmanager
def _naming_what_cannot_be_read() -> Iterator[None]:
    """Make an OSError of a file of the configuration a NatsError that says what to do."""
    try:
        yield
    except OSError as exc:
        raise NatsError(
            f"the configuration {exc.filename} cannot be read ({exc.strerror}): run with become (-b), or set "
            "nats_upgrade_config_path"
        ) from exc


def last_modified(files: Sequence[str]) -> str | None:
    """When the newest of these files was written, as NATS writes times; None for no files."""
    try:
        newest = max((os.stat(path).st_mtime_ns for path in files), default=None)
    except OSError:  # it was there when it was read
        return None
    if newest is None:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(newest // 10**9)) + f".{newest % 10**9:09d}Z"


def installed_version(binary_path: str) -> str | None:
    """The version of the binary that a start would run; None where there is none, or it is a wrapper."""
    if not _process.is_server_name(binary_path):
        return None
    try:
        return _binary.version_of(binary_path)
    except NatsError:
        return None


def unit_facts(unit: Mapping[str, str]) -> dict[str, Any]:
    """What of a unit bears on an upgrade."""
    return {
        "name": unit["Id"],
        "active_state": unit.get("ActiveState", ""),
        "restart": unit.get("Restart", ""),
        "timeout_stop_seconds": span_seconds(unit.get("TimeoutStopUSec", "")),
        "exec_stop": exec_start_argv(unit.get("ExecStop", "")),
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


@dataclass(frozen=True)
class Identity:
    """Whose process it is."""

    uid: int
    gid: int
    groups: tuple[int, ...]


def identity_of(process: Process) -> Identity | None:
    try:
        status = (_process.PROC / str(process.pid) / "status").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return Identity(int(fields["Uid"].split()[1]), int(fields["Gid"].split()[1]), tuple(int(g) for g in fields["Groups"].split()))


def check_config(binary: str, config: str, process: Process | None) -> dict[str, Any]:
    """Run the binary with -t on the configuration, as the server's user, with its environment and working directory.

    Raises NatsError where the binary refuses the configuration, with its own words. With -t it refuses too what it only warns of
    when it starts, such as C(reconnect: 1) without a unit (measured on 2.10.26 to 2.15.1): that is in C(said).
    """
    identity = identity_of(process) if process else None
    options: dict[str, Any] = {"cwd": cwd_of(process), "env": environment_of(process) or None}
    if identity and os.geteuid() == 0 and identity.uid != 0:
        options["preexec_fn"] = _becoming(identity)
    output = _process.run([binary, "-t", "-c", config], **options)
    said = (output.stderr.strip() or output.stdout.strip()).replace(f"{_process.PROGRAM}: ", "")
    if output.returncode != 0 and not (said and all(_WARNING in line for line in said.splitlines())):
        raise NatsError(
            f"{binary} refuses {config}: {said}. A server that refuses its configuration does not start: mend the "
            "configuration (keys of a newer version go in after the last node has it), and run again. Nothing was changed",
            refusal="config",
        )
    return {"config_path": config, "said": said, "digest": digest_in(said)}


def digest_in(said: str) -> str:
    """The digest of the configuration in what a server said with -t; empty for one before 2.11, which tells none."""
    digest = _DIGEST.search(said)
    return digest.group() if digest else ""


def _becoming(identity: Identity) -> Callable[[], None]:
    def become() -> None:
        os.setgroups(identity.groups)
        os.setgid(identity.gid)
        os.setuid(identity.uid)

    return become
