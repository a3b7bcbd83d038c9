"""Who may write a path, on a file system that is played: nothing here is on a disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._files import trust as _trust

ROOT, NATS, STAFF = 0, 4222, 50
FOLDER, FILE, LINK = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755, stat.S_IFLNK | 0o777
Entry = tuple[int, int, int, str]


def entry(mode: int, uid: int = ROOT, gid: int = ROOT, target: str = "") -> Entry:
    return mode, uid, gid, target


SAFE: dict[str, Entry] = {
    "/": entry(FOLDER),
    "/usr": entry(FOLDER),
    "/usr/sbin": entry(FOLDER),
    "/usr/sbin/nats-server": entry(FILE),
    "/opt": entry(FOLDER),
    "/opt/nats": entry(FOLDER),
    "/opt/nats/2.14.6": entry(FOLDER),
    "/opt/nats/2.14.6/nats-server": entry(FILE),
    "/opt/nats/current": entry(LINK, target="2.14.6"),
    "/tmp": entry(FOLDER | 0o1777),
    "/tmp/own": entry(FOLDER),
    "/tmp/own/nats-server": entry(FILE),
}


class Disk:
    """A file system of which only the owners, the modes and the links are there."""

    def __init__(self, **changed: Entry) -> None:
        self._entries = {**SAFE, **{path.replace("__", "/").replace("_dot_", "."): one for path, one in changed.items()}}

    def lstat(self, path: str) -> os.stat_result:
        if path not in self._entries:
            raise FileNotFoundError(path)
        mode, uid, gid, _target = self._entries[path]
        return os.stat_result((mode, 1, 1, 1, uid, gid, 0, 0, 0, 0))

    def readlink(self, path: str) -> str:
        return self._entries[path][3]

    def weak(self, path: str, private: bool = False, trusted: tuple[int, ...] = (ROOT,)) -> list[str]:
        found = _trust.weak(
            path, frozenset(trusted), lstat=self.lstat, readlink=self.readlink, is_private=lambda _uid, _gid: private
        )
        return [one.path for one in found]


@pytest.mark.parametrize(
    "path",
    [
        "/usr/sbin/nats-server",
        "/usr/sbin/nats-server-2.15.1",
        "/no/such/folder",
        "/opt/nats/current/nats-server",
        "/tmp/own/nats-server",
        "/usr/../opt/./nats//2.14.6/nats-server",
    ],
)
def test_what_only_root_can_write_is_not_weak(path: str) -> None:
    assert Disk().weak(path) == []


@pytest.mark.parametrize(
    ("place", "changed"),
    [
        pytest.param("/opt/nats/2.14.6/nats-server", entry(FILE, NATS), id="the file is another's"),
        pytest.param("/opt/nats/2.14.6/nats-server", entry(FILE | 0o020, ROOT, STAFF), id="a group can write the file"),
        pytest.param("/opt/nats/2.14.6/nats-server", entry(FILE | 0o002), id="all can write the file"),
        pytest.param("/opt/nats/2.14.6", entry(FOLDER, NATS), id="its folder is another's"),
        pytest.param("/opt", entry(FOLDER | 0o002), id="all can write a folder above"),
        pytest.param("/opt/nats", entry(FOLDER | 0o020, ROOT, STAFF), id="a group can write a folder above"),
        pytest.param("/opt/nats/current", entry(LINK, NATS, target="2.14.6"), id="the link is another's"),
    ],
)
def test_a_place_that_others_can_write_is_weak(place: str, changed: Entry) -> None:
    disk = Disk(**{place.replace("/", "__").replace(".", "_dot_"): changed})
    assert disk.weak("/opt/nats/current/nats-server") == [place]


def test_a_link_is_followed_to_where_it_leads_with_all_that_is_on_the_way() -> None:
    disk = Disk(__opt__nats__current=entry(LINK, target="/srv/../data/nats"), __data=entry(FOLDER, NATS), __srv=entry(FOLDER))
    assert disk.weak("/opt/nats/current/nats-server") == ["/data"]


def test_a_circle_of_links_ends() -> None:
    disk = Disk(__a=entry(LINK, target="/b"), __b=entry(LINK, NATS, target="a"))
    assert disk.weak("/a/nats-server") == ["/b"]


def test_in_a_sticky_folder_the_owner_of_an_entry_counts() -> None:
    assert Disk(__tmp__own=entry(FOLDER, NATS)).weak("/tmp/own/nats-server") == ["/tmp/own"]
    assert Disk(__tmp__own=entry(LINK, NATS, target="/usr/sbin")).weak("/tmp/own/nats-server") == ["/tmp/own"]
    # A file is no folder: the bit says nothing of who can write it.
    sticky = stat.S_IFREG | 0o1757
    assert Disk(__tmp__own__nats=entry(sticky)).weak("/tmp/own/nats") == ["/tmp/own/nats"]


def test_the_group_of_one_user_is_that_user() -> None:
    disk = Disk(__opt__nats=entry(FOLDER | 0o020, NATS, NATS))
    assert disk.weak("/opt/nats/current", private=True, trusted=(ROOT, NATS)) == []
    assert disk.weak("/opt/nats/current", private=False, trusted=(ROOT, NATS)) == ["/opt/nats"]
    assert disk.weak("/opt/nats/current", private=True) == ["/opt/nats"]


def test_a_weak_place_is_told_with_owner_and_mode() -> None:
    assert str(_trust.Weak("/opt", ROOT, 0o777)) == "/opt (owner root, mode 0777)"
    assert str(_trust.Weak("/opt/current", 54321, 0o777, link=True)) == "the link /opt/current (owner 54321)"
    assert _trust.Weak("/opt", ROOT, 0o1777).as_dict() == {"path": "/opt", "owner": "root", "mode": "1777", "link": False}


def test_the_group_of_root_is_its_own_and_that_of_nobody_known_is_none() -> None:
    assert _trust.is_private(0, 0)
    assert not _trust.is_private(0, 54321)
    assert not _trust.is_private(54321, 0)


def test_a_path_that_others_can_write_is_refused_with_what_to_do(tmp_path: Path) -> None:
    program = tmp_path / "nats-server"
    program.touch(mode=0o755)
    _trust.require(str(program), "root would run it")
    program.chmod(0o757)
    with pytest.raises(NatsError, match=rf"can change what {program} is, by {program} \(owner .*, mode 0757\), and x") as refused:
        _trust.require(str(program), "x")
    assert refused.value.details == {"refusal": "unsafe_path"}
    assert "chown root:root" in str(refused.value)
