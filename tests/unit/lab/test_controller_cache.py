from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from tests.lab import bytecode

MADE = "ansible.modules.ping-"


def test_a_run_finds_what_the_one_before_it_has_made(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(bytecode.SITE), bytecode.VARIABLE: str(tmp_path)}
    ping = [str(Path(sys.executable).with_name("ansible")), "localhost", "-m", "ping"]
    made = []
    for _unused in range(2):
        done = subprocess.run(ping, env=env, capture_output=True, text=True, check=False)
        assert "pong" in done.stdout, done.stdout + done.stderr
        made.append({path.name: path.stat().st_ino for path in tmp_path.glob("zips-*/*")})
    assert [name for name in made[0] if name.startswith(MADE)]
    # What is made anew gets its name anew.
    assert made[0] == made[1]


def test_what_modules_are_made_of_tells_them_apart(tmp_path: Path) -> None:
    cache = _controller_cache()
    source = tmp_path / "module_utils" / "_x.py"
    source.parent.mkdir()
    keys = set()
    for text, version in (("1", "2.19.1"), ("2", "2.19.1"), ("2", "2.19.2")):
        source.write_text(text, encoding="utf-8")
        keys.add(cache._key(tmp_path, version))
    assert len(keys) == 3
    assert cache._key(tmp_path, "2.19.2") in keys


def test_bytecode_of_a_collection_is_asked_for_once_more_where_its_source_is_another() -> None:
    compiled: list[str] = []
    finder = ModuleType("finder")

    def kept(source: bytes, name: str, make: object) -> str:
        compiled.append(f"{name} {source.decode()}")
        return "code"

    _controller_cache().keep_bytecode(kept)(finder)
    assert finder.compile(source="x = 1", filename="a.py", mode="exec", flags=0, dont_inherit=True) == "code"
    assert eval(finder.compile("1 + 1", "a.py", "eval")) == 2
    assert compiled == ["a.py x = 1"]


def _controller_cache() -> ModuleType:
    spec = importlib.util.spec_from_file_location("controller_cache", bytecode.SITE / "controller_cache.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
