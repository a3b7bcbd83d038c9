"""Which link or file is switched, and where versions lie beside it: on real files and links."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import binary as _binary
from ansible_collections.natsops.cluster.plugins.module_utils._artifact import layout as _layout
from ansible_collections.natsops.cluster.plugins.module_utils._artifact.proofs import Proofs
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from tests.unit.releases import NEW, OLD, hash_of, install, release

NOWHERE = Proofs(None)
THIRD = "2.14.9"
RELEASE = "nats-server-v{}-linux-amd64"


def link(path: Path, target: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(str(target))
    return path


def behind_another(root: Path) -> Path:
    """As an operator lays it out: the path that everybody knows leads to what is current, and that to the version."""
    install(root / "opt/nats" / RELEASE.format(OLD) / "nats-server", OLD)
    link(root / "opt/nats/current", RELEASE.format(OLD))
    return link(root / "usr/local/bin/nats-server", root / "opt/nats/current/nats-server")


def relative(root: Path) -> Path:
    install(root / "opt/nats" / OLD / "bin/nats-server", OLD)
    link(root / "opt/nats/current", OLD)
    return link(root / "usr/bin/nats-server", "../../opt/nats/current/bin/nats-server")


def through_a_folder(root: Path) -> Path:
    """The folder with the link is itself behind a link that has no version in it."""
    install(root / "data/nats" / OLD / "nats-server", OLD)
    link(root / "data/nats/current", OLD)
    link(root / "opt/nats", "../data/nats")
    return root / "opt/nats/current/nats-server"


def twice_in_one_target(root: Path) -> Path:
    install(root / "opt/nats" / OLD / RELEASE.format(OLD) / "nats-server", OLD)
    return link(root / "usr/bin/nats-server", root / "opt/nats" / OLD / RELEASE.format(OLD) / "nats-server")


def three_links(root: Path) -> Path:
    install(root / "srv" / OLD / "nats-server", OLD)
    link(root / "opt/current", f"../srv/{OLD}")
    link(root / "usr/local/bin/nats-server", root / "opt/current/nats-server")
    return link(root / "usr/bin/nats-server", "../local/bin/nats-server")


def after_a_dot(root: Path) -> Path:
    install(root / "opt" / f"nats-server.{OLD}", OLD)
    return link(root / "nats-server", f"opt/nats-server.{OLD}")


def without_a_version(root: Path) -> Path:
    """The last of the links that lead to the file: the others may be somebody else's way to it."""
    install(root / "opt/nats-server", OLD)
    link(root / "usr/local/bin/nats-server", root / "opt/nats-server")
    return link(root / "usr/bin/nats-server", "../local/bin/nats-server")


ORDERS = {
    "behind-another": (behind_another, "opt/nats/current", f"opt/nats/{RELEASE.format(NEW)}/nats-server"),
    "relative": (relative, "opt/nats/current", f"opt/nats/{NEW}/bin/nats-server"),
    "through-a-folder": (through_a_folder, "data/nats/current", f"data/nats/{NEW}/nats-server"),
    "twice": (twice_in_one_target, "usr/bin/nats-server", f"opt/nats/{NEW}/{RELEASE.format(NEW)}/nats-server"),
    "three-links": (three_links, "opt/current", f"srv/{NEW}/nats-server"),
    "after-a-dot": (after_a_dot, "nats-server", f"opt/nats-server.{NEW}"),
    "without-a-version": (without_a_version, "usr/local/bin/nats-server", f"opt/nats-server-{NEW}"),
}
every_order = pytest.mark.parametrize("order", ORDERS)


def links_of(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): os.readlink(path) for path in root.rglob("*") if path.is_symlink()}


def stage(root: Path, where: _binary.Layout, version: str = NEW) -> None:
    archive = release(root, version)
    _binary.stage(str(archive), hash_of(archive), where.binary(version), version, NOWHERE)


