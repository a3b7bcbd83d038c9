"""Debian packages of real servers, laid out as Debian's own, and a repository of them: plain files that apt reads.

Their scripts do what those that debhelper writes do: after an upgrade the service is restarted, at once and without a drain.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.lab.binaries import ROOT, LabError, server_binary
from tests.lab.machine import BINARY, CONFIG, SHIPPED, UNIT
from tests.lab.mirror import go_architecture

CACHE = ROOT / ".cache" / "packages"
NAME = "nats-server"
BUILD_SECONDS = 120
# In the order of debhelper's scripts; $2 is the version that was configured before.
POSTINST = f"""#!/bin/sh
set -e
if [ "$1" = configure ] || [ "$1" = abort-upgrade ]; then
  deb-systemd-helper unmask {UNIT} > /dev/null || true
  deb-systemd-helper enable {UNIT} > /dev/null || true
  systemctl --system daemon-reload > /dev/null || true
  if [ -n "$2" ]; then action=restart; else action=start; fi
  @INVOKE@ $action {UNIT} > /dev/null || true
fi
"""
PRERM = f"""#!/bin/sh
set -e
if [ "$1" = remove ]; then
  deb-systemd-invoke stop {UNIT} > /dev/null || true
fi
"""


def package(version: str, *, revision: str = "1", asks: bool = True, folder: Path = CACHE) -> Path:
    """Return a package of this version. With ``asks`` false its script restarts the service without asking policy-rc.d."""
    kind = revision if asks else f"{revision}+rude"
    path = folder / f"{NAME}_{version}-{kind}_{go_architecture()}.deb"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as work:
            _lay_out(Path(work) / "root", version, f"{version}-{kind}", "deb-systemd-invoke" if asks else "systemctl")
            _build(Path(work) / "root", Path(work) / path.name)
            os.replace(Path(work) / path.name, path)
    return path


def _lay_out(root: Path, version: str, package_version: str, invoke: str) -> None:
    control = (
        f"Package: {NAME}\nVersion: {package_version}\nArchitecture: {go_architecture()}\nMaintainer: lab <lab@localhost>\n"
        "Section: net\nPriority: optional\nDescription: NATS server, packed for tests\n"
    )
    # The package's unit says which version wrote it: an upgrade changes the unit too.
    unit = SHIPPED.replace("[Unit]", f"[Unit]\nDocumentation=https://localhost/{version}")
    files = {
        "DEBIAN/control": (control, 0o644),
        "DEBIAN/conffiles": (f"{CONFIG}\n", 0o644),
        "DEBIAN/postinst": (POSTINST.replace("@INVOKE@", invoke), 0o755),
        "DEBIAN/prerm": (PRERM, 0o755),
        CONFIG.lstrip("/"): (f"# Shipped with {version}: a server alone.\nlisten: 127.0.0.1:4222\n", 0o644),
        f"lib/systemd/system/{UNIT}": (unit, 0o644),
    }
    for name, (text, mode) in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
    binary = root / BINARY.lstrip("/")
    binary.parent.mkdir(parents=True)
    shutil.copy(server_binary(version), binary)


def _build(root: Path, path: Path) -> None:
    command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(root), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    if done.returncode != 0:
        raise LabError(f"dpkg-deb cannot build {path.name}: {done.stderr.strip()}")


def repository(packages: Sequence[Path], folder: Path) -> Path:
    """Make the folder a repository of just these packages; on a machine: deb [trusted=yes] file:FOLDER ./"""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for path in packages:
        shutil.copy(path, folder / path.name)
        content = path.read_bytes()
        fields = subprocess.run(["dpkg-deb", "--field", str(path)], capture_output=True, text=True, timeout=60, check=True).stdout
        entries.append(
            f"{fields.strip()}\nFilename: ./{path.name}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n"
        )
    (folder / "Packages").write_text("\n".join(entries), encoding="utf-8")
    return folder


if __name__ == "__main__":
    # For Molecule: the folder, and the versions to put there.
    print(repository([package(version) for version in sys.argv[2:]], Path(sys.argv[1])))
