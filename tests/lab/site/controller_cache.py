"""Keeps what Ansible makes anew in every run of a playbook: the bytecode of collections, and the zip files of modules.

Only where a run of the tests has a folder for it (see sitecustomize.py), and by the content of what it is made of.
"""

import builtins
import hashlib
import importlib.abc
import importlib.util
import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

# Modules of others are made as ever: what they are made of is not looked at here.
MADE_OF_KNOWN = ("ansible.modules.", "ansible_collections.natsops.cluster.")
SOURCES = ("modules", "module_utils")
# Runs of other working trees may be at work with theirs.
KEPT_SECONDS = 86400.0


class AfterImport(importlib.abc.MetaPathFinder):
    """Does something to a module as soon as it has been imported."""

    def __init__(self, after):
        self._after = dict(after)

    def find_spec(self, name, path=None, target=None):
        change = self._after.pop(name, None)
        spec = importlib.util.find_spec(name) if change else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_change(module):
            execute(module)
            change(module)

        spec.loader.exec_module = execute_and_change
        return spec


def keep_bytecode(kept):
    """Have the loader of collections compile by ``kept(source, name, compile)``. It keeps no bytecode of its own."""

    def change(collection_finder):
        def compile_once(source, filename, mode, **options):
            if mode != "exec":
                return builtins.compile(source, filename, mode, **options)
            return kept(
                source.encode() if isinstance(source, str) else source,
                filename,
                lambda: builtins.compile(source, filename, mode, **options),
            )

        collection_finder.compile = compile_once

    return change


def keep_zips(folder):
    """Have a run find the zip files of modules that another one has made, and keep those that it makes itself."""

    def change(module_common):
        from ansible import constants, release

        cached = getattr(module_common, "_CachedModule", None)
        plugins = _plugins(constants.COLLECTIONS_PATHS)
        # Before 2.19 a zip file was made otherwise.
        if cached is None or plugins is None:
            return
        store = Path(folder, f"zips-{_key(plugins, release.__version__)}")
        own = Path(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache")
        with suppress(OSError):
            _make(store)
            own.mkdir()
            for made in store.iterdir():
                if made.name.startswith(MADE_OF_KNOWN):
                    (own / made.name).symlink_to(made)
        dump = cached.dump

        def dump_and_keep(self, path):
            dump(self, path)
            name = os.path.basename(path)
            if name.startswith(MADE_OF_KNOWN):
                part = store / f"{os.urandom(8).hex()}.part"
                with suppress(OSError):
                    shutil.copyfile(path, part)
                    os.replace(part, store / name)

        cached.dump = dump_and_keep

    return change


def _plugins(collections_paths):
    """The plugins of the collection that this run has: the first one that Ansible finds."""
    for path in collections_paths:
        # A path may name the folder ansible_collections itself.
        base = Path(path) if os.path.basename(path) == "ansible_collections" else Path(path, "ansible_collections")
        plugins = base / "natsops" / "cluster" / "plugins"
        if plugins.is_dir():
            return plugins
    return None


def _key(plugins, version):
    digest = hashlib.sha256(f"{version} {sys.implementation.cache_tag}".encode())
    for path in sorted(path for name in SOURCES for path in (plugins / name).rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(plugins)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _make(store):
    """Have the folder, and remove those of sources that nobody has any more."""
    if not store.exists():
        store.mkdir()
        for other in store.parent.glob("zips-*"):
            if other.stat().st_mtime < time.time() - KEPT_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
    os.utime(store)


def install(folder, kept):
    changes = {
        "ansible.utils.collection_loader._collection_finder": keep_bytecode(kept),
        "ansible.executor.module_common": keep_zips(folder),
    }
    sys.meta_path.insert(0, AfterImport(changes))
