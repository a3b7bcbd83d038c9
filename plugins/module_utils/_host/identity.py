# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whose a server is, and its program asked a question as that user: what a server's user can do already, and no more."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Callable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._files import trust as _trust
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Output, Process

# What a program finds in its environment besides what its server is given. Nothing of ours: there may be secrets in it.
CLEAN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"}
# Far more than nats-server says to any question.
MOST_BYTES = 256 * 1024
_NOBODY = 65534


@dataclass(frozen=True)
class Identity:
    """The rights that a server runs with."""

    uid: int
    gid: int
    groups: tuple[int, ...]


NOBODY = Identity(_NOBODY, _NOBODY, ())


def of(process: Process | None, unit: Mapping[str, str]) -> Identity | None:
    """Of a server, or of what its unit would start; None where neither is known."""
    running = of_process(process) if process else None
    return running or (of_unit(unit) if unit else None)


def of_process(process: Process) -> Identity | None:
    """None where it has exited."""
    fields = _status(process)
    if not fields:
        return None
    groups = tuple(int(group) for group in fields["Groups"].split())
    return Identity(int(fields["Uid"].split()[1]), int(fields["Gid"].split()[1]), groups)


def _status(process: Process) -> dict[str, str]:
    try:
        status = (_process.PROC / str(process.pid) / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return dict(line.split(":", 1) for line in status.splitlines() if ":" in line)


def of_unit(unit: Mapping[str, str]) -> Identity:
    """What systemd starts the server of a unit as. A user that is only there while the unit runs (DynamicUser) is nobody."""
    name, group_name = unit.get("User", ""), unit.get("Group", "")
    try:
        user = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name or "root")
    except KeyError:
        return NOBODY
    own = grp.getgrnam(group_name).gr_gid if _is_group(group_name) else user.pw_gid
    more = [grp.getgrnam(one).gr_gid for one in unit.get("SupplementaryGroups", "").split() if _is_group(one)]
    return Identity(user.pw_uid, own, tuple(sorted({*os.getgrouplist(user.pw_name, own), *more})))


def _is_group(name: str) -> bool:
    with contextlib.suppress(KeyError):
        return bool(name) and grp.getgrnam(name) is not None
    return False


def decides(process: Process) -> bool:
    """Whether what a process says of itself may be believed: it is a server of root, or of the user that this runs as.

    By all of its user ids: a user who may run a setuid program is its real one. By the file that it runs: sudo, while it asks
    for the password, is root's, with a name of its user's choice.
    """
    before, again, after = _uids(process), _process.look(process.pid), _uids(process)
    is_server = bool(process.exe) and _process.is_server_name(process.exe)
    return is_server and again == process and bool(before) and before == after and before <= _trust.trusted_users()


def _uids(process: Process) -> frozenset[int]:
    return frozenset(int(uid) for uid in _status(process).get("Uid", "").split())


def runs_as_us(identity: Identity | None) -> bool:
    """Whether a program that is run for such a server runs with our own rights: it is ours, or we cannot become its user."""
    return identity is None or os.geteuid() != 0 or identity.uid == 0


def ask(
    argv: Sequence[str],
    identity: Identity | None,
    *,
    environment: Mapping[str, str] | None = None,
    cwd: str = "/",
    timeout_seconds: float = 30.0,
) -> Output:
    """Run a program of a server to its end, with the server's rights, a clean environment and no input.

    C(cwd) is entered with the server's rights too. Raises NatsError where it cannot be run, does not end or does not stop
    talking; and, where it would run with our own rights, where others could have put it there.
    """
    identity = identity or of_owner(argv[0])
    ours = identity is None or runs_as_us(identity)
    if ours:
        _trust.require(argv[0], f"{_trust.user_name(os.geteuid())} would run it")
    try:
        child = _process.Child(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**CLEAN, **(environment or {})},
            start_new_session=True,
            preexec_fn=_becoming(None if ours else identity, cwd),
        )
    except (OSError, subprocess.SubprocessError) as exc:
        raise NatsError(f"{argv[0]} cannot be run: {getattr(exc, 'strerror', '') or exc}") from exc
    with child, contextlib.ExitStack() as unless_it_ends:
        # Also what it has started: they are of its session. It is not waited for by then, so that the number is its own.
        unless_it_ends.callback(os.killpg, child.pid, signal.SIGKILL)
        output = _ended(child, argv, time.monotonic() + timeout_seconds, timeout_seconds)
        unless_it_ends.pop_all()
    return output


def of_user(uid: int) -> Identity:
    """Of a user by their number; one that no database knows has no groups."""
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return Identity(uid, _NOBODY, ())
    return Identity(uid, user.pw_gid, tuple(os.getgrouplist(user.pw_name, user.pw_gid)))


def of_owner(path: str) -> Identity | None:
    """The one other user who can change what lies at a path, as of a server that is down and has no unit.

    Whoever can put a program there can run it. None where there is no such user, or others can change it as well.
    """
    places = _trust.weak_places(path)
    owners = {place.uid for place in places}
    others_too = any(place.mode & 0o022 and not place.link for place in places)
    if os.geteuid() != 0 or len(owners) != 1 or others_too or owners <= _trust.trusted_users():
        return None
    return of_user(owners.pop())


def _becoming(identity: Identity | None, cwd: str) -> Callable[[], None]:
    def become() -> None:
        if identity:
            os.setgroups(identity.groups)
            os.setgid(identity.gid)
            os.setuid(identity.uid)
        try:
            os.chdir(cwd)
        except OSError:
            os.chdir("/")

    return become


def _ended(child: subprocess.Popen[bytes], argv: Sequence[str], deadline: float, timeout_seconds: float) -> Output:
    said = {stream.fileno(): b"" for stream in (child.stdout, child.stderr) if stream}
    late = NatsError(f"{argv[0]} has not ended after {timeout_seconds:g} s: {' '.join(argv)}")
    with selectors.DefaultSelector() as selector:
        for descriptor in said:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise late
            for key, _unused in ready:
                block = os.read(key.fd, 65536)
                if not block:
                    selector.unregister(key.fd)
                said[key.fd] += block
                if len(said[key.fd]) > MOST_BYTES:
                    raise NatsError(f"{argv[0]} says more than {MOST_BYTES >> 10} KiB: it is no nats-server that can be asked")
    try:
        code = child.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as exc:
        raise late from exc
    return Output(code, *(text.decode("utf-8", "replace") for text in said.values()))
