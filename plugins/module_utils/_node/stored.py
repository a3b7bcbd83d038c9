# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which streams lie in the store of a server, read on its node: where the server itself sees it, and not where we would.

That a store is not there and that it may not be read are two things: a server whose files were removed while it runs goes on
serving what it has open, says that it is healthy (measured on 2.12.8 and 2.14.6), and has nothing left after its next start.
"""

from __future__ import annotations

import os
import time
from typing import Any, Iterator

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._files import config as _config
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Process

READ, MISSING, UNREADABLE = "read", "missing", "unreadable"


def facts(store_dir: str | None, root: str, process: Process | None, cwd: str | None) -> dict[str, Any]:
    """The facts stored_streams, store and store_read_at.

    store_dir is what the server says in /varz (store_dir of its configuration, with jetstream added). root is where the files of
    its container are, seen from here; empty where it runs in none.
    """
    read_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if not store_dir:
        return {"stored_streams": None, "store": "", "store_read_at": read_at}
    streams, store = _read(store_dir, root, process, cwd)
    return {"stored_streams": streams, "store": store, "store_read_at": read_at}


def _read(store_dir: str, root: str, process: Process | None, cwd: str | None) -> tuple[list[str] | None, str]:
    store = MISSING
    for folder in _places(store_dir, root, process, cwd):
        try:
            accounts = os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            store = UNREADABLE
            continue
        try:
            return sorted(_streams(folder, accounts)), READ
        except OSError:
            return None, UNREADABLE
    # Of a server that does not run, or has just exited, nobody knows where it would see its files.
    is_seen = process is not None and _process.alive(process) and (bool(cwd) or store_dir.startswith("/"))
    return None, store if is_seen else UNREADABLE


def _places(store_dir: str, root: str, process: Process | None, cwd: str | None) -> Iterator[str]:
    """Where it may lie: as the server sees it (a unit may give it a /tmp of its own), and as we do, who may not look in there."""
    path = os.path.join(cwd or "", store_dir)
    if not path.startswith("/"):
        return
    if root:
        yield _config.inside(root, path)
        return
    if process is not None:
        yield _config.inside(f"/proc/{process.pid}/root", path)
    yield path


def _streams(folder: str, accounts: list[str]) -> Iterator[str]:
    """ACCOUNT > STREAM of every stream."""
    for account in accounts:
        streams = os.path.join(folder, account, "streams")
        if not os.path.isdir(streams):
            continue
        for stream in os.listdir(streams):
            # Without it, it is no stream, but what is left of one.
            if os.path.exists(os.path.join(streams, stream, "meta.inf")):
                yield f"{_text.name(account)} > {_text.name(stream)}"
