"""A roll that puts a node back, and one to its end, as loud as can be and with every kind of secret: none is anywhere afterwards.

Each secret holds what stands nowhere else on this machine, so that everything can be searched for it: what is printed and logged,
what stands in /proc meanwhile, what goes to syslog, and every file that is left.
"""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from tests.integration.faults import playbook
from tests.integration.helpers import START_SECONDS, said, upgrade, write_hosts
from tests.integration.releases import pack, publish, script
from tests.integration.test_client_probe_process import PERMISSIONS
from tests.lab.cluster import LoopbackCluster
from tests.lab.inventory import ARCHIVE
from tests.lab.playbook import PlaybookRun
from tests.unit.servers import WebServer

OLD, BROKEN, NEW = "2.14.6", "2.15.9", "2.15.1"
NAMES = ("n1", "n2", "n3")
# With what has to be written otherwise in an address.
SECRETS = {kind: f"{uuid.uuid4().hex[:12]}@{kind}" for kind in ("mirror", "system", "probe", "monitor", "node")}
USER = f"ops{uuid.uuid4().hex[:8]}"
ACCOUNTS = f"""
accounts {{
  APP: {{ jetstream: enabled, users: [
    {{ user: app, password: app }}
    {{ user: probe, password: "{SECRETS["probe"]}", {PERMISSIONS} }} ] }}
  SYS: {{ users: [{{ user: sys, password: "sys" }}, {{ user: {USER}, password: "{SECRETS["system"]}" }}] }}
}}
"""
SYSLOG = Path("/dev/log")
JOIN_SECONDS = 30.0
# How old a process is that is looked at each time, and how long all others are left alone.
NEW_SECONDS, ALL_SECONDS = 0.5, 1.0


def forms() -> dict[bytes, str]:
    """What is searched for, with the kind of secret: the part that is nowhere else, and how a header has user and password."""
    found = {secret.split("@")[0].encode(): kind for kind, secret in SECRETS.items()}
    for kind, secret in SECRETS.items():
        header = base64.b64encode(f"{USER}:{secret}".encode())
        found[header.rstrip(b"=")[:-4]] = f"{kind}, encoded"
    return found


FORMS = forms()


def leaked(text: bytes) -> list[str]:
    return [kind for form, kind in FORMS.items() if form in text]


def address(url: str, kind: str) -> str:
    return url.replace("://", f"://{USER}:{quote(SECRETS[kind], safe='')}@")


