# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the next start of this node's server would make of it: by its file as it is now, its arguments and its environment.

Nothing is told of what cannot be read or followed: it is there to be compared with what runs, and a guess would stop a roll.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import stat
from typing import Any, Callable, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._config import runs_as as _runs_as
from ansible_collections.natsops.cluster.plugins.module_utils._config import sealed as _sealed
from ansible_collections.natsops.cluster.plugins.module_utils._config import tree as _tree
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._files import config as _config
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process

# Of a store: how many streams tell how it is encrypted, and the largest file that can be a key.
_MOST_STREAMS, _LARGEST_KEY = 200, 4096
# A key of these letters is the same for the server, however it was written. Of any other only the right one says something.
_PLAIN = re.compile(r"[A-Za-z0-9_+/=.~-]+\Z")
_TEMPORARY = "/tmp"  # noqa: S108 - the server's own default


class Environment(dict):  # type: ignore[type-arg]
    """Variables for the server. One that is not among them may be there all the same: its value is not known."""

    def __missing__(self, name: str) -> str:
        return _runs_as.UNKNOWN

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]


def facts(
    *,
    argv: Sequence[str],
    unit: Mapping[str, str],
    unit_words: Sequence[str],
    environment: Mapping[str, str],
    cwd: str | None,
    store_dir: str,
    root: str,
    located: Callable[[str], str],
    read: Callable[[str], str],
) -> dict[str, Any] | None:
    """The next start, as a fact of the node; None where it cannot be known.

    C(argv), C(environment) and C(cwd) are those of the process; C(unit_words) what its unit starts, where it has one.
    C(store_dir) is the store that it says it has. C(root) and C(located) say where files of a container lie.
    """
    words = _words(argv, unit_words)
    if not words:
        return None
    known = {**environment, **_of_unit(unit)}
    named = _runs_as.flags(words).get("config")
    path = _absolute(named, cwd) if named else ""
    try:
        tree = _tree.read(path, read, Environment(known)) if path else {}
    except (NatsError, OSError):
        return None
    # Where the environment may not be read, there may be another folder in it.
    found = _runs_as.of(tree, words, (known.get("TMPDIR") or _TEMPORARY) if environment else "")
    following = found["store_dir"]
    if following is not None:
        found["store_dir"] = following = _absolute(following, cwd)
    current = _absolute(store_dir, cwd) if store_dir else ""
    return {
        **found,
        "config_path": path,
        "same_store": _is_same(root + current, located(following), root) if current and following else None,
        "encryption": _encryption(root + current, tree) if current else None,
    }


def require_unchanged(before: Mapping[str, Any], now: Mapping[str, Any], waive: Sequence[str]) -> None:
    """Raise NatsError where the next start would make another server than the one that the plan was made by."""
    found = _runs_as.changed(before, now, final_only="pending_identity" in waive)
    if found:
        raise NatsError(
            f"its configuration ({now.get('config_path') or 'arguments and environment'}) was changed since the plan was made: "
            f"{'; '.join(found)}. The next start would make another server of it, which could lose its streams or the cluster. "
            "Nothing was signalled. Put it back, and run again: the plan says whether it can be gone on with",
            refusal="pending_identity",
        )


def _absolute(path: str, cwd: str | None) -> str:
    return path if os.path.isabs(path) else os.path.normpath(os.path.join(cwd or "/", path))


def _words(argv: Sequence[str], unit_words: Sequence[str]) -> Sequence[str]:
    """What the next start runs: what its unit says by now, where that is the server itself and can be read as it stands there."""
    own = list(unit_words)
    # systemd writes words without quotes, and variables as they are.
    plain = own and _process.is_server_name(own[0]) and not any(sign in word for word in own for sign in "$%\\'\"")
    return own if plain and " ".join(own[1:]) != " ".join(argv[1:]) else argv


