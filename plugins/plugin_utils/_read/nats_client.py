# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The only door to NATS itself: who we are, as a user says it in a variable, and a connection as that."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any, Callable, Mapping, Sequence

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply
from ansible_collections.natsops.cluster.plugins.module_utils._read import wire as _wire

try:
    import nats
    import nats.errors
    import nats.js.errors
    from nats.protocol import parser
except ImportError:
    nats = None  # type: ignore[assignment]  # whoever needs it calls check() first

KNOWN = ("servers", "creds", "nkey", "user", "password", "tls")
_KNOWN_TLS = ("ca", "cert", "key", "verify")
_WAYS = ("creds", "nkey", "user", "token")
# What the servers say to somebody who may not do this.
_REFUSALS = ("authorization", "authentication", "permissions violation")
# A server's own lines have a few hundred bytes, and INFO a few thousand.
_LONGEST_LINE = 1 << 20
# What a request may end with that is the servers' affair.
FAILURES: tuple[type[BaseException], ...] = (asyncio.TimeoutError, OSError)
NOBODY_ANSWERS: tuple[type[BaseException], ...] = ()
if nats is not None:
    FAILURES = (nats.errors.Error, *FAILURES)
    NOBODY_ANSWERS = (nats.errors.NoRespondersError, nats.js.errors.NoStreamResponseError)


def check(account: Any, variable: str, *, also: Sequence[str] = (), anybody: bool = False) -> dict[str, Any]:
    """The account, if it can be used, with what came as text in the shape that it has. Raises NatsError that shows no secret.

    C(also) are more names that it may have, and C(anybody) whether it may name no user at all.
    """
    known = (*KNOWN, *also)
    if not isinstance(account, dict):
        raise NatsError(f"{variable} is no dictionary: give it {', '.join(known)} as needed")
    given = _shaped(account, variable)
    tls = given.get("tls") or {}
    unknown = sorted(set(given) - set(known)) or (sorted(set(tls) - set(_KNOWN_TLS)) if isinstance(tls, dict) else ["tls"])
    if unknown:
        raise NatsError(f"{variable} has {', '.join(unknown)}; it may have {', '.join(known)}, and tls {', '.join(_KNOWN_TLS)}")
    ways = [name for name in _WAYS if name in given]
    by_certificate = tls.get("cert") and tls.get("key")
    if len(ways) > 1 or (not ways and not by_certificate and not anybody) or ("user" in given) != ("password" in given):
        raise NatsError(
            f"{variable} has to say in one way who we are: creds (a file), nkey (a file with the seed), user and password, "
            f"{'token, ' if 'token' in known else ''}or tls with cert and key. It has {', '.join(sorted(given)) or 'nothing'}"
        )
    files = {f"{variable}.{name}": given[name] for name in ("creds", "nkey") if name in given}
    files.update({f"{variable}.tls.{name}": tls[name] for name in ("ca", "cert", "key") if tls.get(name)})
    for name, path in files.items():
        if not os.access(os.path.expanduser(path), os.R_OK):
            raise NatsError(f"{name}: there is no file {path} on the controller that can be read")
    if nats is None:
        raise NatsError(
            f"{variable} is set, and nats-py cannot be imported on the controller: pip install 'nats-py[nkeys]', into the "
            "Python that runs Ansible"
        )
    return given


def _shaped(account: Mapping[str, Any], variable: str) -> dict[str, Any]:
    """The account without what is empty. A credential of AWX gives text for all that it holds, and for all that it does not."""
    given = _without_empty(account)
    if isinstance(given.get("tls"), dict):
        given["tls"] = _without_empty(given["tls"])
        try:
            given["tls"].update({name: boolean(value) for name, value in given["tls"].items() if name == "verify"})
        except TypeError as exc:
            raise NatsError(f"{variable}.tls.verify is neither true nor false: {exc}") from exc
    if isinstance(given.get("servers"), str):
        given["servers"] = given["servers"].replace(",", " ").split()
    elif isinstance(given.get("servers"), Sequence):
        given["servers"] = list(given["servers"])
    return given


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items() if value not in (None, "")}


def options(account: Mapping[str, Any], servers: Sequence[str], variable: str) -> dict[str, Any]:
    """How to connect as this account, for as long as it takes."""
    found: dict[str, Any] = {
        "name": "natsops",
        "connect_timeout": 2,
        "reconnect_time_wait": 0.1,
        "max_reconnect_attempts": -1,
        "user_credentials": _path(account.get("creds")),
        "nkeys_seed": _path(account.get("nkey")),
        "user": account.get("user"),
        "password": account.get("password"),
        "token": account.get("token"),
    }
    if account.get("tls") or any(server.startswith("tls:") for server in servers):
        found["tls"] = _tls(account.get("tls") or {}, variable)
    return {name: value for name, value in found.items() if value is not None}


def new(max_bytes: int = _reply.MAX_BYTES) -> Any:
    """A client that is nowhere yet, for whoever wants to ask it where it is while it connects.

    Of a message that is larger than this it keeps nothing: the library itself takes whatever size a server announces.
    """
    client = nats.NATS()
    client._ps = _dropping(client, max_bytes)
    return client


