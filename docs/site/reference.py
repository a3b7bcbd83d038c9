"""A hook of MkDocs: one page per module and per role, made from their documentation, so that it is written once."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from antsibull_docs_parser import dom
from antsibull_docs_parser.html import to_html
from antsibull_docs_parser.parser import Context, parse
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "natsops.cluster"
FOLDER = "reference"


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the reference to those that are written by hand."""
    section = next(part["Reference"] for part in config.nav if "Reference" in part)
    for name, text in _pages():
        files.append(File.generated(config, f"{FOLDER}/{name}.md", content=text))
        section.append(f"{FOLDER}/{name}.md")
    return files


def _pages() -> Iterator[tuple[str, str]]:
    modules, callbacks, roles = _documented("module"), _documented("callback"), _documented("role")
    rows = [f"| [{name}]({_short(name)}.md) | {_text(one['doc']['short_description'])} |" for name, one in modules.items()]
    variables = ", ".join(f"[of the role {_short(name)}]({_short(name)}_role.md)" for name in roles)
    shown = ", ".join(f"[{name}]({_short(name)}_callback.md)" for name in callbacks)
    yield (
        "index",
        "\n".join(
            [
                "# Modules",
                "",
                f"Variables: {variables}.",
                "",
                f"Stdout callback: {shown}.",
                "",
                "| module | does |",
                "|---|---|",
                *rows,
            ]
        )
        + "\n",
    )
    for name, one in modules.items():
        yield _short(name), _module_page(name, one)
    for name, one in callbacks.items():
        yield f"{_short(name)}_callback", _module_page(name, one)
    for name, one in roles.items():
        yield f"{_short(name)}_role", _role_page(_short(name), one["entry_points"]["main"])


def _documented(kind: str) -> dict[str, Any]:
    """What ansible-doc says of every plugin of a kind, by name."""
    program = str(Path(sys.executable).with_name("ansible-doc"))
    env = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")}

    def ask(*arguments: str) -> dict[str, Any]:
        argv = [program, "--type", kind, "--json", *arguments]
        return dict(json.loads(subprocess.run(argv, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, timeout=120).stdout))

    return ask(*sorted(ask("--list", COLLECTION)))


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _module_page(name: str, one: Mapping[str, Any]) -> str:
    doc = one["doc"]
    parts = [f"# {_short(name)}", _text(doc["short_description"]) + ".", _paragraphs(doc["description"])]
    parts += ["## Options", _table(doc.get("options") or {})]
    if doc.get("attributes"):
        rows = [f"| `{key}` | {value['support']} | {_inline(value['description'])} |" for key, value in doc["attributes"].items()]
        parts += ["## Attributes", "\n".join(["| attribute | support | |", "|---|---|---|", *rows])]
    if doc.get("notes"):
        parts += ["## Notes", "\n".join(f"- {_inline(note)}" for note in doc["notes"])]
    if one.get("examples"):
        parts += ["## Examples", f"```yaml\n{one['examples'].strip()}\n```"]
    if one.get("return"):
        parts += ["## What it returns", _table(one["return"])]
    return "\n\n".join(parts) + "\n"


def _role_page(name: str, entry: Mapping[str, Any]) -> str:
    parts = [f"# The role {name}", _text(entry["short_description"]) + ".", _paragraphs(entry.get("description") or [])]
    return "\n\n".join([*parts, "## Variables", _table(entry["options"])]) + "\n"


def _table(options: Mapping[str, Any]) -> str:
    if not options:
        return "None."
    return "\n".join(["| name | type | meaning |", "|---|---|---|", *_rows(options)])


def _rows(options: Mapping[str, Any], inside: str = "") -> Iterator[str]:
    for name, one in options.items():
        full = f"{inside}{name}"
        yield f"| `{full}` | {_type(one, _bounds().get(full, ''))} | {_inline(one.get('description') or '')} |"
        for nested in ("options", "suboptions", "contains"):
            yield from _rows(one.get(nested) or {}, f"{full}.")


@cache
def _bounds() -> dict[str, str]:
    """The bounds of each variable of a role that has some, from the table that a run checks them by."""
    sys.path.insert(0, str(ROOT / "collections"))
    try:
        table = importlib.import_module("ansible_collections.natsops.cluster.plugins.plugin_utils._variables.table")
    finally:
        sys.path.remove(str(ROOT / "collections"))
    return {name: getattr(one.kind, "bounds", "") for name, one in table.ALL.items()}


def _type(one: Mapping[str, Any], bounds: str = "") -> str:
    kind = str(one.get("type", "str")) + (f" of {one['elements']}" if one.get("elements") else "")
    said = [kind, "**required**" if one.get("required") else ""]
    if one.get("default") not in (None, [], {}):
        said.append(f"default {_value(one['default'])}")
    if one.get("choices"):
        said.append("one of " + ", ".join(map(_value, one["choices"])))
    if bounds:
        said.append(bounds)
    if one.get("returned"):
        said.append(f"returned: {_text(one['returned'])}")
    return "<br>".join(filter(None, said))


def _value(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, (bool, list, dict)) else str(value)
    return f"<code>{escape(text)}</code>".replace("|", "&#124;")


def _paragraphs(text: Any) -> str:
    return "\n\n".join(map(_text, [text] if isinstance(text, str) else text))


def _inline(text: Any) -> str:
    """Several paragraphs, in one cell of a table."""
    return "<br>".join(map(_text, [text] if isinstance(text, str) else text))


def _text(text: str) -> str:
    """The markup of Ansible's documentation as HTML, safe in Markdown and in a table."""
    paragraphs = [[_unlinked(part) for part in paragraph] for paragraph in parse(str(text), Context())]
    shown = to_html(paragraphs, par_start="", par_end="")
    return " ".join(shown.split()).replace("|", "&#124;").replace("*", "&#42;").replace("`", "&#96;").replace("_", "&#95;")


def _unlinked(part: dom.AnyPart) -> dom.AnyPart:
    """Names of this collection without it, as everywhere else in these pages."""
    if isinstance(part, dom.ModulePart):
        return dom.CodePart(text=part.fqcn.removeprefix(f"{COLLECTION}."))
    return part
