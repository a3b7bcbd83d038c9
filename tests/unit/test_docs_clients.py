"""What docs/clients.md tells applications to do is what was measured."""

from __future__ import annotations

import re

from tests.unit.modules import ROOT

BLOCK = re.compile(r"^```js\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
SCRIPT = (ROOT / "tests" / "bench" / "standstill.mjs").read_text(encoding="utf-8")


def test_the_reader_that_the_page_recommends_is_the_one_that_was_measured() -> None:
    (reader,) = [block for block in BLOCK.findall(PAGE) if "async function* follow(" in block]
    assert reader in SCRIPT


def test_each_kind_of_nats_js_client_that_is_measured_has_its_figures_on_the_page() -> None:
    kinds = re.findall(r'^  "?([\w,=-]+)"?: \w+', SCRIPT.partition("const KINDS = {")[2].partition("};")[0], re.MULTILINE)
    assert kinds
    assert [kind for kind in kinds if f"| `{kind}` |" not in PAGE] == []
