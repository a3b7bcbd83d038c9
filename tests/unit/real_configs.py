"""What real servers make of a configuration, told without starting one.

From 2.11 on nats-server -t prints a digest of all keys and values that it has read, with their types: the SHA-256 of their JSON.
The block resolver takes any setting whatever it means, so that what is included there needs no sense.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._config import tree as _tree
from tests.lab.binaries import server_binary

MAIN, NEWLINE = "main.conf", b"\n"
# The first one with a digest of everything: 2.11 leaves variables out that are used.
_DIGEST_SINCE = (2, 12)
_DIGEST = re.compile(r"is valid \((sha256:[0-9a-f]{64})\)")
# More than the slowest machine takes for one.
_SECONDS = 60


@dataclass(frozen=True)
class Configuration:
    files: Mapping[str, str]
    environment: Mapping[str, str]

    @staticmethod
    def of(text: str, environment: Mapping[str, str] | None = None, **files: str) -> Configuration:
        return Configuration({MAIN: text, **{f"{name}.conf": content for name, content in files.items()}}, environment or {})

    def read(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What the collection makes of it, and why no server takes it, if so."""

        def content(path: str) -> str:
            if path not in self.files:
                raise FileNotFoundError(2, "No such file or directory", path)
            return self.files[path]

        try:
            return _tree.parsed(MAIN, content, self.environment)
        except FileNotFoundError as exc:
            return {}, (str(exc),)


@dataclass(frozen=True)
class Told:
    """What a server says: its own words, and the digest where it takes the configuration and has one."""

    accepts: bool
    digest: str
    said: str


def ask(version: str, configuration: Configuration, folder: Path) -> Told:
    for name, text in {**configuration.files, "outer.conf": _outer(folder)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    command = [str(server_binary(version)), "-t", "-c", str(folder / "outer.conf")]
    done = subprocess.run(
        command, cwd=folder, env=dict(configuration.environment), capture_output=True, timeout=_SECONDS, check=False
    )
    said = (done.stderr + done.stdout).decode("utf-8", "replace").strip()
    match = _DIGEST.search(said) if _number(version) >= _DIGEST_SINCE else None
    return Told(done.returncode == 0, match.group(1) if match else "", said)


def _outer(folder: Path) -> str:
    return f'resolver {{ type: full, dir: "{folder}/jwt"\ninclude {MAIN}\n}}\n'


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def digest(tree: Mapping[str, Any], folder: Path) -> str:
    """The digest of a server that has read this from the files in the folder."""
    whole = {"resolver": {"type": "full", "dir": f"{folder}/jwt", **_as_go(tree)}}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "&<>\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"sha256:{hashlib.sha256(text.encode() + NEWLINE).hexdigest()}"


def _as_go(value: Any) -> Any:
    """Go writes 1.0 as 1."""
    if isinstance(value, dict):
        return {key: _as_go(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_go(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
