"""Configurations that end no server's reading: see the table in docs/security.md."""

from __future__ import annotations

import os
import pwd
import signal
import socket
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._config import tree as _tree
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._files import config as _config
from ansible_collections.natsops.cluster.plugins.module_utils._files import rights as _rights
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from tests.unit.processes import Processes

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    """What hangs is a failure, and not a test run that hangs."""

    def give_up(*_unused: object) -> None:
        raise AssertionError("it has not ended")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def settings(files: dict[str, str]) -> Any:
    return _tree.top_level(tree(files))


def tree(files: dict[str, str]) -> Any:
    return _tree.read("/etc/nats.conf", files.__getitem__, {})


both = pytest.mark.parametrize("parse", [settings, tree])
Parse = Callable[[dict[str, str]], Any]


@both
@pytest.mark.parametrize(
    ("files", "loop"),
    [
        ({"/etc/nats.conf": "include nats.conf"}, "/etc/nats.conf includes /etc/nats.conf"),
        ({"/etc/nats.conf": "port: 1\ninclude './/nats.conf'"}, "/etc/nats.conf includes /etc/nats.conf"),
        (
            {"/etc/nats.conf": "include a.conf", "/etc/a.conf": "include b.conf", "/etc/b.conf": "include a.conf"},
            "/etc/a.conf includes /etc/b.conf includes /etc/a.conf",
        ),
    ],
)
def test_files_that_include_themselves_are_named(parse: Parse, files: dict[str, str], loop: str) -> None:
    with pytest.raises(NatsError, match=r"^the configuration is not read to its end: ") as refused:
        parse({**files, "/etc/.//nats.conf": files["/etc/nats.conf"]})
    assert f"read to its end: {loop}. A server that reads it runs out of memory" in str(refused.value)


@both
def test_a_way_that_grows_with_each_include_comes_to_an_end(parse: Parse) -> None:
    class Growing(dict[str, str]):
        """The folder d is a link to its own folder."""

        def __missing__(self, path: str) -> str:
            return "include d/nats.conf"

    with pytest.raises(NatsError, match="includes files that include files, more than 100 deep"):
        parse(Growing())


@both
def test_files_that_include_many_files_that_include_many_come_to_an_end(parse: Parse) -> None:
    files = {f"/etc/d{depth}.conf": f"include d{depth + 1}.conf\n" * 10 for depth in range(30)}
    with pytest.raises(NatsError, match="and what it includes are more than 8388608 bytes or 10000 files"):
        parse({**files, "/etc/nats.conf": "include d0.conf", "/etc/d30.conf": "port: 1"})


@both
@pytest.mark.parametrize("opened", ["a {", "[", "[ ", "[ { b: "])
def test_blocks_in_blocks_come_to_an_end(parse: Parse, opened: str) -> None:
    with pytest.raises(NatsError, match="blocks and lists lie in each other more than 50 deep"):
        parse({"/etc/nats.conf": f"{'' if opened[0] == 'a' else 'a: '}{opened * 100_000}"})
    assert str(parse({"/etc/nats.conf": "a {" * 50 + "}" * 50 + "\nport: 1"})["port"]) == "1"


@both
@pytest.mark.parametrize(
    "text",
    [
        '\\"' * 100_000,
        '"\\\n' * 100_000,
        "a: (\n" * 100_000,
        "(" + "\n" * 200_000,
        "a: '" * 100_001,
        "( " * 200_000,
        "#" * 200_000,
    ],
    ids=["quotes", "line ends in quotes", "texts", "empty lines", "odd quotes", "brackets", "comment"],
)
def test_what_is_never_closed_is_read_in_one_pass(parse: Parse, text: str) -> None:
    read = outcome(parse, {"/etc/nats.conf": text})
    assert isinstance(read, dict) or "more than 50 deep" in read


def outcome(parse: Parse, files: dict[str, str]) -> Any:
    try:
        return parse(files)
    except NatsError as exc:
        return str(exc)


def test_what_variables_repeat_comes_to_an_end() -> None:
    lists = "".join(f"{chr(98 + n)}: [{f'${chr(97 + n)}, ' * 10}]\n" for n in range(20))
    texts = f"a: {'x' * 100_000}\nb: [{'$a, ' * 100_000}]"
    for text in (f"a: [1 ]\n{lists}", texts):
        with pytest.raises(NatsError, match="variables repeat more than 4000000 values or characters"):
            tree({"/etc/nats.conf": text})
    deep = "".join(f"v{n + 1}: [[[$v{n}]]]\n" for n in range(1000))
    with pytest.raises(NatsError, match="more than 50 deep"):
        tree({"/etc/nats.conf": f"v0: [1 ]\n{deep}"})
    assert tree({"/etc/nats.conf": "a: [1, 2 ]\nb: [$a, $a]"})["b"] == [[1, 2], [1, 2]]


