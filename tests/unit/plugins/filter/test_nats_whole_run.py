"""A run is refused where options of Ansible would leave out a part of it. A user's own playbook may have tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import context
from ansible.errors import AnsibleFilterError
from ansible.utils.context_objects import CLIArgs

from ansible_collections.natsops.cluster.plugins.filter import nats_whole_run
from tests.unit.modules import ROOT

OURS = ["natsops.cluster.upgrade", str(ROOT / "playbooks" / "plan.yml"), str(ROOT / "playbooks" / "awx" / "soak.yml")]
LEFT_OUT = [
    pytest.param({"tags": ["stage"]}, "--tags stage leaves out every step", id="tags"),
    pytest.param({"tags": ["always"]}, "--tags always leaves out every step", id="always"),
    pytest.param({"tags": ["tagged"]}, "--tags tagged leaves out every step", id="tagged"),
    pytest.param({"tags": ["all"], "skip_tags": ["always"]}, "--skip-tags always leaves out steps", id="skip-always"),
    pytest.param({"tags": ["all"], "skip_tags": ["a", "untagged"]}, "--skip-tags a,untagged leaves out", id="skip-untagged"),
    pytest.param({"tags": ["all"], "skip_tags": ["all"]}, "--skip-tags all leaves out", id="skip-all"),
    pytest.param({"start_at_task": "Stage"}, "--start-at-task leaves out the checks before 'Stage'", id="start-at-task"),
    pytest.param({"step": True}, "--step can leave out any step", id="step"),
]
WHOLE = [{}, {"tags": ["all"]}, {"tags": ["untagged"]}, {"tags": ["all"], "skip_tags": ["slow"]}, {"tags": ("all", "x")}]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Any:
    def call(*playbooks: str, **options: Any) -> Any:
        monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": playbooks, **options}))
        return nats_whole_run.FilterModule().filters()["nats_whole_run"]("all:localhost")

    return call


@pytest.mark.parametrize("playbook", OURS)
@pytest.mark.parametrize(("options", "words"), LEFT_OUT)
def test_a_part_of_a_playbook_is_refused_with_the_option_and_what_to_do(
    playbook: str, options: dict[str, Any], words: str, called: Any
) -> None:
    with pytest.raises(AnsibleFilterError) as refused:
        called(playbook, **options)
    assert f"refused: {words}" in str(refused.value)
    assert "Run the playbook without it" in str(refused.value)
    assert str(refused.value).endswith("Nothing was touched.")


@pytest.mark.parametrize("options", WHOLE)
def test_a_run_that_leaves_nothing_out_goes_on(options: dict[str, Any], called: Any) -> None:
    assert called(OURS[0], **options) == "all:localhost"


@pytest.mark.parametrize(("options", "_words"), LEFT_OUT)
def test_tags_of_a_playbook_that_imports_ours_are_its_own(
    options: dict[str, Any], _words: str, tmp_path: Path, called: Any
) -> None:
    assert called(str(tmp_path / "site.yml"), **options) == "all:localhost"


def test_a_link_to_one_of_the_playbooks_is_that_playbook(tmp_path: Path, called: Any) -> None:
    (tmp_path / "site.yml").symlink_to(ROOT / "playbooks" / "upgrade.yml")
    with pytest.raises(AnsibleFilterError, match="refused: --tags x"):
        called(str(tmp_path / "site.yml"), tags=["x"])


def test_every_playbook_begins_with_the_play_that_asks() -> None:
    first = (ROOT / "playbooks" / "_group.yml").read_text(encoding="utf-8")
    assert "'all:localhost' | natsops.cluster.nats_whole_run" in first
    playbooks = [path for path in (ROOT / "playbooks").rglob("*.yml") if path.parent.name != "vars" and path.name[0] != "_"]
    begins = {
        path.name: str(yaml.safe_load(path.read_text(encoding="utf-8"))[0].get("ansible.builtin.import_playbook"))
        for path in playbooks
    }
    assert {name for name, imported in begins.items() if not imported.endswith("_group.yml")} == {"setup.yml"}


def test_no_task_has_tags_so_that_all_of_them_run_or_none() -> None:
    files = [*(ROOT / "roles").rglob("tasks/**/*.yml"), *(ROOT / "playbooks").glob("*.yml")]
    assert len(files) > 40
    assert [path for path in files if "tags:" in path.read_text(encoding="utf-8")] == []
