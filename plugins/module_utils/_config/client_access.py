# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who may connect to a server, by its configuration, to be compared with another server's. Pure.

Nothing secret leaves the node: of passwords, permissions and keys there are fingerprints, made with a key that each run draws
anew, so that they can be compared within the run and mean nothing to anybody else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any, Dict, Iterator, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text

# Of accounts and users: as servers tell them, see _core/text.py.
name_of = _text.name
Facts = Dict[str, Any]

# The server takes several words for the same thing.
_SAME = {
    "username": "user",
    "pass": "password",
    "permission": "permissions",
    "pub": "publish",
    "sub": "subscribe",
    "trusted": "trusted_keys",
    "operators": "operator",
    "enable": "enabled",
    "system": "system_account",
}
# At the top level, and in the block authorization besides its users.
_SETTINGS = ("operator", "system_account", "no_auth_user", "trusted_keys", "resolver_preload", "default_permissions")
_WHOLE = re.compile(r"[0-9]{1,12}\Z")
_NO = ("", "false", "no", "off", "disabled", "disable")


def facts(tree: Mapping[str, Any], argv: Sequence[str], key: str) -> Facts:
    """What of a configuration bears on who may connect, where to, and as whom."""
    tree, sign = _plain(tree), _Signer(key)
    cluster, jetstream = _block(tree, "cluster"), tree.get("jetstream")
    return {
        "server_name": name_of(_option(argv, "name", "server_name", "n") or str(tree.get("server_name", ""))),
        "cluster": name_of(_option(argv, "cluster_name") or str(cluster.get("name", ""))),
        "jetstream": _is_on(jetstream) or any(word.lstrip("-") in ("js", "jetstream") for word in argv[1:]),
        "advertises": not _is_on(cluster.get("no_advertise")),
        "max_connections": int(limit) if _WHOLE.match(limit := str(tree.get("max_connections", ""))) else None,
        "tls": _tls(tree.get("tls")),
        "route_tls": _tls(cluster.get("tls")),
        "accounts": dict(_accounts(tree, sign)),
        "settings": dict(_settings(tree, sign)),
    }


def _is_on(value: Any) -> bool:
    """Whether a block, or a word, turns something on; a block does unless it says otherwise."""
    if isinstance(value, Mapping):
        return _is_on(value.get("enabled", "true"))
    return str(value or "").lower() not in _NO


def _option(argv: Sequence[str], *names: str) -> str:
    """The value of an option of nats-server, which beats the configuration."""
    for index, word in enumerate(argv):
        flag, _unused, value = word.partition("=")
        if flag.startswith("-") and flag.lstrip("-") in names:
            return value or (argv[index + 1] if index + 1 < len(argv) else "")
    return ""


class _Signer:
    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def __call__(self, value: Any) -> str:
        text = json.dumps(value, sort_keys=True, default=str)
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:16]


def _plain(value: Any, *, names: bool = False) -> Any:
    """The same with one word for each thing, and lists in order: the order of subjects and users means nothing.

    C(names) says that the keys are names of accounts, which are left as they are.
    """
    if isinstance(value, Mapping):
        words = {key: key if names else _SAME.get(key.lower(), key.lower()) for key in value}
        return {word: _plain(value[key], names=word == "accounts" and not names) for key, word in words.items()}
    if isinstance(value, list):
        return sorted((_plain(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return value


def _block(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = tree.get(name)
    return found if isinstance(found, Mapping) else {}


def _tls(block: Any) -> str:
    if not isinstance(block, Mapping):
        return "none"
    verified = any(_is_on(block.get(name)) for name in ("verify", "verify_and_map"))
    return "TLS with client certificates" if verified else "TLS"


def _accounts(tree: Mapping[str, Any], sign: _Signer) -> Iterator[tuple[str, Facts]]:
    """By name; the users of the block authorization are in none."""
    authorization = _block(tree, "authorization")
    users = list(_listed(authorization.get("users")))
    if "user" in authorization:
        users.append({"user": authorization["user"], "password": authorization.get("password", "")})
    if "token" in authorization:
        users.append({"user": "(token)", "password": authorization["token"]})
    if users:
        yield "", {"users": dict(_users(users, sign)), "others": {}}
    for name, account in _block(tree, "accounts").items():
        account = account if isinstance(account, Mapping) else {}
        # JetStream on the account does nothing on a server without it.
        others = {name_of(key): sign(value) for key, value in account.items() if key not in ("users", "jetstream", "nkey")}
        yield name_of(name), {"users": dict(_users(_listed(account.get("users")), sign)), "others": others}


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _users(users: Sequence[Mapping[str, Any]], sign: _Signer) -> Iterator[tuple[str, Facts]]:
    for user in users:
        rest = {key: value for key, value in user.items() if key not in ("user", "nkey", "password")}
        name = name_of(str(user.get("user") or user.get("nkey") or ""))
        yield name, {"password": sign(user.get("password", "")), "permissions": sign(rest)}


def _settings(tree: Mapping[str, Any], sign: _Signer) -> Iterator[tuple[str, str]]:
    authorization, cluster = _block(tree, "authorization"), _block(tree, "cluster")
    for name in _SETTINGS:
        for where, block in (("", tree), ("authorization.", authorization)):
            if name in block:
                yield where + name, sign(block[name])
    if "auth_callout" in authorization:
        yield "authorization.auth_callout", sign(authorization["auth_callout"])
    resolver = tree.get("resolver")
    if resolver is not None:
        # Where it keeps what it knows may differ from host to host.
        yield "resolver", sign(resolver.get("type") if isinstance(resolver, Mapping) else resolver)
    if "authorization" in cluster:
        yield "cluster.authorization", sign(cluster["authorization"])


def differences(own: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    """What a client would find different on this server (C(own)) than on one of the cluster; in words, and nothing secret."""
    found = []
    for name in sorted(set(own["accounts"]) | set(others["accounts"])):
        label = f"account {name}" if name else "authorization"
        mine, theirs = own["accounts"].get(name), others["accounts"].get(name)
        if mine is None or theirs is None:
            found.append(f"{label} {'is missing' if mine is None else 'is not in the cluster'}")
            continue
        found += list(_user_differences(label, mine["users"], theirs["users"]))
        unlike = sorted(
            key for key in {*mine["others"], *theirs["others"]} if mine["others"].get(key) != theirs["others"].get(key)
        )
        found += [f"{label}: {key} differ" if key.endswith("s") else f"{label}: {key} differs" for key in unlike]
    names = {*own["settings"], *others["settings"]}
    found += [f"{name} differs" for name in sorted(names) if own["settings"].get(name) != others["settings"].get(name)]
    for key, what in (("tls", "clients"), ("route_tls", "routes")):
        if own[key] != others[key]:
            found.append(f"{what}: {own[key]}, and {others[key]} in the cluster")
    return found


def _user_differences(label: str, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    for user in sorted(set(mine) | set(theirs)):
        if user not in mine:
            yield f"{label}: user {user} is missing"
        elif user not in theirs:
            yield f"{label}: user {user} is not in the cluster"
        elif mine[user]["password"] != theirs[user]["password"]:
            # A bcrypt hash of the same password is another one each time it is made.
            yield f"{label}: user {user} has another password, or another hash of it"
        elif mine[user]["permissions"] != theirs[user]["permissions"]:
            yield f"{label}: user {user} has other permissions"
