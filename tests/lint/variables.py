"""Write the defaults and the argument specs of the roles from the table of variables: make variables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.natsops.cluster.plugins.plugin_utils._variables import roles as _roles
from ansible_collections.natsops.cluster.plugins.plugin_utils._variables import table as _table
from ansible_collections.natsops.cluster.plugins.plugin_utils._variables import texts as _texts
from ansible_collections.natsops.cluster.plugins.plugin_utils._variables.kinds import Kind, Mapped, Words
from tests.lint.house import ROOT

WIDTH = 140
# How far to the right the options of a role stand, and a word that is longer than the room that is left.
_DEEPEST = 24
MADE = "# Made by make variables, from plugins/plugin_utils/_variables."
# Keys and variables that Ansible must not show, and one that only its name makes suspicious.
HIDDEN = {"nats_upgrade_archive_password": True, "password": True, "token": True, "key": False}


@dataclass(frozen=True)
class Role:
    """All that the files of a role are made of."""

    name: str
    table: Mapping[str, _table.Variable]
    texts: Mapping[str, _texts.Paragraphs]
    entries: Mapping[str, _roles.Entry]
    worked_out: Mapping[str, str]
    heads: Mapping[str, str]
    intro: str

    def files(self) -> dict[Path, str]:
        folder = ROOT / "roles" / self.name
        return {folder / "defaults" / "main.yml": defaults(self), folder / "meta" / "argument_specs.yml": argument_specs(self)}


ROLES = (
    Role(
        "nats_upgrade",
        _table.UPGRADE,
        _texts.UPGRADE,
        _roles.UPGRADE,
        _roles.UPGRADE_WORKED_OUT,
        _roles.UPGRADE_HEADS,
        "Every variable that a user may set. meta/argument_specs.yml says more of each.",
    ),
    Role(
        "nats_audit",
        _table.AUDIT,
        _texts.AUDIT,
        _roles.AUDIT,
        _roles.AUDIT_WORKED_OUT,
        _roles.AUDIT_HEADS,
        "Every variable that a user may set; how the servers are read is said by those of nats_upgrade. meta/argument_specs.yml "
        "says more of each.",
    ),
)


class _Lists(yaml.SafeDumper):
    """As yamllint wants it: what is in a list stands further to the right than its name."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: _Lists, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text else '"')


_Lists.add_representer(str, _text)


def dumped(value: Any) -> str:
    return yaml.dump(value, Dumper=_Lists, sort_keys=False, allow_unicode=True, width=WIDTH - _DEEPEST)


def defaults(role: Role) -> str:
    """The text of defaults/main.yml."""
    lines = ["---", MADE, *_comment(role.intro)]
    for name, variable in role.table.items():
        if name in role.heads:
            lines += ["", *_comment(role.heads[name])]
        if variable.default is not _table.NONE:
            lines += _default(name, role.worked_out[name] if variable.default is _table.DERIVED else variable.default)
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH - 2)]


def _default(name: str, value: Any) -> list[str]:
    if isinstance(value, str) and "{{" in value:
        line = f'{name}: "{value}"'
        if len(line) <= WIDTH:
            return [line]
        return [
            f"{name}: >-",
            *(f"  {part}" for part in textwrap.wrap(value, WIDTH, break_long_words=False, break_on_hyphens=False)),
        ]
    return dumped({name: value}).rstrip().split("\n")


def argument_specs(role: Role) -> str:
    """The text of meta/argument_specs.yml. All entry points of a role have the same options."""
    parts = ["---", MADE, "argument_specs:"]
    for number, (name, entry) in enumerate(role.entries.items()):
        said = {
            "short_description": entry.short,
            "description": list(entry.said),
            "author": "The natsops maintainers (@natsops)",
            "version_added": "0.1.0",
        }
        parts += [*([""] if number else []), f"  {name}:", *_indented(dumped(said), 4)]
        parts += ["    options: *options"] if number else ["    options: &options", *_indented(dumped(dict(options(role))), 6)]
    return "\n".join(parts) + "\n"


def _indented(text: str, by: int) -> list[str]:
    return textwrap.indent(text.rstrip(), " " * by).split("\n")


def options(role: Role) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, variable in role.table.items():
        option = _option(role, name, variable.kind)
        if variable.default not in (_table.NONE, _table.DERIVED):
            option["default"] = variable.default
        yield name, {**option, **_hidden(name), **_keys(role, name, variable.kind)}


def _option(role: Role, name: str, kind: Kind) -> dict[str, Any]:
    said = role.texts[name]
    return {
        "description": said[0] if len(said) == 1 else list(said),
        "type": kind.type,
        **({"elements": "str"} if isinstance(kind, Words) else {}),
        **({"choices": list(kind.choices)} if kind.choices else {}),
    }


def _keys(role: Role, name: str, kind: Kind) -> dict[str, Any]:
    """The keys of a dictionary, where there is something to say of them."""
    if not isinstance(kind, Mapped):
        return {}
    inner = {key: one for key, one in kind.keys.items() if f"{name}.{key}" in role.texts}
    of_it = {
        key: {**_option(role, f"{name}.{key}", one), **_hidden(key), **_keys(role, f"{name}.{key}", one)}
        for key, one in inner.items()
    }
    return {"options": of_it} if of_it else {}


def _hidden(name: str) -> dict[str, bool]:
    return {"no_log": HIDDEN[name]} if name in HIDDEN else {}


def files() -> dict[Path, str]:
    return {path: text for role in ROLES for path, text in role.files().items()}


def main() -> None:
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