@every_order
def test_the_link_that_holds_the_version_is_switched_and_put_back_and_no_other(tmp_path: Path, order: str) -> None:
    make, switched, new = ORDERS[order]
    started_by = str(make(tmp_path))
    before = links_of(tmp_path)
    where = _binary.layout(started_by, OLD, NEW)
    assert (where.switch, where.binary(NEW)) == (str(tmp_path / switched), str(tmp_path / new))
    stage(tmp_path, where)
    assert _binary.version_of(started_by) == OLD
    _binary.keep(where, OLD, NOWHERE)
    _binary.activate(where, NEW)
    assert _binary.version_of(started_by) == NEW
    assert {name for name, target in links_of(tmp_path).items() if before.get(name) != target} == {switched}

    back = _binary.layout(started_by, NEW, OLD)
    _binary.keep(back, NEW, NOWHERE)
    _binary.activate(back, OLD)
    assert _binary.version_of(started_by) == OLD
    assert _binary.version_of(str(tmp_path / new)) == NEW
    if order != "without-a-version":  # that one has become a versioned file
        assert links_of(tmp_path) == before


@every_order
def test_a_run_that_comes_after_the_switch_finds_the_same_places(tmp_path: Path, order: str) -> None:
    started_by = str(ORDERS[order][0](tmp_path))
    where = _binary.layout(started_by, OLD, NEW)
    stage(tmp_path, where)
    _binary.keep(where, OLD, NOWHERE)
    _binary.activate(where, NEW)
    for running, version in ((OLD, NEW), (NEW, OLD)):
        again = _binary.layout(started_by, running, version)
        assert (again.switch, again.binary(OLD), again.binary(NEW)) == (where.switch, where.binary(OLD), where.binary(NEW))
    assert _binary.is_active(_binary.layout(started_by, OLD, NEW), NEW)


@pytest.mark.parametrize(
    ("versions", "text", "found"),
    [
        pytest.param([OLD], f"/opt/1{OLD}/x", [], id="end-of-a-longer-number"),
        pytest.param([OLD], f"/opt/{OLD}0/x", [], id="beginning-of-a-longer-number"),
        pytest.param([OLD], f"/opt/1.{OLD}/x", [], id="end-of-more-numbers"),
        pytest.param([OLD], f"/opt/{OLD}.1/x", [], id="beginning-of-more-numbers"),
        pytest.param([OLD], f"/opt/v{OLD}-1.el9.x86_64/x", [OLD], id="with-a-revision"),
        pytest.param([OLD], f"/opt/nats.{OLD}/{OLD}.d", [OLD, OLD], id="between-dots"),
        pytest.param([OLD, f"{OLD}-RC.1"], f"/opt/{OLD}-RC.1/x", [f"{OLD}-RC.1"], id="a-release-candidate"),
        pytest.param(["", OLD], "/opt/x", [], id="a-version-that-is-not-known"),
        pytest.param([""], "/opt/x", [], id="none-known"),
    ],
)
def test_a_version_is_found_as_a_number_of_its_own(versions: list[str], text: str, found: list[str]) -> None:
    assert _layout.versions_in(versions).findall(text) == found


def test_where_another_version_lies_than_runs_its_link_is_switched_and_it_is_not_kept_as_the_one_that_runs(
    tmp_path: Path,
) -> None:
    """Somebody has switched the link and not restarted the server."""
    install(tmp_path / "opt" / THIRD / "nats-server", THIRD)
    link(tmp_path / "opt/current", THIRD)
    started_by = str(tmp_path / "opt/current/nats-server")
    where = _binary.layout(started_by, OLD, NEW)
    assert (where.switch, where.target(NEW)) == (str(tmp_path / "opt/current"), NEW)
    stage(tmp_path, where)
    _binary.keep(where, OLD, NOWHERE)
    _binary.activate(where, NEW)
    assert _binary.version_of(started_by) == NEW
    assert not Path(where.binary(OLD)).exists()
    assert _binary.version_of(str(tmp_path / "opt" / THIRD / "nats-server")) == THIRD
    assert _binary.layout(started_by, OLD, NEW).binary(NEW) == where.binary(NEW)


def test_a_plain_file_of_another_version_is_not_kept_under_the_name_of_the_one_that_runs(tmp_path: Path) -> None:
    where = _binary.layout(str(install(tmp_path / "nats-server", THIRD)), OLD, NEW)
    _binary.keep(where, OLD, NOWHERE)
    assert not Path(where.binary(OLD)).exists()


