# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a nats-server would be by its configuration and its arguments: its names, ports and store. Pure.

What cannot be known is None, and nothing is told of it. Defaults, and what beats what, were measured on 2.10.26 to 2.15.1:
arguments beat the file, C(jetstream) is added to any store_dir, and which of C(listen) and C(port) counts differs from start to
start.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _core_text

# Stands for the value of a variable that is not known here; a text with it in it is not known either.
UNKNOWN = "natsops-not-known"
Tree = Mapping[str, Any]

_FLAGS = {
    **dict.fromkeys(("c", "config"), "config"),
    **dict.fromkeys(("n", "name", "server_name"), "server_name"),
    **dict.fromkeys(("p", "port"), "port"),
    **dict.fromkeys(("m", "http_port"), "http"),
    **dict.fromkeys(("ms", "https_port"), "https"),
    **dict.fromkeys(("cluster", "cluster_listen"), "cluster_listen"),
    "cluster_name": "cluster_name",
    **dict.fromkeys(("js", "jetstream"), "jetstream"),
    **dict.fromkeys(("sd", "store_dir"), "store_dir"),
}
# Those take no value behind them; every other one does.
_SWITCHES = frozenset(
    ("t", "h", "help", "help_tls", "v", "version", "s", "syslog", "T", "logtime", "logtime_utc", "D", "debug", "V", "trace", "VV")
    + ("DV", "DVV", "tls", "tlsverify", "js", "jetstream", "no_advertise")
)
_YES, _NO = ("true", "yes", "on", "enabled", "enable", "t", "1"), ("false", "no", "off", "disabled", "disable", "f", "0")
_WHOLE = re.compile(r"-?[0-9]{1,5}\Z")
_CLIENTS, _RANDOM = 4222, -1
# The system account may be named in the JWT of one of these.
_OPERATOR = ("operator", "operators", "roots", "root", "root_operators", "root_operator", "trusted", "trusted_keys", "resolver")
_LABELS = {
    "server_name": "server_name",
    "cluster": "cluster.name",
    "system_account": "system_account",
    "jetstream": "JetStream",
    "jetstream_domain": "jetstream.domain",
    "client_port": "port",
    "cluster_port": "cluster.port",
    "monitor_port": "http",
}
_FINAL = ("server_name", "cluster", "system_account", "jetstream")
_CIPHERS = {"": "chacha", "chacha": "chacha", "chachapoly": "chacha", "aes": "aes"}


def flags(argv: Sequence[str]) -> dict[str, str]:
    """The arguments that say what the server is, by one word for each. The last of several is the one that counts."""
    found: dict[str, str] = {}
    words = list(argv[1:])
    while words and words[0].startswith("-") and words[0] not in ("-", "--"):
        name, has_value, value = words.pop(0).lstrip("-").partition("=")
        if not has_value:
            value = "true" if name in _SWITCHES or not words else words.pop(0)
        if name in _FLAGS:
            found[_FLAGS[name]] = value
    return found


def of(tree: Tree, argv: Sequence[str], temporary: str) -> dict[str, Any]:
    """What a start with this configuration and these arguments gives. C(temporary) is the folder for a store without another.

    A name that is not given is empty; a port that is not opened is 0.
    """
    top, given = _lowered(tree), flags(argv)
    cluster, gateway, jetstream = _block(top, "cluster"), _block(top, "gateway"), _block(top, "jetstream")
    is_on = _is_on(given["jetstream"] if "jetstream" in given else top.get("jetstream", "no"))
    return {
        "server_name": _name(given.get("server_name") or _text(top, "server_name")),
        "cluster": _cluster(given, cluster, gateway, is_on),
        "system_account": _system_account(top),
        # Zero is the default there, and not none.
        "client_port": _CLIENTS if (port := _listens(given.get("port", ""), top)) == 0 else port,
        "cluster_port": _listens(given.get("cluster_listen", ""), cluster),
        "monitor_port": _monitor_port(given, top),
        "jetstream": is_on,
        "jetstream_domain": _name(_text(jetstream, "domain")),
        "store_dir": _store_dir(given, top, jetstream, temporary),
    }


