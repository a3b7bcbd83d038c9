# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""A server that systemd runs as a unit. The automatic restart of a unit is held by a runtime drop-in."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process

RUNTIME_UNITS = Path("/run/systemd/system")
# systemd merges drop-ins by file name, whatever their folder: this one has to sort last.
DROP_IN = "zzzz-natsops-hold.conf"
TEXT = """# An upgrade of this NATS server is under way; natsops.cluster removes this file at the end of the step.
# If no upgrade runs, remove it and run: systemctl daemon-reload
[Service]
Restart=no
"""


def _drop_in(unit_id: str) -> Path:
    return RUNTIME_UNITS / f"{unit_id}.d" / DROP_IN


def is_held(unit_id: str) -> bool:
    """Whether our drop-in is there. The unit by its Id, with the suffix."""
    return _drop_in(unit_id).exists()


def hold(unit: str, *, check_mode: bool) -> dict[str, Any]:
    """Hold restarts; raises NatsError where systemd does not say that it will."""
    before = _process.systemctl_show(unit)
    path = _drop_in(before["Id"])
    if before["Restart"] == "no":
        return {"changed": False, "restart": "no"}
    if check_mode:
        return {"changed": True, "restart": before["Restart"]}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEXT, encoding="utf-8")
    except OSError as exc:
        raise NatsError(f"cannot write {path}: {exc.strerror}. Run with become (-b). Nothing was signalled") from exc
    _process.daemon_reload()
    restart = _process.systemctl_show(unit)["Restart"]
    if restart != "no":
        raise NatsError(
            f"systemd still says Restart={restart} for {unit} with {path} in place; it would bring the old version back: "
            "look for a drop-in that sorts after it (systemctl cat). Nothing was signalled"
        )
    return {"changed": True, "restart": restart}


def release(unit: str, *, check_mode: bool) -> dict[str, Any]:
    """Let go of the hold."""
    before = _process.systemctl_show(unit)
    path = _drop_in(before["Id"])
    if not path.exists():
        return {"changed": False, "restart": before["Restart"]}
    if check_mode:
        return {"changed": True, "restart": before["Restart"]}
    try:
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    except OSError as exc:
        raise NatsError(f"cannot remove {path}: {exc.strerror}. Run with become (-b)") from exc
    _process.daemon_reload()
    after = _process.systemctl_show(unit)
    if str(path) in after.get("DropInPaths", ""):
        raise NatsError(f"systemd still uses {path} although it is removed: run systemctl daemon-reload on the host")
    return {"changed": True, "restart": after["Restart"]}


def start(unit: str, timeout_seconds: float) -> None:
    """Start a unit whose server has exited."""
    _process.wait_for_unit_end(unit, timeout_seconds)
    _process.done(["systemctl", "start", unit], timeout_seconds=timeout_seconds)


class Systemd:
    """The server of a unit. C(unit) are its properties."""

    contained = False

    def __init__(self, params: Mapping[str, Any], unit: dict[str, str]) -> None:
        self._params, self._name = params, params["service"]
        self.unit = unit

    def find(self) -> _process.Found:
        return _process.find_by_unit(self.unit)

    def container(self) -> dict[str, Any] | None:
        """None: it runs in none."""
        return None

    def is_held(self) -> bool:
        return is_held(self.unit["Id"])

    def hold(self, *, check_mode: bool) -> dict[str, Any]:
        return hold(self._name, check_mode=check_mode)

    def require_held(self) -> None:
        """A hold of a unit lies in /run: a host that was restarted since has lost it."""
        restart = self.unit["Restart"]
        if restart != "no":
            raise NatsError(
                f"systemd says Restart={restart} for {self._name}: its restarts are not held, or not any more, as when the host "
                "was restarted meanwhile, so that it could bring the old version back before the new one is in its place. "
                "Nothing was signalled. Run again: restarts are held (natsops.cluster.nats_service) before this step"
            )

    def release(self, *, check_mode: bool) -> dict[str, Any]:
        return release(self._name, check_mode=check_mode)

    def lame_duck(self, process: _process.Process) -> bool:
        return _process.send(process, signal.SIGUSR2)

    def start(self, *, check_mode: bool) -> dict[str, Any]:
        """Start the unit. One whose server runs is left alone."""
        if self._runs():
            return {"changed": False}
        if not check_mode:
            start(self._name, self._params["start_timeout_seconds"])
        return {"changed": True}

    def _runs(self) -> bool:
        try:
            return self.find().process is not None
        except NatsError:  # what runs there is no server, such as a wrapper that has more to do after its server has exited
            return False

    def end(self, *, check_mode: bool) -> dict[str, Any]:
        """End all of the unit, not one process: a version that does not come up may have left a wrapper, or be no nats-server."""
        if check_mode:
            return {"changed": self.unit["ActiveState"] not in ("inactive", "failed"), "signals": []}
        sent = _process.end_unit(self._name, self._params["timeout_seconds"])
        return {"changed": bool(sent), "signals": sent}

    def log(self) -> tuple[list[str], str | None, list[str]]:
        """Its file, or the journal where that holds nothing."""
        return [path for path in (self._params["log_path"],) if path], None, journal(self._name, self._params["lines"])

    def status(self) -> dict[str, Any]:
        """systemd was asked for the process itself."""
        return {"changed": False}


def journal(unit: str, lines: int) -> list[str]:
    """The command that shows the end of what a unit has said."""
    return ["journalctl", "--unit", unit, "--lines", str(lines), "--no-pager", "--output", "cat"]
