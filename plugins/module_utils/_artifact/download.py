# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""A release archive, or a package, on the controller, with the hash that it has to have. No hash, no archive.

A hash that anyone on the network path could change proves nothing: it has to be pinned, or come by https or from a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import tempfile
from typing import Any, Iterable, Iterator, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._artifact import binary as _binary
from ansible_collections.natsops.cluster.plugins.module_utils._core import refusals as _refusals
from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._judge import findings as _findings
from ansible_collections.natsops.cluster.plugins.module_utils._judge import risks as _risks
from ansible_collections.natsops.cluster.plugins.module_utils._read import reply as _reply
from ansible_collections.natsops.cluster.plugins.module_utils._read import stream as _stream

# How the options of the role begin that say where it comes from.
ARCHIVE = "nats_upgrade_archive"
SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["fetched", "asked"], "default": "fetched"},
    "nodes": {"type": "dict", "default": {}},
    "url": {"type": "str", "required": True},
    "sha256": {"type": "str"},
    "checksums_url": {"type": "str"},
    "dest": {"type": "path", "required": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "timeout_seconds": {"type": "float", "default": 60.0},
    "whole_timeout_seconds": {"type": "float", "default": 1800.0},
    "max_mib": {"type": "int", "default": 512},
    "waive": {"type": "list", "elements": "str", "default": []},
    "variables": {"type": "str", "default": ARCHIVE},
}
INSECURE = "insecure_source"
# A list of hashes has a few kilobytes.
_LIST_BYTES = _reply.MIB
_SHA256 = re.compile(r"^[0-9a-fA-F]{64}$")


