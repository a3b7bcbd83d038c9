"""Keeps the bytecode of what is imported out of zip files, and has Ansible do nothing that a run of the tests does not need.

On PYTHONPATH of the tests, and on the machines of the lab.

A module comes to a node as a zip file with the source of all that it imports, and Python keeps bytecode beside source only
where that is a file. In a roll of three servers 25 modules compile the same files again: a sixth of all that it costs.
"""

import _imp
import contextlib
import gc
import marshal
import os
import sys
import zipimport

# On a machine of the lab it is shared with this one, by a mount: see docker.machine_options.
FOLDER = os.environ.get("NATSOPS_BYTECODE", "/var/cache/natsops-bytecode")
_compile_source = zipimport._compile_source


def _once(source, name, compiled):
    # By what the source is, and the Python that compiles it.
    key = int.from_bytes(_imp.source_hash(1, source + name.encode()), "little")
    path = f"{FOLDER}/{sys.implementation.cache_tag}-{key:016x}"
    with contextlib.suppress(OSError, EOFError, ValueError, TypeError), open(path, "rb") as file:
        return marshal.load(file)
    code = compiled()
    # Process ids are no names here: those of all machines write to one folder.
    part = f"{path}.{os.urandom(8).hex()}"
    with contextlib.suppress(OSError):
        with open(part, "wb") as file:
            marshal.dump(code, file)
        os.replace(part, path)
    return code


def _kept(pathname, source):
    # Each run has its zip files elsewhere: where it came from does not matter.
    return _once(source, "", lambda: _compile_source(pathname, source))


if os.path.isdir(FOLDER):
    zipimport._compile_source = _kept

if any(os.path.basename(word) in ("ansible", "ansible-playbook") for word in getattr(sys, "orig_argv", [])[:2]):
    # Ansible forks a worker for each task on each host, and the first collection in one writes to all that it shares with the
    # others. Without collections 60 small tasks cost a sixth less; a run lasts too short to need them.
    gc.disable()
    # The command line of httpx, which it imports where there are click and rich: the tools of the tests have brought them.
    sys.modules["httpx._main"] = None
    if os.path.isdir(FOLDER):
        import controller_cache

        controller_cache.install(FOLDER, _once)
