"""What a user mistypes is refused in one message before anything else, in every playbook. No server is asked: none is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.helpers import BIN, PLAYBOOK_SECONDS, run, said
from tests.lab.binaries import ROOT
from tests.lab.playbook import PlaybookRun

PLAYBOOKS = ["audit", "plan", "restart", "status", "upgrade"]
# Of a refusal with all that Ansible says around it. The argument spec of ansible-core 2.19 had 1 570.
MOST_LINES = 70


def call(folder: Path, playbook: str | Path, *options: str, hosts: dict[str, Any] | None = None, **extra: Any) -> PlaybookRun:
    """Run a playbook on three hosts that nobody can reach, with these variables of single hosts."""
    own = {name: {"ansible_host": "192.0.2.1", "nats_upgrade_state_dir": str(folder / name)} for name in ("n1", "n2", "n3")}
    listed = {name: {**variables, **(hosts or {}).get(name, {})} for name, variables in own.items()}
    inventory = folder / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"nats": {"hosts": listed}}), encoding="utf-8")
    path = playbook if isinstance(playbook, Path) else ROOT / "playbooks" / f"{playbook}.yml"
    given = {"nats_upgrade_version": "2.15.1", "nats_upgrade_report_dir": str(folder / "reports"), **extra}
    argv = [str(BIN / "ansible-playbook"), "-i", str(inventory), str(path), "-e", json.dumps(given), *options]
    return run(argv, seconds=PLAYBOOK_SECONDS)


def refused(folder: Path, done: PlaybookRun) -> str:
    """All that was said, where the run failed once and left nothing."""
    assert done.returncode != 0, done.stdout
    assert sum(counts["failed"] for counts in done.recap.values()) in (0, 1)
    assert "Nothing was touched." in said(done)
    assert "Traceback" not in said(done)
    assert len((done.stdout + done.stderr).splitlines()) < MOST_LINES
    assert [path.name for path in folder.iterdir()] == ["hosts.yml"]
    return said(done)


def test_everything_that_is_wrong_is_told_at_once_in_the_words_of_the_user(tmp_path: Path) -> None:
    options = ["nats_upgrade_soak_seconds=-5", "nats_upgrade_health_timeout_seconds=5m", "nats_upgrade_hooks=/x.yml"]
    extra = [word for option in options for word in ("-e", option)]
    hosts = {
        "n2": {"nats_upgrade_monitor_url": "http://127.0.0.1:{{ monport }}"},
        "n3": {"nats_upgrade_soak_second": 60, "nats_upgrade_versoin": "2.15.1"},
    }
    message = refused(tmp_path, call(tmp_path, "upgrade", *extra, hosts=hosts))
    for line in (
        "refused: 6 variables are wrong. Nothing was touched.",
        "nats_upgrade_soak_seconds: '-5' is out of bounds; it has to be from 0 to 604800 seconds",
        "nats_upgrade_health_timeout_seconds: '5m' is not a number of seconds; in seconds: 300",
        "nats_upgrade_hooks is text, and has to be a dictionary: as an extra variable give it as JSON, "
        '-e \'{"nats_upgrade_hooks": {"before_node": "FILE"}}\'',
        "nats_upgrade_monitor_url of n2 needs a variable that is not set ('monport' is undefined)",
        "nats_upgrade_soak_second of n3: there is no such variable (did you mean nats_upgrade_soak_seconds?)",
        "nats_upgrade_versoin of n3: there is no such variable (did you mean nats_upgrade_version?)",
    ):
        assert line in message, line


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_so_it_is_in_every_playbook_whatever_the_limit(playbook: str, tmp_path: Path) -> None:
    hosts = {"n2": {"nats_upgrade_probe_from": "contrller"}}
    message = refused(tmp_path, call(tmp_path, playbook, "--limit", "n1", hosts=hosts))
    assert "refused: nats_upgrade_probe_from of n2: 'contrller' is none of controller, node (did you mean controller?)" in message


def test_so_it_is_before_an_audit_logs_in_to_the_nodes(tmp_path: Path) -> None:
    message = refused(tmp_path, call(tmp_path, "audit", nats_audit_disk=True, nats_audit_request_timeout_seconds="5s"))
    assert "refused: nats_audit_request_timeout_seconds: '5s' is not a number of seconds; in seconds: 5" in message


@pytest.mark.parametrize("playbook", [*PLAYBOOKS, "awx/soak"])
def test_tags_that_leave_out_everything_are_refused_in_every_playbook(playbook: str, tmp_path: Path) -> None:
    message = refused(tmp_path, call(tmp_path, playbook, "--tags", "stage"))
    assert "refused: --tags stage leaves out every step" in message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--skip-tags", "always"], "refused: --skip-tags always leaves out steps that every run needs"),
        (["--start-at-task", "Take this node"], "refused: --start-at-task leaves out the checks before 'Take this node'"),
        (["--step"], "refused: --step can leave out any step"),
    ],
)
def test_so_are_other_options_that_leave_out_a_part_of_a_roll(options: list[str], words: str, tmp_path: Path) -> None:
    message = refused(tmp_path, call(tmp_path, "upgrade", *options))
    assert words in message


def test_a_playbook_that_imports_ours_has_tags_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    mine = {
        "name": "Mine",
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.debug": {"msg": "was here"}}],
    }
    site = [{**mine, "tags": ["mine"]}, {"import_playbook": "natsops.cluster.upgrade", "tags": ["nats"]}]
    (folder / "site.yml").write_text(yaml.safe_dump(site), encoding="utf-8")
    done = call(tmp_path, folder / "site.yml", "--tags", "mine")
    assert (done.returncode, "was here" in done.stdout) == (0, True), done.stdout + done.stderr
    whole = call(tmp_path, folder / "site.yml", "--tags", "nats", nats_upgrade_max_lag="x")
    assert "was here" not in whole.stdout
    assert "refused: nats_upgrade_max_lag: 'x' is not a whole number" in said(whole)


def test_a_variable_that_only_looks_like_ours_is_one_warning(tmp_path: Path) -> None:
    done = call(tmp_path, "plan", nats_upgrade_our_mirror="m", nats_upgrade_max_lag="x")
    text = "nats_upgrade_our_mirror: there is no such variable of natsops.cluster, and it has no effect"
    assert said(done).count(text) == 1
