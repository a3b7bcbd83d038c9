"""Which units run a container by a docker client, from what systemd 252 says of them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._container import compose as _compose
from ansible_collections.natsops.cluster.plugins.module_utils._container import docker_units as _docker_units
from tests.unit.processes import Processes

ID = "3f2a9c1b7d5e" + 52 * "0"
COMPOSED = {"project": "web", "service": "nats", "project.working_dir": "/srv/web", "project.config_files": "compose.yml"}
LABELS = {f"{_compose.LABEL}{name}": value for name, value in COMPOSED.items()}
# As systemd writes it, in whatever order.
BLOCK = """\
MainPID={pid}
ExecStartPre={{ path=/bin/true ; argv[]={before} ; ignore_errors=yes ; start_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }}
ExecStart={{ path=/bin/true ; argv[]={command} ; ignore_errors=no ; start_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }}
WorkingDirectory={folder}
Id={name}
SubState={state}
"""
# A process id that Linux never gives.
NOBODY = 2**22 + 1


def container(**labels: str) -> dict[str, Any]:
    return {"Name": "/nats", "Id": ID, "Config": {"Labels": labels}}


def unit(command: str, before: str = "/bin/true", **other: Any) -> str:
    given = {"pid": NOBODY, "folder": "", "name": "nats.service", "state": "running", **other}
    return BLOCK.format(command=command, before=before, **given)


def found(*blocks: str, of: dict[str, Any] | None = None) -> list[str]:
    return list(_docker_units._units("\n".join(blocks), of or container()))


@pytest.mark.parametrize(
    "command",
    [
        "/usr/bin/docker start -a nats",
        "/usr/bin/docker --log-level error -H unix:///run/docker.sock container start --attach nats",
        f"docker start --attach {ID[:12]}",
        "/usr/bin/docker run --rm --name nats -v data:/data nats:2.14.6 -c /etc/nats.conf",
        "/usr/bin/docker run --name=nats nats:2.14.6",
        "/bin/sh -c docker rm --force nats ; exec docker run --name 'nats' nats:2.14.6",
        "/bin/sh -c docker start nats && docker wait nats",
    ],
)
def test_a_unit_with_a_client_that_starts_the_container_or_waits_for_its_end_runs_it(command: str) -> None:
    assert found(unit("/usr/sbin/other", name="other.service"), unit(command)) == ["nats.service"]


@pytest.mark.parametrize(
    "command",
    [
        "/usr/sbin/nats-server -c /etc/nats.conf",
        "/usr/bin/dockerd -H fd://",
        "/usr/bin/docker start -a nats-box",
        "/usr/bin/docker run --name box --link nats nats-box nats sub x",
        "/usr/bin/docker logs -f nats",
        "/usr/bin/docker",
        "/usr/bin/docker-compose up",
        f"/usr/bin/docker start {ID[:3]}",
    ],
)
def test_other_units_do_not(command: str) -> None:
    assert found(unit(command)) == []


def test_what_comes_before_counts_where_the_program_itself_is_a_client() -> None:
    assert found(unit("/usr/bin/docker logs -f nats", "/usr/bin/docker start nats")) == ["nats.service"]
    # Another program that wants the server there does not end with it.
    assert found(unit("/usr/bin/app", "/usr/bin/docker start nats")) == []


@pytest.mark.parametrize(
    ("pid", "state", "runs"), [(0, "exited", False), (0, "dead", False), (0, "auto-restart", True), (NOBODY, "running", True)]
)
def test_a_unit_whose_program_has_ended_starts_nothing_any_more(pid: int, state: str, runs: bool) -> None:
    assert found(unit("/usr/bin/docker start nats", pid=pid, state=state)) == (["nats.service"] if runs else [])


@pytest.mark.parametrize(
    ("command", "folder", "runs"),
    [
        ("/usr/bin/docker-compose up", "/srv/web", True),
        ("/usr/bin/docker compose up --abort-on-container-exit", "!/srv/web", True),
        ("/usr/bin/docker compose -p web up", "", True),
        ("/usr/bin/docker compose --project-directory=/srv/web up", "", True),
        ("/usr/bin/docker compose -f compose.yml up", "/srv/web", True),
        ("/usr/bin/docker compose -f /srv/web/compose.yml up nats", "", True),
        ("/usr/bin/docker compose logs -f", "/srv/web", False),
        ("/usr/bin/docker compose -p other up", "/srv/other", False),
    ],
)
def test_a_unit_that_brings_up_a_project_runs_its_containers(command: str, folder: str, runs: bool) -> None:
    assert found(unit(command, folder=folder), of=container(**LABELS)) == (["nats.service"] if runs else [])


def test_variables_are_filled_in_in_the_words_of_the_process(processes: Processes, tmp_path: Path) -> None:
    command = "/usr/bin/docker start -a ${CONTAINER}"
    assert found(unit(command)) == []
    # A shell under that name, which runs the file "start".
    (tmp_path / "start").write_text("read never\n", encoding="utf-8")
    client = processes.start("docker", "start", "-a", "nats", executable="/bin/sh", cwd=tmp_path, stdin=subprocess.PIPE)
    assert found(unit(command, pid=client.pid)) == ["nats.service"]


def test_without_systemd_there_is_nothing_to_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _docker_units.running(container()) == []
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(
        "#!/bin/sh\necho 'System has not been booted with systemd as init system' >&2; exit 1\n", encoding="utf-8"
    )
    systemctl.chmod(0o755)
    assert _docker_units.running(container()) == []
