"""The inventories that the docs show are files, shown word for word, and each is the one that a test runs with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.natsops.cluster.plugins.module_utils._core import versions as _versions
from ansible_collections.natsops.cluster.plugins.module_utils._policy import judge as _judge
from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import tested as _tested
from tests.unit.modules import ROOT

INVENTORIES = sorted((ROOT / "docs" / "inventories").glob("*.yml"))
PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"nats_upgrade_version=(\S+)")
every_inventory = pytest.mark.parametrize("name", [path.name for path in INVENTORIES])


def test_there_are_inventories_and_pages() -> None:
    assert INVENTORIES
    assert PAGES


@every_inventory
def test_an_inventory_is_shown_word_for_word(name: str) -> None:
    text = (ROOT / "docs" / "inventories" / name).read_text(encoding="utf-8")
    shown = [block for page in PAGES for block in BLOCK.findall(page.read_text(encoding="utf-8"))]
    assert text in shown, f"no page of docs/ has docs/inventories/{name} in a yaml block"


@every_inventory
def test_an_inventory_is_used_by_a_test(name: str) -> None:
    users = [*(ROOT / "tests" / "integration").glob("*.py"), *(ROOT / "molecule").rglob("*.yml")]
    assert [path for path in users if name in path.read_text(encoding="utf-8")], f"no test uses docs/inventories/{name}"


@every_inventory
def test_an_inventory_tells_ansible_no_address(name: str) -> None:
    """The tests add addresses: n1 is to be read as a name that the reader replaces."""
    groups = yaml.safe_load((ROOT / "docs" / "inventories" / name).read_text(encoding="utf-8"))
    assert "nats" in groups
    assert "ansible_host:" not in (ROOT / "docs" / "inventories" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_links_to_files_that_are_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "docs/quick-start.md"])
def test_a_page_shows_the_versions_that_are_tested(page: str) -> None:
    cores = [f"| {core.minor} | {core.release} | {core.python} | {core.node_python} |" for core in _tested.CORES.values()]
    head = ["| ansible-core | tested release | on Python | oldest Python of a node |", "|---|---|---|---|"]
    assert "\n".join(["", *head, *reversed(cores), ""]) in (ROOT / page).read_text(encoding="utf-8")


def test_the_demo_ends_on_a_version_from_which_the_next_example_goes_on() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    before, after = (re.search(rf"^{name} \?= (.*)$", makefile, re.MULTILINE)[1] for name in ("FROM", "TO"))  # type: ignore[index]
    start = (ROOT / "docs" / "quick-start.md").read_text(encoding="utf-8")
    assert f"upgrades it from {before} to {after}\n" in start
    shown = {version for page in (start, (ROOT / "README.md").read_text(encoding="utf-8")) for version in EXAMPLE.findall(page)}
    assert len(shown) == 1
    (example,) = shown
    assert f"{example} is where servers of {after}, as the demo ends with, can go next" in start
    assert (way(before, after), way(after, example)) == ([], [])


def way(before: str, target: str) -> list[str]:
    """What stops or warns on the way from one version to another."""
    policy, to = _judge.load(), _versions.require_exact(target)
    found = [*_judge.judge_target(policy, to), *_judge.judge_way(policy, {"n1": before, "n2": before, "n3": before}, to)]
    return [finding.name for finding in found]


def test_the_execution_environment_has_a_version_that_is_tested_on_its_python() -> None:
    needed = yaml.safe_load((ROOT / "execution-environment.yml").read_text(encoding="utf-8"))["dependencies"]
    asked = (ROOT / "lock" / "execution-environment.in").read_text(encoding="utf-8")
    (release,), python = re.findall(r"^ansible-core==(\S+)$", asked, re.MULTILINE), needed["python_interpreter"]["package_system"]
    core = _tested.CORES[_tested.minor_of(release)]
    assert (core.release, f"python{core.python}") == (release, python)
    said = f"ansible-core {release} on Python {core.python}, for nodes with Python {core.node_python} or newer"
    assert said in " ".join((ROOT / "docs" / "awx.md").read_text(encoding="utf-8").split())
