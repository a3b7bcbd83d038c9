"""A run whose plays would have no hosts, for which Ansible itself says "skipping" and ends well: here every playbook fails."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.helpers import BIN, PLAYBOOK_SECONDS, run, said
from tests.lab.binaries import ROOT

PLAYBOOKS = ["audit", "awx/soak", "plan", "restart", "status", "upgrade"]
NOT_READ = {"nats_upgrade_monitor_url": "http://127.0.0.1:1", "ansible_connection": "local"}
HOSTS = {"web": {"hosts": {"w1": {}}}, "nats": {"hosts": {"n1": NOT_READ, "n2": NOT_READ}}}
EMPTY: dict[str, Any] = {"all": {"hosts": {}}}
NATZ = "refused: the inventory has no hosts in the group natz, so that nothing would be done."


@dataclass(frozen=True)
class Case:
    """A run that would do nothing, and what it says instead. No server is there, and none is asked."""

    id: str
    words: str
    options: tuple[str, ...] = ()
    group: str = ""
    inventory: dict[str, Any] = field(default_factory=lambda: HOSTS)
    codes: tuple[int, ...] = (2,)

    def fails(self, folder: Path, playbook: str, programs: Path = BIN) -> None:
        hosts = folder / "hosts.yml"
        hosts.write_text(yaml.safe_dump(self.inventory), encoding="utf-8")
        argv = [str(programs / "ansible-playbook"), "-i", str(hosts), str(ROOT / "playbooks" / f"{playbook}.yml"), *self.options]
        extra = {"nats_upgrade_version": "2.15.1", "nats_upgrade_report_dir": str(folder / "reports")}
        extra.update({"nats_upgrade_group": self.group} if self.group else {})
        # Where it counts still, until ansible-core 2.18, nothing that is undefined may pass for a name of a host.
        loose = {"ANSIBLE_ERROR_ON_UNDEFINED_VARS": "False"}
        done = run([*argv, "-e", json.dumps(extra)], env=loose, seconds=PLAYBOOK_SECONDS)
        assert (done.returncode in self.codes, self.words in said(done)) == (True, True), (self.id, done.stdout, done.stderr)
        assert "Nothing was touched." in said(done)
        assert not (folder / "reports").exists()


LIMITED = Case("limit-and-no-group", NATZ, ("--limit", "n1"), group="natz")
BESIDE = Case("limit", "refused: --limit w1 leaves out every host of the group nats (n1, n2)", ("--limit", "w1"))
NO_HOSTS = Case("no-hosts-and-limit", "refused: the inventory has no hosts at all.", ("--limit", "n1"), "", EMPTY, (1, 4))
# One for each way in which it is found out.
EACH_WAY = (LIMITED, BESIDE, NO_HOSTS)
CASES = [
    *EACH_WAY,
    Case(
        "no-group",
        f"{NATZ} Give the inventory that has them, or the name of their group as an extra variable: -e nats_upgrade_group=NAME. "
        "Its other groups are: nats, web. Nothing was touched.",
        group="natz",
    ),
    Case("empty-group", NATZ, group="natz", inventory={**HOSTS, "natz": {}}),
    # A play takes its hosts from what it knows, which is nothing of the inventory.
    Case(
        "group-in-the-inventory",
        "has no hosts in the group nats, so",
        inventory={"all": {"vars": {"nats_upgrade_group": "web"}}, "web": HOSTS["web"]},
    ),
    Case("no-hosts", "Its other groups are: none.", inventory=EMPTY),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_run_that_would_do_nothing_is_an_error(case: Case, tmp_path: Path) -> None:
    case.fails(tmp_path, "upgrade")


@pytest.mark.parametrize("playbook", [name for name in PLAYBOOKS if name != "upgrade"])
def test_so_it_is_in_every_playbook_whatever_the_limit(playbook: str, tmp_path: Path) -> None:
    LIMITED.fails(tmp_path, playbook)


def test_there_is_no_other_playbook() -> None:
    found = {path.relative_to(ROOT / "playbooks").with_suffix("").as_posix() for path in (ROOT / "playbooks").rglob("*.yml")}
    assert found - set(PLAYBOOKS) == {"_group", "_roll", "awx/setup", "awx/vars/main", "awx/vars/surveys"}
