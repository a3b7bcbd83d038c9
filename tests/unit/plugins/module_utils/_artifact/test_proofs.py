from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._artifact.proofs import NAME, Proofs
from tests.unit.releases import NEW, OLD, hash_of, install


@pytest.fixture
def proofs(tmp_path: Path) -> Proofs:
    return Proofs(str(tmp_path / "state"))


def noted(proofs: Proofs, binary: Path, version: str = NEW, archive: str = "A1") -> None:
    proofs.note(str(binary), version, hash_of(binary), archive)


def test_a_binary_is_the_one_that_was_noted_until_it_is_changed(proofs: Proofs, tmp_path: Path) -> None:
    binary = install(tmp_path / "nats-server", NEW)
    noted(proofs, binary)
    assert proofs.is_from(str(binary), NEW, "A1")
    assert (proofs.is_noted(str(binary), NEW), proofs.is_noted(str(binary), OLD)) == (True, False)
    assert proofs.doubt(str(binary)) == ""
    install(binary, OLD)
    assert (proofs.is_from(str(binary), NEW, "a1"), proofs.is_noted(str(binary), NEW)) == (False, False)
    assert proofs.doubt(str(binary)).startswith(f"its SHA-256 is {hash_of(binary)}, and was ")
    binary.unlink()
    assert proofs.doubt(str(binary)) == "it cannot be read (No such file or directory)"


def test_what_is_noted_of_other_binaries_stays_as_long_as_they_are_there(proofs: Proofs, tmp_path: Path) -> None:
    one, other = install(tmp_path / "one", OLD), install(tmp_path / "other", NEW)
    noted(proofs, one, OLD)
    noted(proofs, other)
    assert (proofs.doubt(str(one)), proofs.is_noted(str(one), OLD)) == ("", True)
    one.unlink()
    noted(proofs, other, archive="B2")
    assert list(json.loads((tmp_path / "state" / NAME).read_text(encoding="utf-8"))["binaries"]) == [str(other)]


def test_what_is_noted_already_is_not_written_again(proofs: Proofs, tmp_path: Path) -> None:
    binary = install(tmp_path / "nats-server", NEW)
    noted(proofs, binary)
    written = (tmp_path / "state" / NAME).stat().st_ino
    noted(proofs, binary)
    assert (tmp_path / "state" / NAME).stat().st_ino == written


def test_without_a_hash_a_binary_counts_where_nobody_else_can_have_put_it(proofs: Proofs, tmp_path: Path) -> None:
    """As one that an older release has staged, or kept, in a turn that broke off."""
    binary = install(tmp_path / "nats-server", NEW)
    assert (proofs.doubt(str(binary)), Proofs(None).doubt(str(binary))) == ("", "")
    assert not proofs.is_from(str(binary), NEW, "")
    binary.chmod(0o777)
    assert proofs.doubt(str(binary)).startswith(f"no hash of it is in {tmp_path}/state, and others can have put it there, by ")
    assert Proofs(None).doubt(str(binary)).startswith("no hash of it is in a state folder")


@pytest.mark.parametrize("fields", [{}, {"binaries": []}, {"binaries": {"PATH": 1}}, {"binaries": {"PATH": {"sha256": 1}}}])
def test_what_is_damaged_proves_nothing(proofs: Proofs, tmp_path: Path, fields: dict[str, Any]) -> None:
    binary = install(tmp_path / "nats-server", NEW)
    (tmp_path / "state").mkdir()
    text = json.dumps(fields).replace("PATH", str(binary))
    (tmp_path / "state" / NAME).write_text(text, encoding="utf-8")
    assert (proofs.is_noted(str(binary), NEW), proofs.is_from(str(binary), NEW, "")) == (False, False)
    noted(proofs, binary)
    assert proofs.is_noted(str(binary), NEW)


def test_without_a_folder_nothing_is_noted(tmp_path: Path) -> None:
    binary = install(tmp_path / "nats-server", NEW)
    noted(Proofs(None), binary)
    assert not Proofs(None).is_noted(str(binary), NEW)
    assert [path.name for path in tmp_path.iterdir()] == ["nats-server"]
