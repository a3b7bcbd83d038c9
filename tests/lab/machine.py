"""What lies on a machine before it boots for the first time: the server, its configuration and its unit, and a key."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from jinja2 import Environment, StrictUndefined

from tests.lab.binaries import ROOT
from tests.lab.node import Settings

RESOURCES = ROOT / "molecule" / "resources"
BINARY = "/usr/sbin/nats-server"
CONFIG = "/etc/nats-server.conf"
UNIT = "nats-server.service"
UNIT_FOLDER = "/etc/systemd/system"
WRAPPER = "/usr/local/bin/run-nats-server"
CLIENT_PORT, MONITOR_PORT = 4222, 8222

# A tmpfs is empty after every boot: the server comes onto it from a place beside it.
SMALL_DISK = "/opt/nats"
BESIDE_SMALL_DISK = "/usr/local/lib/nats-server"
FILL_UNIT = "fill-small-disk.service"
FILL = f"""[Unit]
Before={UNIT}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/install --mode=0755 {BESIDE_SMALL_DISK} {SMALL_DISK}/nats-server

[Install]
WantedBy=multi-user.target
"""

# Passes every signal on, which ends the wait before the server has ended, and exits as the server does.
WRAPPER_TEXT = """#!/bin/sh
@BINARY@ -c @CONFIG@ &
server=$!
for signal in HUP INT TERM USR1 USR2; do
  trap "kill -$signal $server; again=yes" "$signal"
done
again=yes
while [ "$again" = yes ]; do
  again=no
  wait "$server"
  status=$?
done
exit "$status"
"""

SHIPPED = (RESOURCES / "files" / "nats-server.service").read_text(encoding="utf-8")


HARDENED = (RESOURCES / "files" / "nats-server-hardened.service").read_text(encoding="utf-8")


def changed(text: str = SHIPPED, /, **directives: str) -> str:
    """Return a unit that NATS ships with other values. An empty one takes the directive away."""
    kept = [line for line in text.splitlines() if line.partition("=")[0] not in directives]
    service = kept.index("[Service]") + 1
    kept[service:service] = [f"{name}={value}" for name, value in directives.items() if value]
    return "\n".join(kept) + "\n"


# Flavours of the unit by name.
UNITS = {
    # As of 2.11.4 and later: Restart=on-failure, ExecStop sends SIGUSR2, TimeoutStopSec=150.
    "plain": SHIPPED,
    "restart_always": changed(Restart="always", RestartSec="1"),
    # The main process of the unit is a shell script, the server its child.
    "wrapper": changed(ExecStart=WRAPPER),
}

STOP_AT_ONCE = {"ExecStop": "/bin/kill -s SIGINT $MAINPID", "TimeoutStopSec": ""}
# What NATS has shipped, by the first version that came with it. The newest plain one is SHIPPED.
ERAS = {
    "2.9 plain": changed(**STOP_AT_ONCE, Restart=""),
    "2.10.2 plain": changed(**STOP_AT_ONCE, KillSignal="SIGUSR2", Restart=""),
    "2.10.14 hardened": changed(HARDENED, **STOP_AT_ONCE, KillSignal="SIGUSR2", Restart="always"),
    "2.10.28 plain": changed(Restart=""),
    "2.10.28 hardened": changed(HARDENED, Restart="always"),
    "2.11.4 hardened": HARDENED,
}


@dataclass(frozen=True)
class Machine:
    """One container that stands for a machine."""

    name: str
    container: str
    host: str
    monitor_port: int = MONITOR_PORT

    @property
    def client_url(self) -> str:
        return f"nats://{self.host}:{CLIENT_PORT}"

    @property
    def monitor_url(self) -> str:
        return f"http://{self.host}:{self.monitor_port}"


def config_text(name: str, names: Sequence[str], settings: Settings, extra: str = "") -> str:
    """Return the configuration of a server, from the template of the Molecule scenarios."""
    template = (RESOURCES / "templates" / "nats-server.conf.j2").read_text(encoding="utf-8")
    variables = {f"lab_{key}": value for key, value in asdict(settings).items()}
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True, autoescape=False)
    return environment.from_string(template).render(inventory_hostname=name, groups={"nats": list(names)}, **variables) + extra


def files_of_machine(server: Path, config: str, unit: str, key: str, *, small_disk: bool) -> bytes:
    """Return the files as a tar archive to be unpacked at the root of the machine."""
    binary = f"{SMALL_DISK}/nats-server" if small_disk else BINARY
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        _add(archive, BESIDE_SMALL_DISK if small_disk else BINARY, server.read_bytes(), 0o755)
        _add(archive, CONFIG, config.encode(), 0o640)
        # Only the machine knows the number of the group; it sets the owner when it boots.
        _add(archive, "/etc/tmpfiles.d/nats-server.conf", f"z {CONFIG} 0640 root nats -\n".encode())
        _add(archive, "/root/.ssh/authorized_keys", key.encode(), 0o600)
        _add(archive, WRAPPER, WRAPPER_TEXT.replace("@BINARY@", binary).replace("@CONFIG@", CONFIG).encode(), 0o755)
        _add_unit(archive, UNIT, unit.replace(BINARY, binary))
        if small_disk:
            _add_unit(archive, FILL_UNIT, FILL)
    return packed.getvalue()


def _add_unit(archive: tarfile.TarFile, name: str, text: str) -> None:
    """Add a unit that is enabled."""
    _add(archive, f"{UNIT_FOLDER}/{name}", text.encode())
    link = _member(f"{UNIT_FOLDER}/multi-user.target.wants/{name}", 0o777)
    link.type, link.linkname = tarfile.SYMTYPE, f"{UNIT_FOLDER}/{name}"
    archive.addfile(link)


def _add(archive: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    member = _member(path, mode)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _member(path: str, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(str(PurePosixPath(path).relative_to("/")))
    member.mode = mode
    return member
