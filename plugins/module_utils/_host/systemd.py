# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hold the automatic restart of a systemd unit by a runtime drop-in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
