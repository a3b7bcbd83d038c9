"""The inventories that the docs show are files, shown word for word, and each is the one that a test runs with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.unit.modules import ROOT

INVENTORIES = sorted((ROOT / "docs" / "inventories").glob("*.yml"))
PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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