def dropped(client: Any) -> int:
    """How many messages were too large."""
    return getattr(getattr(client, "_ps", None), "dropped", 0)


def _dropping(client: Any, max_bytes: int) -> Any:
    """A parser of what a server sends, which drops a message that is too large while it comes."""

    class Dropping(parser.Parser):
        left = dropped = 0

        def reset(self) -> None:
            super().reset()
            self.left = 0

        async def parse(self, data: bytes = b"") -> None:
            unwanted = min(self.left, len(data))
            self.left -= unwanted
            await super().parse(data[unwanted:])
            if self.state == parser.AWAITING_MSG_PAYLOAD and self.needed > max_bytes:
                self.dropped += 1
                self.left = self.needed + len(b"\r\n") - len(self.buf)
                self.buf, self.state, self.header_needed = bytearray(), parser.AWAITING_CONTROL_LINE, 0
            if self.state == parser.AWAITING_CONTROL_LINE and len(self.buf) > _LONGEST_LINE:
                raise nats.errors.ProtocolError

    return Dropping(client)


async def connect(
    servers: Sequence[str], wanted: Mapping[str, Any], given_up: Callable[[], bool], client: Any = None
) -> tuple[Any, Any]:
    """Connect to whichever server lets us in: the client, or None and what came of it."""
    client = client or new()
    connecting = asyncio.ensure_future(client.connect(list(servers), **wanted))
    # It never gives up by itself.
    while not connecting.done() and not given_up():
        await asyncio.wait({connecting}, timeout=0.02)
    # Once is not enough: in mid-way from one server to the next it is swallowed, and goes on for ever (measured).
    while not connecting.done():
        connecting.cancel()
        await asyncio.wait({connecting}, timeout=0.05)
    outcome = (await asyncio.gather(connecting, return_exceptions=True))[0]
    if outcome is None and not given_up():
        return client, None
    # AssertionError: it had not begun to connect, as with a file that is no seed.
    with contextlib.suppress(OSError, nats.errors.Error, AssertionError):
        await client.close()
    return None, outcome


def said(error: BaseException) -> str:
    return _reply.without_credentials(str(error).replace("nats: ", "").strip("' ")) or type(error).__name__


def is_refusal(text: str) -> bool:
    """Whether it is what a server says to somebody who may not do this."""
    return any(word in text.lower() for word in _REFUSALS)


def is_forbidden(text: str) -> bool:
    """Whether it is what a server says to somebody whom it has let in, and who may not do this."""
    return "permissions violation" in text.lower()


def place(client: Any) -> str:
    """Host and port of the server that a client is at, or was at last; empty where it does not tell."""
    # connected_url tells it only of a server that has let it in.
    server = getattr(client, "_current_server", None)
    return _place(server.uri) if server is not None else ""


def places(client: Any, *, given: bool = False) -> set[str]:
    """Hosts and ports that a client tries in turn; with C(given), without those that only servers have told it of."""
    told = {_place(uri) for uri in client.discovered_servers} if given else set()
    return {_place(uri) for uri in client.servers} - told


def _place(uri: Any) -> str:
    return str(uri.netloc).rpartition("@")[2]


def tls_problem(text: str, variable: str) -> str:
    """What to say of a failure that lies in certificates; empty where it does not."""
    if "certificate" not in text.lower():
        return ""
    return (
        f"TLS over NATS: {text}: give {variable}.tls.ca, the authority of the servers' certificates, and "
        "tls.cert and tls.key where they ask for one of ours"
    )


def unusable(outcome: Any, variable: str) -> str:
    """What to say of a connection that failed through what we have; empty where servers are away."""
    away = (OSError, nats.errors.Error, asyncio.TimeoutError, asyncio.CancelledError)
    if outcome is None or isinstance(outcome, away):
        return ""
    if isinstance(outcome, ImportError):
        return f"{variable}: creds and nkey need one more library on the controller: pip install 'nats-py[nkeys]'"
    # No word of what the file holds.
    return f"{variable}: what is in the file of creds or nkey is something else ({type(outcome).__name__})"


def _plain(value: Any) -> Any:
    """A value as any library takes it. Before ansible-core 2.19 one of a vault is an object that only looks like text."""
    return value if isinstance(value, (str, bool, int, float, Sequence, Mapping)) and not hasattr(value, "vault") else str(value)


def _path(path: str | None) -> str | None:
    return os.path.expanduser(path) if path else None


def _tls(tls: Mapping[str, Any], variable: str) -> Any:
    try:
        context = _wire.ssl_context(_reply.Settings(validate_certs=tls.get("verify") is not False, ca_path=_path(tls.get("ca"))))
        if tls.get("cert"):
            context.load_cert_chain(_path(tls["cert"]) or "", _path(tls.get("key")))
    except OSError as exc:  # ssl.SSLError is one
        raise NatsError(f"{variable}.tls: its files are not certificates and a key in PEM: {exc.strerror or exc}") from exc
    return context
