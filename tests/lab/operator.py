"""Operator mode made anew for each run: an operator, a system account, an application account, and a user of each.

``python -m tests.lab.operator FOLDER n1=ADDRESS n2=ADDRESS ...`` writes what the servers and clients of a secure cluster need.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import nkeys

from tests.lab.certificates import Authority

UNLIMITED = -1
ACCOUNT_LIMITS = (
    "subs",
    "data",
    "payload",
    "imports",
    "exports",
    "conn",
    "leaf",
    "mem_storage",
    "disk_storage",
    "streams",
    "consumer",
)
CREDENTIALS = """-----BEGIN NATS USER JWT-----
{jwt}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
{seed}
------END USER NKEY SEED------
"""


class Key:
    """A pair of keys of NATS."""

    def __init__(self, kind: int) -> None:
        self.seed: bytes = nkeys.encode_seed(os.urandom(32), kind)
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.public: str = self._pair.public_key.decode()

    def sign(self, subject: str, name: str, nats: dict[str, Any]) -> str:
        """Return a JWT of this issuer about somebody."""
        claims = {"iat": int(time.time()), "iss": self.public, "name": name, "sub": subject, "nats": {**nats, "version": 2}}
        claims["jti"] = base64.b32encode(hashlib.sha256(_json(claims)).digest()).decode().rstrip("=")
        text = b".".join(_base64(_json(part)) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, claims))
        return (text + b"." + _base64(self._pair.sign(text))).decode()


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def write_operator(folder: Path) -> None:
    """Write operator.conf, to be included by the servers, and app.creds and sys.creds for clients."""
    operator = Key(nkeys.PREFIX_BYTE_OPERATOR)
    accounts = {name: Key(nkeys.PREFIX_BYTE_ACCOUNT) for name in ("SYS", "APP")}
    preloads = []
    for name, account in accounts.items():
        # An account without storage has no JetStream, and the system account must have none.
        without = ("mem_storage", "disk_storage", "streams", "consumer") if name == "SYS" else ()
        limits = {limit: 0 if limit in without else UNLIMITED for limit in ACCOUNT_LIMITS}
        claims = {"type": "account", "limits": {**limits, "wildcards": True}, "default_permissions": {}}
        preloads.append(f"  {account.public}: {operator.sign(account.public, name, claims)}")
        user = Key(nkeys.PREFIX_BYTE_USER)
        granted = {"type": "user", "pub": {}, "sub": {}, "subs": UNLIMITED, "data": UNLIMITED, "payload": UNLIMITED}
        text = CREDENTIALS.format(jwt=account.sign(user.public, name.lower(), granted), seed=user.seed.decode())
        _write(folder / f"{name.lower()}.creds", text)
    trusted = operator.sign(operator.public, "lab", {"type": "operator", "system_account": accounts["SYS"].public})
    lines = [f"operator: {trusted}", f"system_account: {accounts['SYS'].public}", "resolver: MEMORY", "resolver_preload {"]
    _write(folder / "operator.conf", "\n".join([*lines, *preloads, "}"]) + "\n")


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def write_certificates(folder: Path, addresses: dict[str, str]) -> None:
    """Write an authority for clients and monitoring and one for routes, and two certificates with keys for each server."""
    for purpose in ("clients", "routes"):
        place = folder / purpose
        place.mkdir(exist_ok=True)
        authority = Authority(place, "ca")
        for name, address in addresses.items():
            authority.issue(name, address)


def main(arguments: list[str]) -> None:
    folder, *servers = arguments
    Path(folder).mkdir(exist_ok=True)
    write_operator(Path(folder))
    write_certificates(Path(folder), dict(server.split("=", 1) for server in servers))


if __name__ == "__main__":
    main(sys.argv[1:])
