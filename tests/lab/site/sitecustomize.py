"""Keeps the bytecode of what is imported out of zip files, and Ansible's workers from collecting garbage.

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


def _kept(pathname, source):
    # By what the source is, and the Python that compiles it: where it came from does not matter.
    key = int.from_bytes(_imp.source_hash(1, source), "little")
    path = f"{FOLDER}/{sys.implementation.cache_tag}-{key:016x}"
    with contextlib.suppress(OSError, EOFError, ValueError, TypeError), open(path, "rb") as file:
        return marshal.load(file)
    code = _compile_source(pathname, source)
    # Process ids are no names here: those of all machines write to one folder.
    part = f"{path}.{os.urandom(8).hex()}"
    with contextlib.suppress(OSError):
        with open(part, "wb") as file:
            marshal.dump(code, file)
        os.replace(part, path)
    return code


# Ansible forks a worker for each task on each host, and the first collection in one writes to all that it shares with the others.
# Without collections 60 small tasks cost a sixth less; a run lasts too short to need them.
if any(os.path.basename(word) in ("ansible", "ansible-playbook") for word in getattr(sys, "orig_argv", [])[:2]):
    gc.disable()

if os.path.isdir(FOLDER):
    zipimport._compile_source = _kept
