from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import proved
from tests.lab.binaries import ROOT


def test_the_lab_has_changed_where_a_name_or_a_content_in_it_has(tmp_path: Path) -> None:
    (tmp_path / "lab" / "__pycache__").mkdir(parents=True)
    for name in ("lab/a.py", "lab/b.py", "one.py", "other.py"):
        (tmp_path / name).write_text("1", encoding="utf-8")

    def content() -> str:
        return proved.content(tmp_path, ("lab", "one.py"))

    first = content()
    (tmp_path / "lab" / "__pycache__" / "a.pyc").write_text("2", encoding="utf-8")
    (tmp_path / "lab" / proved.PROVED.name).write_text("2", encoding="utf-8")
    (tmp_path / "other.py").write_text("2", encoding="utf-8")
    (tmp_path / "lab" / "a.py").write_text("1", encoding="utf-8")
    assert content() == first
    (tmp_path / "one.py").write_text("2", encoding="utf-8")
    second = content()
    (tmp_path / "lab" / "b.py").rename(tmp_path / "lab" / "c.py")
    assert len({first, second, content()}) == 3


def test_the_tests_of_the_lab_run_until_they_have_passed_with_what_it_is_now(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(proved, "PROVED", tmp_path / "proved.txt")
    assert not proved.unchanged()
    proved.PROVED.write_text(f"{proved.content()}\n", encoding="ascii")
    assert proved.unchanged()
    proved.PROVED.write_text("0\n", encoding="ascii")
    assert not proved.unchanged()
    assert [name for name in (*proved.PARTS, *proved.TESTS) if not (ROOT / name).exists()] == []
