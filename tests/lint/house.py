"""The wings of plugins/, and who imports whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
PACKAGE = "ansible_collections.natsops.cluster.plugins."
# Lowest first: a file imports of its own wing, and of those that stand before it. docs/architecture.md says what is in each.
ORDER = (
    "module_utils/_core",
    "module_utils/_config",
    "module_utils/_values",
    "module_utils/_judge",
    "module_utils/_policy",
    "module_utils/_plan",
    "module_utils/_plan/checks",
    "module_utils/_audit",
    "module_utils/_files",
    "module_utils/_host",
    "module_utils/_state",
    "module_utils/_read",
    "module_utils/_artifact",
    "module_utils/_container",
    "module_utils/_node",
    "module_utils/_wait",
    "plugin_utils/_ansible",
    "plugin_utils/_turn",
    "plugin_utils/_report",
    "plugin_utils/_page",
    "plugin_utils/_run",
    "plugin_utils/_screen",
    "plugin_utils/_read",
    "plugin_utils/_variables",
    "plugin_utils/_probe",
    "plugin_utils/_action",
)
# What decides is given values, and reads nothing.
PURE = (
    *(f"module_utils/{name}" for name in ("_core", "_config", "_values", "_judge", "_policy", "_plan", "_plan/checks", "_audit")),
    "plugin_utils/_turn",
)
FILES = sorted(path for top in ("module_utils", "plugin_utils") for path in (PLUGINS / top).rglob("*.py"))
WINGS = sorted({path.parent.relative_to(PLUGINS).as_posix() for path in FILES})


def name_of(path: Path) -> str:
    return path.relative_to(PLUGINS).as_posix()


def modules(path: Path) -> Iterator[str]:
    """Full names of all that a file imports, those within its functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows(path: Path) -> set[Path]:
    """Files of ours that a file imports."""
    found = set()
    for module in modules(path):
        if module.startswith(PACKAGE):
            parts = module[len(PACKAGE) :].split(".")
            found |= {PLUGINS.joinpath(*parts[:end]).with_suffix(".py") for end in range(2, len(parts) + 1)}
    return {one for one in found if one.exists()}
