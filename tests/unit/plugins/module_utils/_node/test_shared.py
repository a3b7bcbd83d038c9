"""What servers of one machine may share, on real files and processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import binary as _binary
from ansible_collections.natsops.cluster.plugins.module_utils._artifact import layout as _layout
from ansible_collections.natsops.cluster.plugins.module_utils._artifact.proofs import Proofs
from ansible_collections.natsops.cluster.plugins.module_utils._node import facts as _facts
from ansible_collections.natsops.cluster.plugins.module_utils._node import shared as _shared
from ansible_collections.natsops.cluster.plugins.module_utils._node.keys import checked
from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock
from tests.unit.processes import Processes
from tests.unit.releases import NEW, OLD, hash_of, install, release


def test_a_place_is_the_same_by_every_path_that_leads_to_it_and_before_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    place = _shared.place_of(str(tmp_path / "a"))
    assert place
    assert place == _shared.place_of(str(tmp_path / "link"))
    assert place != _shared.place_of(str(tmp_path))
    missing = _shared.place_of(str(tmp_path / "a" / "x" / "y"))
    assert missing == _shared.place_of(str(tmp_path / "link" / "x" / "y")) == f"{place}/x/y"


def test_the_same_numbers_on_another_machine_are_another_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = _shared.place_of(str(tmp_path))
    (tmp_path / "boot_id").write_text("another\n", encoding="ascii")
    monkeypatch.setattr(_lock, "BOOT_ID", tmp_path / "boot_id")
    assert _shared.place_of(str(tmp_path)) not in ("", here)
    monkeypatch.setattr(_lock, "BOOT_ID", tmp_path / "none")
    assert _shared.place_of(str(tmp_path)) == ""


def test_the_switch_is_the_link_that_holds_the_version_by_whatever_path(tmp_path: Path) -> None:
    install(tmp_path / "opt" / OLD / "nats-server", OLD)
    (tmp_path / "opt" / "current").symlink_to(OLD)
    (tmp_path / "nats-server").symlink_to("opt/current/nats-server")
    one, other = (_shared.switch(str(tmp_path / path), OLD, None) for path in ("nats-server", "opt/current/nats-server"))
    assert one is not None
    assert one == other
    assert (one["path"], one["link"], one["managed"], one["names_version"]) == (str(tmp_path / "opt/current"), True, "", "")
    direct = _shared.switch(str(tmp_path / "opt" / OLD / "nats-server"), OLD, None)
    assert direct is not None
    assert (direct["link"], direct["names_version"], direct["place"] == one["place"]) == (False, OLD, False)


def test_a_link_of_update_alternatives_is_told_and_links_that_lead_nowhere_tell_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_layout, "ALTERNATIVES", str(tmp_path / "alternatives"))
    (tmp_path / "alternatives").mkdir()
    managed = tmp_path / "alternatives" / "nats-server"
    managed.symlink_to(install(tmp_path / "opt" / OLD / "nats-server", OLD))
    (tmp_path / "nats-server").symlink_to(managed)
    switch = _shared.switch(str(tmp_path / "nats-server"), OLD, None)
    assert switch is not None
    assert switch["managed"] == str(managed)
    (tmp_path / "circle").symlink_to("circle")
    assert _shared.switch(str(tmp_path / "circle"), OLD, None) is None


def others(path: Path, process: Any = None, version: str | None = None) -> list[int]:
    switch = _shared.switch(str(path), version, process)
    assert switch is not None
    return [one["pid"] for one in switch["others"]]


def test_other_servers_that_a_plain_file_starts_are_told_also_once_it_was_replaced(processes: Processes, tmp_path: Path) -> None:
    program = processes.program()
    first, second = processes.server(), processes.start(program, "60")
    assert (others(program, first), others(program, second), others(program)) == (
        [second.pid],
        [first.pid],
        sorted([first.pid, second.pid]),
    )
    os.link(program, tmp_path / "another-name")
    assert others(tmp_path / "another-name") == []
    (tmp_path / "new").write_bytes(b"new")
    os.replace(tmp_path / "new", program)
    assert others(program, first) == [second.pid]


def test_a_question_to_the_same_binary_is_no_server(processes: Processes) -> None:
    """The facts of each server, read at once, ask it for its version."""
    program = processes.program()
    shutil.copy(os.path.realpath(sys.executable), program)
    text = "import sys, time; sys.stdin.readline()"
    processes.start(program, "-c", text, "--version", stdin=subprocess.PIPE)
    server = processes.start(program, "-c", text, stdin=subprocess.PIPE)
    assert others(program) == [server.pid]


def test_behind_a_link_only_those_are_told_that_go_by_it(processes: Processes, tmp_path: Path) -> None:
    processes.program(f"{OLD}/nats-server")
    for name in ("current", "own"):
        (processes.folder / name).symlink_to(OLD)
    shared = [processes.start(processes.folder / "current" / "nats-server", "60") for _unused in range(2)]
    alone = processes.start(processes.folder / "own" / "nats-server", "60")
    assert others(processes.folder / "current" / "nats-server", shared[0], OLD) == [shared[1].pid]
    assert others(processes.folder / "own" / "nats-server", alone, OLD) == []


def test_the_facts_tell_what_is_shared_and_are_taken_by_the_controller(processes: Processes, tmp_path: Path) -> None:
    server, state = processes.server(), tmp_path / "state"
    other = processes.start(processes.program(), "60")
    facts = _facts.facts({"pid": server.pid, "state_dir": str(state), "switches": True})
    assert facts["state_place"] == _shared.place_of(str(state))
    assert facts["binary_switch"]["path"] == str(processes.program())
    assert facts["binary_switch"]["others"] == [{"pid": other.pid, "config_path": ""}]
    assert checked("n1", facts)["binary_switch"] == facts["binary_switch"]
    assert "binary_switch" not in _facts.facts({"pid": server.pid})


def stage(archive: Path, binary: str, state: Path) -> None:
    """As nats_binary does it for one of the servers, with a state folder of its own."""
    proofs = Proofs(str(state))
    _binary.stage(str(archive), hash_of(archive), binary, NEW, proofs)
    where = _binary.layout(binary.rpartition("-")[0], OLD, NEW)
    _binary.keep(where, OLD, proofs)


def test_several_servers_of_a_machine_are_made_ready_at_once_and_each_has_its_proofs(tmp_path: Path) -> None:
    archive, path = release(tmp_path), install(tmp_path / "sbin" / "nats-server", OLD)
    binary, states = f"{path}-{NEW}", [tmp_path / f"state{number}" for number in range(6)]
    for _again in range(3):
        with ProcessPoolExecutor(len(states), get_context("fork")) as pool:
            for done in [pool.submit(stage, archive, binary, state) for state in states]:
                done.result(60)
        assert {one.name for one in path.parent.iterdir()} == {"nats-server", f"nats-server-{NEW}", f"nats-server-{OLD}"}
        os.unlink(binary)
    for state in states:
        stage(archive, binary, state)
        proofs = Proofs(str(state))
        assert proofs.is_from(binary, NEW, hash_of(archive))
        assert proofs.is_noted(f"{path}-{OLD}", OLD)
    assert all(Proofs(str(state)).is_from(binary, NEW, hash_of(archive)) for state in states)