def act(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Do what the option state says; return the result of the module."""
    return ask(params) if params["state"] == "asked" else fetch(params, check_mode=check_mode)


def fetch(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Make sure that the archive lies in the folder C(dest) with its hash proved; return its path and hash.

    Raises NatsError where it cannot be had, or has another hash; nothing is left behind then.
    """
    if "://" not in params["url"]:
        return _lying_there(params)
    path, sha256 = _place(params)
    result = {"path": path, "sha256": sha256}
    if _is_fetched(path, sha256):
        return {**result, "changed": False}
    if not check_mode:
        _fetch_to(params, path, sha256)
    return {**result, "changed": True}


def ask(params: Mapping[str, Any]) -> dict[str, Any]:
    """Raise NatsError where C(fetch) could not get the archive, or a node has no room for it; return its path, hash and size.

    Only the list of hashes is fetched. Of what lies there already nothing is asked.
    """
    if "://" not in params["url"]:
        found = _lying_there(params)
        size: int | None = os.path.getsize(found["path"])
    else:
        path, sha256 = _place(params)
        found = {"path": path, "sha256": sha256, "changed": False}
        size = os.path.getsize(path) if _is_fetched(path, sha256) else _announced(params, path)
    _require_room(params, os.path.basename(found["path"]), size or 0)
    return {**found, "size": size}


def _place(params: Mapping[str, Any]) -> tuple[str, str]:
    """Where an archive is kept on the controller, and the hash that it has to have."""
    name = os.path.basename(params["url"].partition("?")[0])
    sha256 = _wanted_hash(params, name)
    return os.path.join(params["dest"], sha256[:12], name), sha256


def _is_fetched(path: str, sha256: str) -> bool:
    return os.path.isfile(path) and _binary.sha256_of(path) == sha256


def _announced(params: Mapping[str, Any], path: str) -> int | None:
    """The size that is announced of what can be had, and has room on the controller; None where none is."""
    url = params["url"]
    with _open(params, url, head=True) as file:
        size = file.size
    if (size or 0) > params["max_mib"] * _reply.MIB:
        raise _too_large(url, params["max_mib"] * _reply.MIB)
    _require_folder(path, size or 0)
    return size


def _require_folder(path: str, size: int) -> None:
    """Raise NatsError where the controller could not keep a file of this size there. Nothing is made."""
    folder = os.path.dirname(path)
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
        why = "it cannot be written to" if os.path.isdir(folder) else "it is no folder"
        raise NatsError(
            f"refused: {path} could not be saved on the controller: {folder}: {why}. Nothing was touched; set "
            "nats_upgrade_download_dir to a folder that can be written",
            refusal="no_archive",
        )
    free = shutil.disk_usage(folder).free
    if free < size:
        raise NatsError(
            f"refused: {folder} on the controller has {_mib(free)} MiB free, and {os.path.basename(path)} has {_mib(size)}. "
            "Nothing was touched; make room there, or set nats_upgrade_download_dir to a folder with room",
            refusal="no_room",
        )


def _require_room(params: Mapping[str, Any], name: str, size: int) -> None:
    """Raise NatsError where nodes have no room. What is unpacked has no less than its archive, and some has to be left."""
    free = {host: (node.get("free_bytes"), node.get("binary_path")) for host, node in sorted(params["nodes"].items())}
    short = [
        f"{host} has {_mib(room)} MiB free in {os.path.dirname(path or '')}"
        for host, (room, path) in free.items()
        if room is not None and room < size + _binary.SPARE_BYTES
    ]
    if short:
        raise NatsError(
            f"refused: there is no room for the new version: {', '.join(short)}. It is unpacked beside the old one, takes more "
            f"than the {_mib(size)} MiB of {name}, and {_mib(_binary.SPARE_BYTES)} MiB have to be left. Make room and run again. "
            "Nothing was touched",
            refusal="no_room",
        )


def _mib(size: int) -> int:
    return size >> 20


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
    text = _list_of_hashes(params)
    for line in text.splitlines():
        digest, _unused, listed = line.strip().partition(" ")
        if listed.strip().lstrip("*") == name and _SHA256.match(digest):
            return digest.lower()
    raise NatsError(
        f"refused: {_reply.without_credentials(params['checksums_url'])} lists no SHA-256 of {name}: no hash, no install. "
        "Is there an archive of this version for this architecture? Check nats_upgrade_version and nats_upgrade_checksums_url. "
        "Nothing was touched",
        refusal="no_hash",
    )


def _list_of_hashes(params: Mapping[str, Any]) -> str:
    url, validated = params["checksums_url"], params["validate_certs"]
    # Before anything is asked: a password would go over that line too.
    _require_secure(params, _refusals.insecure_way(url, validated=validated))
    with _open(params, url) as file:
        if not file.secure:
            _require_secure(params, "over plain http, to which it redirects")
        return b"".join(_blocks(file, url, _LIST_BYTES)).decode("utf-8", "replace")


def _require_secure(params: Mapping[str, Any], way: str) -> None:
    if not way or INSECURE in _findings.require_known(params["waive"]):
        return
    waiver = json.dumps({"nats_upgrade_waive": [INSECURE]})
    raise NatsError(
        f"refused: {INSECURE}: {_refusals.insecure(_reply.without_credentials(params['checksums_url']), way)}. "
        f"Nothing was touched. To proceed anyway: -e '{waiver}'. The risk: {_risks.RISKS[INSECURE]}",
        refusal=INSECURE,
    )


def _fetch_to(params: Mapping[str, Any], path: str, sha256: str) -> None:
    folder = os.path.dirname(path)
    # What is said to be untouched is: a folder that was made for nothing goes again.
    made = [one for one in (folder, params["dest"]) if not os.path.exists(one)]
    try:
        _save(params, path, sha256, folder)
    except OSError as exc:
        raise NatsError(
            f"cannot save {path} on the controller: {exc.strerror or exc}. Nothing was touched; make room there, or set "
            "nats_upgrade_download_dir to a folder that can be written"
        ) from exc
    finally:
        for one in made:
            # One with something in it stays.
            with contextlib.suppress(OSError):
                os.rmdir(one)


def _save(params: Mapping[str, Any], path: str, sha256: str, folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    with _open(params, params["url"]) as file, tempfile.NamedTemporaryFile(dir=folder, delete=False) as part:
        try:
            got = _copy(_blocks(file, params["url"], params["max_mib"] * _reply.MIB), part)
            if got != sha256:
                raise NatsError(
                    f"refused: {_reply.without_credentials(params['url'])} has the SHA-256 {got}, and should have {sha256}. "
                    "It is damaged on the way, or not the file that was published: nothing was installed",
                    refusal="wrong_hash",
                )
            os.replace(part.name, path)
        finally:
            if os.path.exists(part.name):
                os.unlink(part.name)


def _copy(blocks: Iterable[bytes], target: Any) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
        target.write(block)
    return digest.hexdigest()


def _blocks(file: _stream.File, url: str, most: int) -> Iterator[bytes]:
    """What is in a file, as long as it is no more than it may be. What it announces counts before anything is read."""
    taken = 0
    try:
        if (file.size or 0) > most:
            raise _too_large(url, most)
        for block in file.blocks():
            taken += len(block)
            if taken > most:
                raise _too_large(url, most)
            yield block
    except (OSError, http.client.HTTPException) as exc:
        raise NatsError(
            f"refused: {_reply.without_credentials(url)} broke off in the middle ({exc or type(exc).__name__}). "
            "Nothing was touched; run again",
            refusal="no_archive",
        ) from exc


def _too_large(url: str, most: int) -> NatsError:
    return NatsError(
        f"refused: {_reply.without_credentials(url)} has more than {most / _reply.MIB:g} MiB, which no release of "
        "nats-server has: is it the right address? Nothing was touched",
        refusal="no_archive",
    )


def _open(params: Mapping[str, Any], url: str, *, head: bool = False) -> _stream.File:
    credentials = (params["username"], params["password"] or "") if params["username"] else None
    settings = _reply.Settings(
        params["timeout_seconds"], params["validate_certs"], params["ca_path"], ca_variable="nats_upgrade_archive_ca_path"
    )
    file = (_stream.ask if head else _stream.open_file)(url, settings, credentials, params["whole_timeout_seconds"])
    if isinstance(file, _stream.File):
        return file
    variable = _variable_of(params, url)
    hint = f"check that the controller can reach it ({variable} may be of a mirror, or a file:// path there)"
    if file.status == 404:
        hint = f"there is no such release, or the mirror has another layout: check nats_upgrade_version and {variable}"
    elif file.status in (401, 403):
        hint = (
            "check nats_upgrade_archive_username and nats_upgrade_archive_password, which go to the host of that address and to "
            f"none that it redirects to, and {variable}"
        )
    raise NatsError(
        f"refused: {_reply.without_credentials(url)} cannot be read: {file.message}. Nothing was touched; {hint}",
        refusal="no_archive",
    )


def _variable_of(params: Mapping[str, Any], url: str) -> str:
    """What a user sets for an address to be another one."""
    if url != params["url"]:
        return "nats_upgrade_checksums_url"
    return f"{params['variables']}_url" if params["variables"] == ARCHIVE else f"{params['variables']}_file"