def test_links_that_lead_in_a_circle_are_an_error_with_the_path(tmp_path: Path) -> None:
    link(tmp_path / "one", "two")
    link(tmp_path / "two", "one")
    with pytest.raises(NatsError, match=rf"^the links on the way to {tmp_path}/one lead in a circle, by {tmp_path}/"):
        _binary.layout(str(tmp_path / "one"), OLD, NEW)


def test_a_link_of_another_user_is_refused_wherever_on_the_way_it_is(tmp_path: Path) -> None:
    started_by = behind_another(tmp_path)
    if os.geteuid() != 0:
        pytest.skip("needs root to give a link away")
    os.chown(tmp_path / "opt/nats/current", 12345, 12345, follow_symlinks=False)
    with pytest.raises(NatsError, match=r"refused: unsafe_path: current on the way to .* is a link of user 12345"):
        _binary.layout(str(started_by), OLD, NEW)


class Alternatives:
    """update-alternatives, with its links and what it knows in a folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.path = root, root / "etc/alternatives", root / "usr/bin/nats-server"
        for folder in (self.folder, root / "admin", self.path.parent):
            folder.mkdir(parents=True)

    def install(self, target: Path) -> None:
        self.run("--install", str(self.path), "nats-server", str(target), "50")

    def run(self, *arguments: str) -> None:
        places = ("--altdir", str(self.folder), "--admindir", str(self.root / "admin"), "--log", "/dev/null")
        subprocess.run(["update-alternatives", "--quiet", *places, *arguments], check=True, timeout=30)


@pytest.fixture
def alternatives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Alternatives:
    if not shutil.which("update-alternatives"):
        pytest.skip("needs update-alternatives")
    made = Alternatives(tmp_path)
    monkeypatch.setattr(_layout, "ALTERNATIVES", str(made.folder))
    return made


def test_a_link_that_update_alternatives_writes_is_refused_with_what_to_do(alternatives: Alternatives, tmp_path: Path) -> None:
    alternatives.install(install(tmp_path / "opt" / OLD / "nats-server", OLD))
    with pytest.raises(NatsError) as refused:
        _binary.layout(str(alternatives.path), OLD, NEW)
    assert refused.value.details == {"refusal": "managed_link"}
    said = str(refused.value)
    assert said.startswith(f"refused: managed_link: {alternatives.path} leads to nats-server {OLD} by {alternatives.folder}/")
    assert "Make a link of your own" in said
    assert "nats_upgrade_binary_path" in said


def test_a_link_of_ones_own_behind_update_alternatives_is_switched_and_its_next_run_changes_nothing(
    alternatives: Alternatives, tmp_path: Path
) -> None:
    install(tmp_path / "opt" / OLD / "nats-server", OLD)
    link(tmp_path / "opt/current", OLD)
    alternatives.install(tmp_path / "opt/current/nats-server")
    where = _binary.layout(str(alternatives.path), OLD, NEW)
    assert where.switch == str(tmp_path / "opt/current")
    stage(tmp_path, where)
    _binary.activate(where, NEW)
    alternatives.run("--auto", "nats-server")
    assert _binary.version_of(str(alternatives.path)) == NEW


def test_behind_update_alternatives_a_plain_file_is_switched_where_it_lies(alternatives: Alternatives, tmp_path: Path) -> None:
    file = install(tmp_path / "opt/nats/nats-server", OLD)
    alternatives.install(file)
    before = links_of(tmp_path)
    where = _binary.layout(str(alternatives.path), OLD, NEW)
    assert (where.switch, where.link) == (str(file), False)
    stage(tmp_path, where)
    _binary.keep(where, OLD, NOWHERE)
    _binary.activate(where, NEW)
    assert links_of(tmp_path) == before
    assert _binary.version_of(str(alternatives.path)) == NEW
    install(Path(where.binary("2.12.8")), "2.12.8")
    assert _binary.prune(where, 2, [NEW, OLD]) == [f"{file}-2.12.8"]
    alternatives.run("--auto", "nats-server")
    assert _binary.version_of(str(alternatives.path)) == NEW
