"""Journals, locks and what else a roll keeps on a node, as a disk, an editor or another program may have left them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ansible_collections.natsops.cluster.plugins.action import nats_lock
from ansible_collections.natsops.cluster.plugins.module_utils._artifact import package as _package
from ansible_collections.natsops.cluster.plugins.module_utils._container import docker as _docker
from ansible_collections.natsops.cluster.plugins.module_utils._judge import baseline as _baseline
from ansible_collections.natsops.cluster.plugins.module_utils._state import files as _files
from ansible_collections.natsops.cluster.plugins.module_utils._state import journal as _journal
from ansible_collections.natsops.cluster.plugins.module_utils._state import lock as _lock
from ansible_collections.natsops.cluster.plugins.module_utils._state.files import Content
from ansible_collections.natsops.cluster.plugins.module_utils._state.lock import Moment
from ansible_collections.natsops.cluster.plugins.module_utils._wait import baseline_file as _baseline_file
from tests.fuzz.harness import SCRATCH, assert_nothing_is_obeyed, fuzz
from tests.fuzz.inputs import changed, changed_bytes
from tests.fuzz.test_answers import BEFORE, WELL, judge_all
from tests.unit.situations import NOON, TARGET
from tests.unit.state import ADA

NOTED = {
    "pid": 7,
    "start_ticks": 8,
    "argv": ["nats-server"],
    "binary_path": "/usr/sbin/nats-server",
    "config_path": "/etc/nats.conf",
    "cwd": "/",
    "expectation": {"server_name": "n2", "started_after": "2026-11-21T09:56:51Z", "peers": ["n1"], "raft_groups": ["_meta_"]},
    "mode": "upgrade",
    "cluster": "lab",
    "waive": ["r1_assets"],
    "assets": ["APP > ORDERS"],
}
JOURNAL = _journal.said(_journal.began("r1", TARGET, "2.15.1", NOTED, NOON), "switching", {}, "r2", NOON)
NOW = Moment(NOON, 5000.0, "boot-1")
LOCK = _lock.fresh("r1", ADA, "2.15.1", 120.0, NOW)


def files(record: Any) -> st.SearchStrategy[bytes]:
    """The file with such a record, damaged as a record or as a file."""
    text = json.dumps(record, indent=2).encode()
    return st.one_of(changed(record, most=4).map(lambda one: json.dumps(one).encode()), changed_bytes(text))


@fuzz(files(JOURNAL), examples=500)
def test_whatever_lies_there_as_a_journal_is_taken_up_or_told(data: bytes) -> None:
    (SCRATCH / _journal.NAME).write_bytes(data)
    told = _journal.as_dict(_journal.look(str(SCRATCH)))
    judge_all(WELL, {"n2": {"running": True, "journal": told}})
    content = _journal.look(str(SCRATCH))
    if content.fields is not None:
        assert _journal.checked(Content(_journal.said(content.fields, "done", {}, "r3", NOON))).fields


@fuzz(files(LOCK), examples=400)
def test_whatever_lies_there_as_a_lock_is_had_or_told(data: bytes) -> None:
    (SCRATCH / _lock.NAME).write_bytes(data)
    for moment in (NOW, Moment(NOON + 30, 20.0, "boot-2")):
        judged = _lock.judge(_files.read(str(SCRATCH), _lock.NAME), moment, "r2")
        told = judged.as_dict() or {}
        assert_nothing_is_obeyed(told.get("said", ""), str(_lock.refused(judged, "lock.json")) if judged.state == "held" else "")
        if judged.lock is not None:
            nats_lock.is_dead(judged.lock["controller"], ADA)
            _lock.renewed(judged.lock, 120.0, moment)


@fuzz(files({"container": "nats", "id": "0123456789ab", "restart": "on-failure:3"}), examples=100)
def test_whatever_lies_there_as_a_restart_policy_is_one_or_told(data: bytes) -> None:
    (SCRATCH / _docker.HOLD).write_bytes(data)
    held = _docker.held(str(SCRATCH), "nats")
    assert held is None or " " not in held["restart"]


MANIFEST = {"name": "nats-server", "version": "2.15.1", "package_version": "2.15.1-1", "files": ["a.deb"], "units": ["x.service"]}


@fuzz(files({**MANIFEST, "sha256": "0" * 64, "binary": "root/nats-server"}), examples=100)
def test_whatever_lies_there_as_a_manifest_names_files_beside_it(data: bytes) -> None:
    (SCRATCH / _package._MANIFEST).write_bytes(data)
    for path in _package._files(str(SCRATCH), _package._manifest(str(SCRATCH))):
        assert Path(path).parent == SCRATCH


@fuzz(files(BEFORE), examples=150)
def test_whatever_was_kept_of_a_cluster_is_compared_or_told(data: bytes) -> None:
    path = SCRATCH / "before-n1.json"
    path.write_bytes(data)
    before, after = _baseline_file.read(str(path)), _baseline.take(WELL, "n1")
    if before is not None:
        assert_nothing_is_obeyed(
            _baseline.damage(before, after), _baseline.clients_lost(before, after), _baseline.leafs_lost(before, after)
        )