@dataclass
class Heard:
    """What others on this machine see of the runs while they last: arguments and environments of processes, and syslog."""

    seen: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    syslog: list[bytes] = field(default_factory=list)
    programs: set[str] = field(default_factory=set)
    looks: int = 0
    # Processes by their number, and when each was seen first.
    _known: dict[str, float] = field(default_factory=dict)
    _looked_at_all: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """At what is new, which may yet become another program, and now and then at all: what is read is for others to run in."""
        self.looks += 1
        now = time.monotonic()
        there = [name for name in os.listdir("/proc") if name.isdigit()]
        self._known = {name: self._known.get(name, now) for name in there}
        everything = now - self._looked_at_all > ALL_SECONDS
        if everything:
            self._looked_at_all = now
        for name in there:
            if everything or now - self._known[name] < NEW_SECONDS:
                self.read(name)

    def read(self, process: str) -> None:
        for name in ("cmdline", "environ"):
            try:
                content = Path("/proc", process, name).read_bytes()
            except OSError:  # it has ended meanwhile
                continue
            if name == "cmdline":
                self.programs.update(os.path.basename(word) for word in content.decode(errors="replace").split("\0")[:2])
            for kind in leaked(content):
                self.seen.setdefault((name, kind), set()).add(content.decode(errors="replace")[:300])

    def watch(self) -> None:
        while not self._over.is_set():
            self.look()
            self._over.wait(0.005)

    def listen(self, listening: socket.socket) -> None:
        listening.settimeout(0.2)
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                self.syslog.append(listening.recv(1 << 20))

    @contextlib.contextmanager
    def hearing(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            threads = [threading.Thread(target=self.watch)]
            listening = self._syslog(stack)
            threads += [threading.Thread(target=self.listen, args=(listening,))] if listening else []
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                self._over.set()
                for thread in threads:
                    thread.join(JOIN_SECONDS)

    @staticmethod
    def _syslog(stack: contextlib.ExitStack) -> socket.socket | None:
        """In the place of syslog where this machine has none."""
        listening = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        try:
            listening.bind(str(SYSLOG))
        except OSError:
            return None
        stack.callback(SYSLOG.unlink)
        return listening


@dataclass(frozen=True)
class Ran:
    cluster: LoopbackCluster
    own: frozenset[Path]
    runs: Mapping[str, PlaybookRun]
    heard: Heard
    asked: list[str]
    log: Path
    temporary: Path


@pytest.fixture(scope="module")
def ran(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("mirror")
    publish(folder, BROKEN, pack(BROKEN, script(BROKEN, "echo 'cannot serve' >&2; exit 1")))
    (folder / f"v{NEW}").symlink_to(mirror.resolve() / f"v{NEW}")
    asked: list[str] = []
    heard = Heard()
    expected = "Basic " + base64.b64encode(f"{USER}:{SECRETS['mirror']}".encode()).decode()

    def answer(request: BaseHTTPRequestHandler) -> Any:
        if request.headers.get("Authorization") != expected:
            return 401, {"WWW-Authenticate": 'Basic realm="mirror"'}, b"who are you"
        asked.append(request.path)
        return 200, {}, (folder / request.path.lstrip("/")).read_bytes()

    with LoopbackCluster(OLD, extra_config=dict.fromkeys(NAMES, ACCOUNTS)) as cluster, WebServer(answer) as web:
        hosts = inventory_of(cluster, mirror, web.url)
        temporary, log = cluster.base / "tmp", cluster.base / "ansible.log"
        temporary.mkdir()
        env = {
            "ANSIBLE_LOG_PATH": str(log),
            # What set_stats gives to AWX as artifacts.
            "ANSIBLE_SHOW_CUSTOM_STATS": "1",
            "ANSIBLE_LOCAL_TEMP": str(temporary),
            "ANSIBLE_REMOTE_TEMP": str(temporary),
            "TMPDIR": str(temporary),
        }
        with heard.hearing():
            runs = {
                "put back": upgrade(hosts, BROKEN, "-vvvvv", env=env, nats_upgrade_start_timeout_seconds=START_SECONDS),
                "status": playbook("status", hosts, "-vvvvv", env=env),
                "rolled": upgrade(hosts, NEW, "-vvvvv", env=env),
            }
        own = frozenset({hosts, *(node.config for node in cluster.nodes.values())})
        yield Ran(cluster, own, runs, heard, asked, log, temporary)


def inventory_of(cluster: LoopbackCluster, mirror: Path, web: str) -> Path:
    """n1 is read over NATS, n2 with a password in its address, n3 with one that goes to the node."""
    nodes = cluster.nodes
    account = {"servers": cluster.urls, "user": USER, "password": SECRETS["system"]}
    ways: dict[str, dict[str, Any]] = {
        "n1": {"nats_upgrade_system_account": account},
        "n2": {"nats_upgrade_monitor_url": address(nodes["n2"].monitor_url, "monitor")},
        "n3": {"nats_upgrade_monitor_url": address(nodes["n3"].monitor_url, "node"), "nats_upgrade_probe_from": "node"},
    }
    hosts = write_hosts(
        cluster,
        mirror,
        ways,
        nats_upgrade_archive_url=f"{web}/{ARCHIVE}",
        nats_upgrade_archive_username=USER,
        nats_upgrade_archive_password=SECRETS["mirror"],
        nats_upgrade_client_probe={"servers": cluster.urls, "user": "probe", "password": SECRETS["probe"]},
        nats_upgrade_client_probe_max_gap_seconds=60,
        # Of the mirror, which has to be one that asks who we are.
        nats_upgrade_waive=["stepping_stone", "insecure_source"],
    )
    content = yaml.safe_load(hosts.read_text(encoding="utf-8"))
    del content["nats"]["hosts"]["n1"]["nats_upgrade_monitor_url"]
    hosts.write_text(yaml.safe_dump(content), encoding="utf-8")
    return hosts


def test_one_run_put_a_node_back_and_another_one_rolled_all_of_them(ran: Ran) -> None:
    put_back, rolled = ran.runs["put back"], ran.runs["rolled"]
    assert put_back.returncode != 0
    assert f"it was put back to {OLD}, and is up and current." in said(put_back), put_back.stdout[-6000:]
    assert "cannot serve" in put_back.stdout
    assert rolled.returncode == 0, rolled.stdout[-6000:] + rolled.stderr
    assert ran.cluster.versions() == dict.fromkeys(NAMES, NEW)
    # Each secret was used: the mirror has let us in, and so have the servers.
    assert [path for path in ran.asked if path.endswith(".tar.gz")]
    assert "What a client saw in the turn of each node" in said(rolled)


@pytest.mark.parametrize("run", ["put back", "status", "rolled"])
def test_no_secret_is_in_what_a_run_prints(ran: Ran, run: str) -> None:
    done = ran.runs[run]
    text = done.stdout + done.stderr
    # Loud it was: with every program that it ran, and what it gave to AWX.
    assert " EXEC /bin/sh -c " in text
    assert run == "status" or "CUSTOM STATS: " in text
    assert [line[:500] for line in text.splitlines() if leaked(line.encode())] == []


def test_no_secret_is_in_the_log_file_of_ansible(ran: Ran) -> None:
    lines = ran.log.read_bytes().splitlines()
    assert len(lines) > 1000
    assert [line[:500] for line in lines if leaked(line)] == []


def test_no_secret_is_among_the_arguments_or_in_the_environment_of_a_program(ran: Ran) -> None:
    assert {"ansible-playbook", "nats-server"} <= ran.heard.programs
    assert ran.heard.looks > 100
    assert ran.heard.seen == {}


def test_no_secret_is_in_what_modules_tell_syslog(ran: Ran) -> None:
    if not ran.heard.syslog:
        pytest.skip(f"{SYSLOG} is another program's here")
    heard = b"\n".join(ran.heard.syslog)
    assert b"Invoked with" in heard
    assert [line[:500] for line in ran.heard.syslog if leaked(line)] == []


def test_no_secret_is_in_a_file_that_is_left(ran: Ran) -> None:
    written = [path for path in ran.cluster.base.rglob("*") if path.is_file() and not path.is_symlink() and path not in ran.own]
    small = [path for path in written if path.stat().st_size < 1 << 22 or path == ran.log]
    names = {path.name for path in small}
    assert {"events.jsonl", "report.json", "report.html", "client-probe.jsonl", "journal.json"} <= names, names
    assert [(path, leaked(path.read_bytes())) for path in small if leaked(path.read_bytes())] == []


def test_nothing_is_left_in_temporary_folders(ran: Ran) -> None:
    assert [path for path in ran.temporary.rglob("*") if path.is_file()] == []


def test_what_is_searched_for_is_found() -> None:
    header = base64.b64encode(f"{USER}:{SECRETS['mirror']}".encode())
    assert leaked(b"x " + header) == ["mirror, encoded"]
    assert leaked(address("http://h:1", "node").encode()) == ["node"]
    assert sorted(leaked(" ".join(SECRETS.values()).encode())) == sorted(SECRETS)