def keys(tree: Tree) -> tuple[Sequence[str] | None, str]:
    """The keys of the store, the one before the last included, and the cipher. None where there may be others; secret."""
    jetstream = _block(_lowered(tree), "jetstream")
    own = _text(jetstream, "key", "ek", "encryption_key")
    before = _text(jetstream, "prev_key", "prev_ek", "prev_encryption_key")
    cipher = _CIPHERS.get((_text(jetstream, "cipher") or "").lower(), "")
    if "tpm" in jetstream or own is None or before is None:
        return None, cipher
    return [key for key in (own, before if own else "") if key], cipher


def changed(before: Mapping[str, Any], now: Mapping[str, Any], *, final_only: bool) -> list[str]:
    """What the next start would make another of by now than it would have before; C(final_only) leaves out what loses nothing."""
    found = [
        f"{label} was {_written(before.get(key))}, and is {_written(now.get(key))}"
        for key, label in _LABELS.items()
        if None not in (before.get(key), now.get(key)) and before[key] != now[key] and (key in _FINAL or not final_only)
    ]
    if before.get("same_store") and now.get("same_store") is False:
        found.append(f"store_dir was {before.get('store_dir')}, and is {now.get('store_dir')}")
    had, has = before.get("encryption") or {}, now.get("encryption") or {}
    if (had.get("has_key") and has.get("has_key") is False) or (had.get("opens") and has.get("opens") is False):
        found.append("jetstream.key opened what is stored, and does not any more")
    return found


def _written(value: Any) -> str:
    return {True: "on", False: "off", "": "not set"}.get(value, str(value)) if isinstance(value, (bool, str)) else str(value)


def _lowered(tree: Tree) -> dict[str, Any]:
    return {key.lower(): value for key, value in tree.items()}


def _block(top: Tree, name: str) -> dict[str, Any]:
    found = top.get(name)
    return _lowered(found) if isinstance(found, Mapping) else {}


def _text(block: Tree, *names: str) -> str | None:
    """The first of these settings that is given; empty where none is."""
    value = next((block[name] for name in names if name in block), "")
    if isinstance(value, (dict, list)) or UNKNOWN in str(value):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _name(text: str | None) -> str | None:
    return None if text is None else _core_text.name(text)


def _is_on(value: Any) -> bool | None:
    """Whether a block, or a word, turns something on; a block does unless it says otherwise."""
    if isinstance(value, Mapping):
        words = _lowered(value)
        return _is_on(words.get("enabled", words.get("enable", "yes")))
    word = "" if isinstance(value, list) else str(value).lower()
    return True if word in _YES else False if word in _NO else None


def _cluster(given: Tree, cluster: Tree, gateway: Tree, jetstream: bool | None) -> str | None:
    text = given.get("cluster_name") or _text(cluster, "name")
    if text == "":
        text = _text(gateway, "name")
    if text == "" and (cluster or "cluster_listen" in given) and jetstream is not True:
        return None  # made up by the server, or taken from another one
    return _name(text)


def _system_account(top: Tree) -> str | None:
    text = _text(top, "system_account", "system")
    if text != "":
        return _name(text)
    return None if "no_system_account" in top or any(name in top for name in _OPERATOR) else "$SYS"


def _listens(given: str, block: Tree) -> int | None:
    """The port that an argument gives, or a block in one of two ways."""
    if given:
        return _port(given)
    ports = {_port(_text(block, name)) for name in ("listen", "port") if name in block} or {0}
    return ports.pop() if len(ports) == 1 else None


def _monitor_port(given: Tree, top: Tree) -> int | None:
    http = given.get("http") or _text(top, "http", "http_port", "monitor_port")
    https = given.get("https") or _text(top, "https", "https_port")
    ports = [_port(text) for text in (http, https) if text != ""]
    return 0 if not ports else ports[0] if len(ports) == 1 else None


def _port(text: str | None) -> int | None:
    """The port in what may be an address, or a URL; 0 for none, and None for one that each start chooses."""
    if text == "":
        return 0
    last = (text or "").rpartition(":")[2].rstrip("/")
    port = int(last) if _WHOLE.match(last) else _RANDOM
    return None if port <= _RANDOM else port


def _store_dir(given: Tree, top: Tree, jetstream: Tree, temporary: str) -> str | None:
    names = ("store_dir", "storedir", "store")
    folder = given.get("store_dir") or _text(jetstream, *names) or _text(top, *names[:2])
    for block in (jetstream, top):
        if folder == "" and _text(block, *names) is None:
            return None
    if folder == "":
        folder = posixpath.join(temporary, "nats") if temporary else None
    return None if folder is None else posixpath.normpath(posixpath.join(folder, "jetstream"))
