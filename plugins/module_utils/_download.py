# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# This module util is PRIVATE to the collection: it may change in any release.
"""A release archive, or a package, on the controller, with the hash that it has to have. No hash, no archive."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import tempfile
from typing import IO, Any, Iterable, Iterator, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils import _binary, _http
from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError

# How the options of the role begin that say where it comes from.
ARCHIVE = "nats_upgrade_archive"
SPEC: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "required": True},
    "sha256": {"type": "str"},
    "checksums_url": {"type": "str"},
    "dest": {"type": "path", "required": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "timeout_seconds": {"type": "float", "default": 60.0},
    "variables": {"type": "str", "default": ARCHIVE},
}
_SHA256 = re.compile(r"^[0-9a-fA-F]{64}$")


def fetch(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Make sure that the archive lies in the folder C(dest) with its hash proved; return its path and hash.

    Raises NatsError where it cannot be had, or has another hash; nothing is left behind then.
    """
    if "://" not in params["url"]:
        return _lying_there(params)
    name = os.path.basename(params["url"].partition("?")[0])
    sha256 = _wanted_hash(params, name)
    path = os.path.join(params["dest"], sha256[:12], name)
    result = {"path": path, "sha256": sha256}
    if os.path.isfile(path) and _binary.sha256_of(path) == sha256:
        return {**result, "changed": False}
    if not check_mode:
        _fetch_to(params, path, sha256)
    return {**result, "changed": True}


def _lying_there(params: Mapping[str, Any]) -> dict[str, Any]:
    """A file of whoever runs this: taken where it lies, and proved where a hash is given."""
    path = os.path.abspath(os.path.expanduser(params["url"]))
    try:
        sha256 = _binary.sha256_of(path)
    except OSError as exc:
        raise NatsError(
            f"refused: {path} on the controller cannot be read ({exc.strerror}): {params['variables']}_file "
            "names it. Nothing was touched",
            refusal="no_archive",
        ) from exc
    wanted = _given_hash(params) if params["sha256"] else sha256
    if wanted != sha256:
        raise NatsError(
            f"refused: {path} has the SHA-256 {sha256}, and should have {wanted}: it is damaged, or not the file that the hash "
            f"was made for. Take the right file, or mend {params['variables']}_sha256. Nothing was touched",
            refusal="wrong_hash",
        )
    return {"path": path, "sha256": sha256, "changed": False}


def _given_hash(params: Mapping[str, Any]) -> str:
    given = str(params["sha256"])
    if not _SHA256.match(given):
        raise NatsError(
            f"refused: {params['variables']}_sha256 is '{given}', which is not a SHA-256 (64 hex digits): copy it from the "
            "release's SHA256SUMS. Nothing was touched",
            refusal="no_hash",
        )
    return given.lower()


def _wanted_hash(params: Mapping[str, Any], name: str) -> str:
    if params["sha256"]:
        return _given_hash(params)
    if not params["checksums_url"]:
        raise NatsError(
            f"refused: there is no hash for {name}: no hash, no install. Set {params['variables']}_sha256"
            + (", or nats_upgrade_checksums_url to the release's SHA256SUMS" if params["variables"] == ARCHIVE else ""),
            refusal="no_hash",
        )
    with _open(params, params["checksums_url"]) as reply:
        text = b"".join(_blocks(reply, params["checksums_url"])).decode("utf-8", "replace")
    for line in text.splitlines():
        digest, _unused, listed = line.strip().partition(" ")
        if listed.strip().lstrip("*") == name and _SHA256.match(digest):
            return digest.lower()
    raise NatsError(
        f"refused: {_http.without_credentials(params['checksums_url'])} lists no SHA-256 of {name}: no hash, no install. "
        "Is there an archive of this version for this architecture?",
        refusal="no_hash",
    )


def _fetch_to(params: Mapping[str, Any], path: str, sha256: str) -> None:
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, exist_ok=True)
        with _open(params, params["url"]) as reply, tempfile.NamedTemporaryFile(dir=folder, delete=False) as part:
            try:
                got = _copy(_blocks(reply, params["url"]), part)
                if got != sha256:
                    raise NatsError(
                        f"refused: {_http.without_credentials(params['url'])} has the SHA-256 {got}, and should have {sha256}. "
                        "It is damaged on the way, or not the file that was published: nothing was installed",
                        refusal="wrong_hash",
                    )
                os.replace(part.name, path)
            finally:
                if os.path.exists(part.name):
                    os.unlink(part.name)
    except OSError as exc:
        raise NatsError(
            f"cannot save {path} on the controller: {exc.strerror or exc}. Nothing was touched; make room there, or set "
            "nats_upgrade_download_dir to a folder that can be written"
        ) from exc


def _copy(blocks: Iterable[bytes], target: Any) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
        target.write(block)
    return digest.hexdigest()


def _blocks(source: IO[bytes], name: str) -> Iterator[bytes]:
    try:
        yield from iter(lambda: source.read(1 << 20), b"")
    except (OSError, http.client.HTTPException) as exc:
        raise NatsError(
            f"refused: {_http.without_credentials(name)} broke off in the middle ({exc or type(exc).__name__}). "
            "Nothing was touched; run again",
            refusal="no_archive",
        ) from exc


def _open(params: Mapping[str, Any], url: str) -> IO[bytes]:
    reply = _http.open_stream(
        url,
        _http.Settings(params["timeout_seconds"], params["validate_certs"], params["ca_path"]),
        username=params["username"],
        password=params["password"],
    )
    if isinstance(reply, _http.Fault):
        hint = "check that the controller can reach it (nats_upgrade_archive_url may be a mirror, or a file:// path there)"
        if reply.status == 404:
            hint = (
                "there is no such release, or the mirror has another layout: "
                "check nats_upgrade_version and nats_upgrade_archive_url"
            )
        elif reply.status in (401, 403):
            hint = "check nats_upgrade_archive_username and nats_upgrade_archive_password"
        raise NatsError(
            f"refused: {_http.without_credentials(url)} cannot be read: {reply.message}. Nothing was touched; {hint}",
            refusal="no_archive",
        )
    return reply
