"""The wings of the house: arrows only go down, what decides reaches no door, and nothing grows without a reason."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.lint import wings
from tests.lint.house import FILES, ORDER, PACKAGE, PLUGINS, PURE, ROOT, WINGS, arrows, modules, name_of

# But for what reads the rules that ship with the collection, and a user's, on the controller.
NOT_PURE = {"module_utils/_policy/file.py"}
OUTSIDE = ("socket", "subprocess", "urllib.request", "http", "shutil", "tempfile", "fcntl", "ctypes", "pathlib")
OPENS = {
    "open",
    "print",
    "input",
    "read_text",
    "read_bytes",
    "write_text",
    "readlink",
    "listdir",
    "scandir",
    "exists",
    "isfile",
    "isdir",
}
MOST_FILES, MOST_LINES = 12, 400
# Files that were longer when the rule was made. They may shrink.
LONGER = {
    "module_utils/_host/process.py": 435,
    "module_utils/_values/server.py": 419,
    "module_utils/_artifact/package.py": 410,
}


def test_every_wing_has_its_place_in_the_order() -> None:
    assert set(WINGS) == set(ORDER)


@pytest.mark.parametrize("wing", ORDER)
def test_arrows_only_go_down(wing: str) -> None:
    below = ORDER[: ORDER.index(wing) + 1]
    up = {
        f"{name_of(path)} -> {name_of(other)}"
        for path in (PLUGINS / wing).glob("*.py")
        for other in arrows(path)
        if name_of(other.parent) not in below and not is_plan_of_checks(path, other)
    }
    assert not up


def is_plan_of_checks(path: Path, other: Path) -> bool:
    """The planner asks the checks, which are given its situation: one wing with a room of its own."""
    return name_of(path.parent) == "module_utils/_plan" and name_of(other.parent) == "module_utils/_plan/checks"


def test_there_is_no_circle() -> None:
    graph = {path: arrows(path) for path in FILES}
    done: set[Path] = set()

    def walk(path: Path, way: tuple[Path, ...]) -> None:
        assert path not in way, " -> ".join(map(name_of, (*way[way.index(path) :], path)))
        if path not in done:
            for other in graph.get(path, ()):
                walk(other, (*way, path))
            done.add(path)

    for path in FILES:
        walk(path, ())


@pytest.mark.parametrize("path", [path for path in FILES if name_of(path.parent) in PURE], ids=name_of)
def test_what_decides_reaches_no_door(path: Path) -> None:
    if name_of(path) in NOT_PURE:
        assert opened(path), "it is pure now: take it out of NOT_PURE"
        return
    assert not {name_of(other.parent) for other in arrows(path)} - set(PURE)
    assert not [one for one in modules(path) if one.startswith(("ansible.", *(f"{name}." for name in OUTSIDE))) or one in OUTSIDE]
    assert not opened(path)


def opened(path: Path) -> set[str]:
    """Functions that a file calls which would read or write something outside of it."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    names = {func.id for func in calls if isinstance(func, ast.Name)} | {
        func.attr for func in calls if isinstance(func, ast.Attribute)
    }
    return names & OPENS


@pytest.mark.parametrize("wing", ORDER)
def test_a_wing_can_be_looked_over(wing: str) -> None:
    assert len(list((PLUGINS / wing).glob("*.py"))) <= MOST_FILES


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_is_too_long(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGER.get(name_of(path), MOST_LINES)


def test_what_is_allowed_to_be_long_is_still_long() -> None:
    assert [name for name in LONGER if len((PLUGINS / name).read_text(encoding="utf-8").splitlines()) <= MOST_LINES] == []


def test_nothing_imports_a_module() -> None:
    """What a module and its action share, as their options, is in module_utils."""
    found = {path: [one for one in modules(path) if one.startswith(f"{PACKAGE}modules.")] for path in PLUGINS.rglob("*.py")}
    assert {name_of(path): ones for path, ones in found.items() if ones} == {}


def test_ansible_makes_the_packages_and_we_do_not() -> None:
    # Sanity of ansible-core 2.17 wants none, or empty ones.
    assert not list(PLUGINS.rglob("__init__.py"))


def test_the_page_says_what_every_wing_is_for() -> None:
    _unused, _heading, node = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("### `module_utils`")
    node, _heading, controller = node.partition("### `plugin_utils`")
    told = {"module_utils": node, "plugin_utils": controller}
    assert [wing for wing in ORDER if f"| `{wing.partition('/')[2]}` |" not in told[wing.partition("/")[0]]] == []


def test_the_picture_is_of_this_house() -> None:
    assert wings.PICTURE.read_text(encoding="utf-8") == wings.drawn(), "make architecture draws it anew"
