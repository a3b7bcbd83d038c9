"""A systemctl that plays systemd for one unit: it knows the properties it is told, and drop-ins only after a reload."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._host import systemd as _systemd

SCRIPT = """#!/bin/sh
echo "$*" >> {folder}/calls
cd {folder}
case "$1" in
  show) cat loaded ;;
  daemon-reload)
    [ -e stubborn ] && exit 0
    [ -e forbidden ] && {{ echo 'Access denied' >&2; exit 1; }}
    cp written loaded
    for drop_in in {units}/nats-server.service.d/*.conf; do
      [ -e "$drop_in" ] || continue
      sed -i -e 's/^Restart=.*/Restart=no/' -e "s|^DropInPaths=.*|DropInPaths=$drop_in|" loaded
    done ;;
  start) echo "started $2"; exit "$(cat code 2>/dev/null || echo 0)" ;;
  kill)
    kill -s "${{3#--signal=SIG}}" "$(sed -n 's/^MainPID=//p' loaded)"
    sed -i -e 's/^ActiveState=.*/ActiveState=inactive/' -e 's/^MainPID=.*/MainPID=0/' loaded written ;;
esac
"""
UNIT = {
    "Id": "nats-server.service",
    "LoadState": "loaded",
    "ActiveState": "active",
    "MainPID": "0",
    "ControlGroup": "/system.slice/nats-server.service",
    "Restart": "always",
    "DropInPaths": "",
}


class Systemd:
    """The unit, and what was asked of systemctl."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.units = folder, folder / "units"
        self.units.mkdir(parents=True)
        program = folder / "systemctl"
        program.write_text(SCRIPT.format(folder=folder, units=self.units), encoding="utf-8")
        program.chmod(0o755)
        self.set()

    def set(self, **properties: str) -> None:
        lines = [f"{name}={value}" for name, value in {**UNIT, **properties}.items()]
        for name in ("written", "loaded"):
            (self.folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def be(self, *moods: str) -> None:
        """C(stubborn) reloads nothing; C(forbidden) may not be told to."""
        for mood in moods:
            (self.folder / mood).touch()

    @property
    def calls(self) -> list[str]:
        """The verbs, in order."""
        text = (self.folder / "calls").read_text(encoding="utf-8") if (self.folder / "calls").exists() else ""
        return [line.split()[0] for line in text.splitlines()]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    played = Systemd(tmp_path / "systemd")
    monkeypatch.setenv("PATH", str(played.folder), prepend=":")
    monkeypatch.setattr(_systemd, "RUNTIME_UNITS", played.units)
    return played