def test_a_duration_of_a_million_digits_is_none() -> None:
    assert [_tree.seconds(text) for text in ("1" * 1_000_000, "9" * 60 + "s", "1e400s", "45s")] == [None, None, None, 45.0]


def facts(path: Path, processes: Processes, **options: Any) -> dict[str, Any]:
    return _facts.facts({"pid": processes.server(**options).pid, "config_path": str(path)})


def test_a_link_to_a_file_is_followed(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "2.conf").write_text("lame_duck_duration: 45s", encoding="utf-8")
    (tmp_path / "nats.conf").symlink_to("2.conf")
    assert facts(tmp_path / "nats.conf", processes)["lame_duck_duration_seconds"] == 45.0


def _listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (os.mkfifo, "it is not a regular file"),
        (Path.mkdir, "it is not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "it is not a regular file"),
        (_listening, "No such device or address"),
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
        (lambda path: (path.touch(), os.truncate(path, 2**40)), f"it has {2**40} bytes, and 8388608 at most are read"),
    ],
    ids=["FIFO", "folder", "device", "socket", "link to itself", "terabyte"],
)
def test_what_is_no_file_of_a_configuration_is_not_read_nor_waited_for(
    make: Callable[[Path], object], why: str, processes: Processes, tmp_path: Path
) -> None:
    make(tmp_path / "nats.conf")
    with pytest.raises(NatsError, match=rf"^the configuration {tmp_path}/nats.conf cannot be read \({why}\)"):
        facts(tmp_path / "nats.conf", processes)
    (tmp_path / "whole.conf").write_text("include nats.conf", encoding="utf-8")
    with pytest.raises(NatsError, match=rf"\({why}\)"):
        facts(tmp_path / "whole.conf", processes)


def test_what_this_process_was_given_is_not_part_of_a_configuration(tmp_path: Path) -> None:
    assert Path("/proc/self/environ").read_bytes()
    (tmp_path / "nats.conf").symlink_to("/proc/self/environ")
    assert _config.content(str(tmp_path / "nats.conf")) == b""


@as_root
def test_a_configuration_is_read_with_the_rights_of_the_server(processes: Processes, tmp_path: Path) -> None:
    # Those that pytest has made for us alone.
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)
    secret, config = tmp_path / "secret", tmp_path / "nats.conf"
    secret.write_text("lame_duck_duration: 45s", encoding="utf-8")
    secret.chmod(0o600)
    config.symlink_to(secret)
    with pytest.raises(
        NatsError, match=rf"^the configuration {config} cannot be read by user {NOBODY.pw_uid}, as whom the server"
    ):
        facts(config, processes, user=NOBODY.pw_uid, group=NOBODY.pw_gid)
    assert os.geteuid() == 0
    os.chown(secret, 0, NOBODY.pw_gid)
    secret.chmod(0o640)
    assert facts(config, processes, user=NOBODY.pw_uid, group=NOBODY.pw_gid)["lame_duck_duration_seconds"] == 45.0


@as_root
def test_rights_are_taken_and_given_back_whatever_happens() -> None:
    own = (os.geteuid(), os.getegid(), os.getgroups())
    seen = []

    def fail() -> None:
        with _rights.as_user(NOBODY.pw_uid, NOBODY.pw_gid, [12345]):
            seen.append((os.geteuid(), os.getegid(), os.getgroups()))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == [(NOBODY.pw_uid, NOBODY.pw_gid, [12345])]
    assert (os.geteuid(), os.getegid(), os.getgroups()) == own
    with _rights.as_user(0, 0, ()):
        assert (os.geteuid(), os.getegid(), os.getgroups()) == own


def test_a_link_in_a_container_leads_to_where_it_leads_in_there(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for place, text in (("etc/2.conf", "inside"), ("real/2.conf", "real")):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text, encoding="utf-8")
    (tmp_path / "outside").write_text("outside", encoding="utf-8")
    links = {"a": "/etc/2.conf", "b": "2.conf", "c": f"{tmp_path}/outside", "d": "../../../../../outside", "e": "/link/2.conf"}
    for name, target in links.items():
        (root / "etc" / name).symlink_to(target)
    (root / "link").symlink_to("../../real")

    def read(name: str) -> str:
        return _config.content(f"{root}/etc/{name}", str(root)).decode()

    assert [read(name) for name in ("a", "b", "e")] == ["inside", "inside", "real"]
    for name in ("c", "d"):
        with pytest.raises(FileNotFoundError):
            read(name)
    (root / "etc" / "f").symlink_to("f")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        read("f")
