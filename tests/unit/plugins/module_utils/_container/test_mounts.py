"""Which file on the host the next start of a container reads, and whether its server sees another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._container import mounts as _mounts

CONFIG = "/etc/nats/nats.conf"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The files as the server in the container sees them."""
    root = tmp_path / "root"
    (root / "etc" / "nats").mkdir(parents=True)
    (root / "etc" / "nats" / "nats.conf").write_text("old", encoding="utf-8")
    return root


def mounted(source: Path | str, destination: str) -> dict[str, str]:
    return {"source": str(source), "destination": destination}


def test_a_file_is_read_where_the_innermost_mount_has_it_and_else_in_the_container(root: Path, tmp_path: Path) -> None:
    for name in ("outer/nats/nats.conf", "inner/nats.conf", "inner/more/a.conf", "one.conf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    located = _mounts.at_start(str(root), [mounted(tmp_path / "outer", "/etc"), mounted(tmp_path / "inner", "/etc/nats")])
    assert located(CONFIG) == str(tmp_path / "inner" / "nats.conf")
    assert located("/etc/nats/x/../more/a.conf") == str(tmp_path / "inner" / "more" / "a.conf")
    assert located("/etc/nats/none.conf") == f"{root}/etc/nats/none.conf"
    assert located("/etc/natsx/nats.conf") == f"{root}/etc/natsx/nats.conf"
    assert located("/opt/nats.conf") == f"{root}/opt/nats.conf"
    assert _mounts.at_start(str(root), [mounted(tmp_path / "one.conf", CONFIG)])(CONFIG) == str(tmp_path / "one.conf")
    assert _mounts.at_start(str(root), [mounted(tmp_path / "inner", "/")])("/nats.conf") == f"{tmp_path}/inner/nats.conf"
    assert _mounts.at_start(str(root), [mounted("", "/etc/nats")])(CONFIG) == f"{root}{CONFIG}"


def test_a_link_out_of_its_mount_leads_to_another_place_in_the_container(root: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "elsewhere.conf").touch()
    (tmp_path / "folder" / "nats.conf").symlink_to(tmp_path / "elsewhere.conf")
    assert _mounts.at_start(str(root), [mounted(tmp_path / "folder", "/etc/nats")])(CONFIG) == f"{root}{CONFIG}"
    # Of a mount of the link itself the engine takes what it leads to.
    file = tmp_path / "folder" / "nats.conf"
    assert _mounts.at_start(str(root), [mounted(file, CONFIG)])(CONFIG) == str(file)


@pytest.mark.parametrize(("text", "replaced"), [("old", False), ("new", True)])
def test_a_file_is_replaced_where_something_else_stands_in_it(root: Path, tmp_path: Path, text: str, replaced: bool) -> None:
    (tmp_path / "nats.conf").write_text(text, encoding="utf-8")
    located = _mounts.at_start(str(root), [mounted(tmp_path / "nats.conf", CONFIG)])
    assert _mounts.replaced(str(root), located, [CONFIG, "/none.conf"]) == replaced
    # What the server sees may not be read without become: nothing is known then.
    assert not _mounts.replaced(str(tmp_path / "none"), located, [CONFIG])