def _of_unit(unit: Mapping[str, str]) -> dict[str, str]:
    """The variables that a unit gives its server by now; what cannot be followed is marked as not known."""
    if not unit:
        return {}
    try:
        said = _process.done(["systemctl", "show", unit["Id"], "--property", "Environment,EnvironmentFiles"]).stdout
    except NatsError:
        return {}
    lines = [line.partition("=") for line in said.splitlines()]
    found = {name: value for key, _unused, text in lines if key == "Environment" for name, value in _assignments(text).items()}
    # What is in files beats what is in the unit itself.
    for key, _unused, text in lines:
        if key == "EnvironmentFiles":
            found.update(_in_file(text.rpartition(" (")[0]))
    return found


def _assignments(text: str) -> dict[str, str]:
    try:
        words = shlex.split(text)
    except ValueError:
        return {}
    return dict(word.split("=", 1) for word in words if "=" in word)


def _in_file(path: str) -> Iterator[tuple[str, str]]:
    try:
        lines = _config.content(path).decode("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        name, sign, value = line.strip().partition("=")
        if not sign or name[:1] in ("#", ";"):
            continue
        value = value.strip()
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        bare = value[1:-1] if quoted else value
        yield name.strip(), bare if not any(sign in bare for sign in "\\'\"") else _runs_as.UNKNOWN


def _is_same(current: str, following: str, root: str) -> bool | None:
    """Whether two folders are one. None where that cannot be told, as of a store that is gone from the disk."""
    if os.path.normpath(current) == os.path.normpath(following):
        return True
    # The kernel would follow a link in a container to a folder of the host.
    if root and any(map(_has_link, (current, following))):
        return None
    try:
        seen = os.stat(current)
    except OSError:
        return None
    try:
        return os.path.samestat(seen, os.stat(following))
    except OSError as exc:
        return False if exc.errno == errno.ENOENT else None


def _has_link(path: str) -> bool:
    parts = path.split("/")
    # The first four are /proc/PID/root, which is one.
    return any(os.path.islink("/".join(parts[:number])) for number in range(5, len(parts) + 1))


def _encryption(store: str, tree: Mapping[str, Any]) -> dict[str, Any] | None:
    """How what is stored is encrypted, and whether the configured key opens it; None where nothing is stored, or may be read.

    A server that starts with another cipher, or with a new key and the one before, writes it anew (measured, 2.10.26 to 2.15.1).
    """
    try:
        stored = dict(_stored_keys(store))
    except OSError:
        return None
    sealed = {names: key for names, key in stored.items() if key}
    if not stored:
        return None
    keys, cipher = _runs_as.keys(tree)
    ciphers = {_sealed.cipher_of(key) for key in sealed.values()}
    opened = [_sealed.opens(key, *names, blob) for names, blob in sealed.items() for key in keys or ()]
    return {
        "stored": "" if len(ciphers) > 1 or "" in ciphers else ciphers.pop() if ciphers else "none",
        "has_key": None if keys is None else bool(keys),
        "opens": True if any(opened) else False if opened and "" not in ciphers and all(map(_PLAIN.match, keys or ())) else None,
        "cipher": cipher,
    }


def _stored_keys(store: str) -> Iterator[tuple[tuple[str, str], bytes]]:
    """What meta.key of each stream holds, by account and stream; nothing of a stream that is not encrypted."""
    left = _MOST_STREAMS
    for account in sorted(os.listdir(store)):
        streams = os.path.join(store, account, "streams")
        for stream in sorted(os.listdir(streams)) if os.path.isdir(streams) else ():
            if left and os.path.exists(os.path.join(streams, stream, "meta.inf")):
                left -= 1
                yield (account, stream), _small(os.path.join(streams, stream, "meta.key"))


def _small(path: str) -> bytes:
    """What is in a small file; empty where there is none. The server's user may have put anything there."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return b""
    try:
        return os.read(opened, _LARGEST_KEY) if stat.S_ISREG(os.fstat(opened).st_mode) else b"-"
    finally:
        os.close(opened)
