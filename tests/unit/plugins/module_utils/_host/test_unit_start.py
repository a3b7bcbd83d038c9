from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host import unit_start as _unit_start


def unit(*words: str, path: str = "", **properties: str) -> dict[str, str]:
    argv = " ".join(words)
    return {"ExecStart": f"{{ path={path or words[0]} ; argv[]={argv} ; ignore_errors=no ; pid=0 ; }}", **properties}


@pytest.mark.parametrize(
    ("started", "argv"),
    [
        pytest.param(
            unit("/usr/sbin/nats-server", "-c", "/etc/n.conf"), ["/usr/sbin/nats-server", "-c", "/etc/n.conf"], id="plain"
        ),
        pytest.param(
            unit("nats", "-c", "x", path="/usr/sbin/nats-server"), ["/usr/sbin/nats-server", "-c", "x"], id="another name"
        ),
        pytest.param(
            unit("/usr/bin/env", "A=1", "/opt/nats-server", "-js"), ["/opt/nats-server", "-js"], id="behind another program"
        ),
        pytest.param(unit("/usr/local/bin/run-nats-server"), [], id="wrapper"),
        pytest.param(unit("/bin/sh", "/usr/local/bin/run", "nats-server"), [], id="a word of a wrapper"),
        pytest.param({}, [], id="none"),
    ],
)
def test_the_program_of_a_unit_is_the_nats_server_in_its_exec_start(started: dict[str, str], argv: list[str]) -> None:
    assert _unit_start.server_argv(started) == argv


def test_a_program_without_a_path_is_where_systemd_looks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nats-server").touch(mode=0o755)
    monkeypatch.setattr(_unit_start, "_SEARCH_PATH", str(tmp_path))
    monkeypatch.setenv("PATH", "/none")
    assert _unit_start.server_argv(unit("nats-server", "-js")) == [str(tmp_path / "nats-server"), "-js"]
    (tmp_path / "nats-server").unlink()
    assert _unit_start.server_argv(unit("nats-server", "-js")) == ["nats-server", "-js"]


def test_variables_are_filled_in_as_systemd_does(tmp_path: Path) -> None:
    file = tmp_path / "nats"
    file.write_text(
        "# the options\nOPTIONS=-c /etc/nats.conf\nNAME='n 1'\n  LONG=a\\\nb\nODD=\"x\nnone of it\n", encoding="utf-8"
    )
    files = f"{file} (ignore_errors=yes)\n{tmp_path / 'none'} (ignore_errors=yes)"
    given = unit(
        "/usr/sbin/nats-server", "$OPTIONS", "-n", "${NAME}", "$$1", "$UNKNOWN", "a$NAME",
        Environment='NAME=other "BOTH=a b" EMPTY=', EnvironmentFiles=files,
    )  # fmt: skip
    assert _unit_start.environment(given) == {
        "NAME": "n 1",
        "BOTH": "a b",
        "EMPTY": "",
        "OPTIONS": "-c /etc/nats.conf",
        "LONG": "ab",
        "ODD": '"x',
    }
    filled = ["/usr/sbin/nats-server", "-c", "/etc/nats.conf", "-n", "n 1", "$1", "$UNKNOWN", "a$NAME"]
    assert _unit_start.server_argv(given) == filled
    assert _unit_start.environment({"Environment": '"half'}) == {}


@pytest.mark.parametrize(("given", "folder"), [("", "/"), ("/var/lib/nats", "/var/lib/nats"), ("!-/x", "/x"), ("~", "/")])
def test_a_unit_starts_its_server_in_its_folder(given: str, folder: str) -> None:
    assert _unit_start.folder({"WorkingDirectory": given}) == folder


def test_each_file_of_variables_is_a_line_of_systemctl(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = "Id=nats.service\nLoadState=loaded\nEnvironmentFiles=/a (ignore_errors=no)\nEnvironmentFiles=/b (ignore_errors=yes)\n"
    monkeypatch.setattr(_process, "run", lambda *_, **__: _process.Output(0, shown, ""))
    assert _process.systemctl_show("nats")["EnvironmentFiles"].splitlines() == ["/a (ignore_errors=no)", "/b (ignore_errors=yes)"]
