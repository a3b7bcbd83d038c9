# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Keep the scripts of a package from starting, stopping or restarting the server while it is installed.

Two fences, as either alone has a gap. /usr/sbin/policy-rc.d is what Debian's scripts ask, for each unit of the package; one
that was there goes on answering for all others, and is put back as it was. A drop-in makes systemd itself refuse, whoever
asks: scripts that call systemctl directly, and needrestart. What a run that died has left is seen by its files and undone.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from pathlib import Path
from typing import Iterator, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host import systemd as _systemd

POLICY = Path("/usr/sbin/policy-rc.d")
KEPT = Path("/usr/sbin/policy-rc.d.natsops-kept")
DROP_IN = "zzzz-natsops-package.conf"
DROP_IN_TEXT = """# A package of this NATS server is being installed; natsops.cluster removes this file at the end of the step.
# If no upgrade runs, remove it and run: systemctl daemon-reload
[Unit]
RefuseManualStart=yes
RefuseManualStop=yes
"""
_MARK = "# Written by natsops.cluster while it installs a package of a NATS server, and removed at the end of the step."
_POLICY_TEXT = """#!/bin/sh
{mark}
# If no upgrade runs: mv {kept} {policy} where the former exists, else remove this file.
for word in "$@"; do
  case "$word" in
    {units}) exit 101 ;;
  esac
done
if [ -x {kept} ]; then exec {kept} "$@"; fi
exit 104
"""


def left() -> bool:
    """Whether a run that died has left policy-rc.d, or a drop-in, in place."""
    return os.path.lexists(str(KEPT)) or _is_ours() or bool(_drop_ins())


@contextlib.contextmanager
def up(units: Sequence[str], unit: str | None) -> Iterator[None]:
    """Keep packages from touching these units, by the names that they use, for the length of a C(with).

    C(unit) is the unit of the server where systemd runs it. Afterwards systemd has read its units again. Without C(units)
    there is no policy-rc.d: the scripts of an RPM do not ask it.
    """
    down()
    try:
        if units:
            with _saying("put up", POLICY):
                _write_policy(units)
        if unit:
            path = _systemd.RUNTIME_UNITS / f"{_process.systemctl_show(unit)['Id']}.d" / DROP_IN
            with _saying("put up", path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(DROP_IN_TEXT, encoding="utf-8")
            _process.daemon_reload()
        yield
    finally:
        down()


def down() -> bool:
    """Put back what was there before; whether there was anything to undo. Also after a run that died in the middle."""
    undone = False
    with _saying("put back", POLICY):
        if os.path.lexists(str(KEPT)):
            if os.path.lexists(str(POLICY)) and not _is_ours():
                raise NatsError(
                    f"an earlier run that died has set {POLICY} aside as {KEPT}, and another one was written since: decide "
                    "which of the two is right, remove the other (the right one has to be named policy-rc.d), and run again"
                )
            os.replace(str(KEPT), str(POLICY))
            undone = True
        elif _is_ours():
            POLICY.unlink()
            undone = True
    drop_ins = _drop_ins()
    for path in drop_ins:
        with _saying("remove", path):
            path.unlink()
            with contextlib.suppress(OSError):  # the hold of restarts lies there too
                path.parent.rmdir()
    if drop_ins:
        _process.daemon_reload()
    return undone or bool(drop_ins)


def _write_policy(units: Sequence[str]) -> None:
    # Scripts of sysvinit leave the suffix away.
    names = sorted({name for unit in units for name in (unit, unit.rpartition(".service")[0] or unit)})
    fresh = Path(f"{POLICY}.natsops")
    fresh.write_text(
        _POLICY_TEXT.format(mark=_MARK, kept=KEPT, policy=POLICY, units="|".join(map(shlex.quote, names))), encoding="utf-8"
    )
    fresh.chmod(0o755)
    # A rename, so that it comes back as it is: a link, with its owner and its times.
    if os.path.lexists(str(POLICY)):
        os.rename(str(POLICY), str(KEPT))
    os.replace(str(fresh), str(POLICY))


def _is_ours() -> bool:
    try:
        return not POLICY.is_symlink() and _MARK in POLICY.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _drop_ins() -> list[Path]:
    try:
        return sorted(_systemd.RUNTIME_UNITS.glob(f"*.d/{DROP_IN}"))
    except OSError:
        return []


@contextlib.contextmanager
def _saying(what: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise NatsError(f"cannot {what} {exc.filename or path}: {exc.strerror or exc}. Run with become (-b)") from exc
