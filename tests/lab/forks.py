"""Run programs as forks of one process that has imported what they need: the program of tests/lab/warm.py.

``forks.py controller NAME ROOM`` runs ansible-playbook and ansible, ``forks.py node NAME ROOM`` what Ansible pipes to Python on a
local node. NAME is of an abstract socket, so that nothing is left of it; ROOM is as long as any arguments of the programs. Each
connection is one program: its three standard files, then what it gets, as JSON. The answers are its pid and its exit status.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

# The name of the process for the node, for what runs on the controller.
NODE = "NATSOPS_NODE_FORKS"
STANDARD_FILES = 3
PROGRAMS = {"ansible-playbook": "ansible.cli.playbook", "ansible": "ansible.cli.adhoc"}
ON_CONTROLLER = (
    *PROGRAMS.values(),
    "ansible.executor.module_common",
    "ansible.executor.process.worker",
    "ansible.plugins.action",
    "ansible.plugins.callback.default",
    "ansible.plugins.connection.local",
    "ansible.plugins.filter.core",
    "ansible.plugins.filter.mathstuff",
    "ansible.plugins.inventory.yaml",
    "ansible.plugins.strategy.linear",
    "ansible.plugins.test.core",
    "ansible.plugins.vars.host_group_vars",
    "httpx",
)
ON_NODE = ("ansible.module_utils.basic", "ansible.module_utils._internal._ansiballz._loader", "shutil", "tempfile", "zipfile")
# How Ansible has a local node run what it pipes to Python.
PIPED = re.compile(r"/bin/sh -c '(\S+) && sleep 0'")


def prepare_controller() -> None:
    """Import Ansible, with the collection as ansible.cfg says where it is."""
    _import(ON_CONTROLLER)
    from ansible.plugins.connection import local
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader()
    # Each run does the same again, and is told that it has been done.
    warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")
    importlib.import_module("ansible_collections.natsops.cluster.plugins.plugin_utils._action.base")
    local.Connection.exec_command = _piped_to_fork(local.Connection.exec_command)


def run_on_controller() -> None:
    importlib.import_module(PROGRAMS[os.path.basename(sys.argv[0])]).main()


def prepare_node() -> None:
    """Import what every module imports, as a node does: nothing of the collection, which comes with each module."""
    _import(ON_NODE)


def run_on_node() -> None:
    """Run the program on standard input, as python does."""
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(compile(sys.stdin.buffer.read(), "<stdin>", "exec"), main.__dict__)


def _import(names: tuple[str, ...]) -> None:
    for name in names:
        # What this version of Ansible has elsewhere each run imports by itself.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _piped_to_fork(real: Callable[..., tuple[int, bytes, bytes]]) -> Callable[..., tuple[int, bytes, bytes]]:
    """A local connection that gives to a fork what it would pipe to a new Python of the same program."""

    def exec_command(self: Any, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        python = PIPED.fullmatch(cmd)
        if not in_data or self.become or python is None or python[1] != sys.executable:
            return real(self, cmd, in_data=in_data, sudoable=sudoable)
        return run(os.environ[NODE], [""], os.fsdecode(self.cwd or os.getcwd()), dict(os.environ), in_data)

    return exec_command


def address_of(name: str) -> str:
    return f"\0{name}"


def run(
    name: str, argv: list[str], folder: str, env: dict[str, str], given: bytes = b"", seconds: float | None = None
) -> tuple[int, bytes, bytes]:
    """Have the process of this name run a program, as subprocess.run would. Return its status and what it wrote."""
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(os.memfd_create("standard"), "w+b", buffering=0)) for _unused in range(STANDARD_FILES)]
        files[0].write(given)
        files[0].seek(0)
        connection = stack.enter_context(socket.socket(socket.AF_UNIX))
        connection.connect(address_of(name))
        connection.settimeout(seconds)
        socket.send_fds(connection, [b"!"], [file.fileno() for file in files])
        connection.sendall(json.dumps({"argv": argv, "cwd": folder, "env": env}).encode())
        connection.shutdown(socket.SHUT_WR)
        said = stack.enter_context(connection.makefile("rb"))
        pid = int(said.readline())
        try:
            status = int(said.readline())
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(argv, seconds or 0, *map(_written, files[1:])) from None
        return status, _written(files[1]), _written(files[2])


def _written(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def serve(listener: socket.socket, run: Callable[[], None]) -> None:
    """Fork for each connection, until nobody holds the other end of standard input any more."""
    ended, ends = os.pipe()
    os.set_blocking(ends, False)
    signal.set_wakeup_fd(ends)
    signal.signal(signal.SIGCHLD, lambda *_unused: None)
    running: dict[int, socket.socket] = {}
    while sys.stdin not in (ready := select.select([listener, sys.stdin, ended], [], [])[0]):
        if listener in ready:
            connection, _unused = listener.accept()
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for other in (listener, *running.values()):
                    other.close()
                _be_program(connection, run)
            running[pid] = connection
        if ended in ready:
            os.read(ended, 4096)
            _tell_ends(running)


def _tell_ends(running: dict[int, socket.socket]) -> None:
    """Say how each program has ended that has, to whoever waits for it."""
    while running and (found := os.waitpid(-1, os.WNOHANG))[0]:
        with running.pop(found[0]) as connection, contextlib.suppress(OSError):
            connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(found[1]))


def _be_program(connection: socket.socket, run: Callable[[], None]) -> None:
    os.setsid()
    # What this process has registered is for its own end.
    atexit._clear()
    _unused, files, *_unused2 = socket.recv_fds(connection, 1, STANDARD_FILES)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    with connection, connection.makefile("rb") as asked:
        wanted = json.load(asked)
        connection.sendall(b"%d\n" % os.getpid())
    sys.argv = wanted["argv"]
    os.environ.clear()
    os.environ.update(wanted["env"])
    os.chdir(wanted["cwd"])
    # Python has an empty name for a program that it is piped.
    _show([sys.executable, *(sys.argv if sys.argv[0] else [])], [f"{name}={value}" for name, value in os.environ.items()])
    os._exit(_status(run))


def _show(argv: list[str], env: list[str]) -> None:
    """Have /proc show these of this process, and not those of the one that it was forked from.

    By them the lock of a run knows its process from its workers, and the tests find what belongs to a run.
    """
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    # Where the kernel has put both when this program started, see proc(5).
    arguments, arguments_end, environment, environment_end = map(int, fields[45:49])
    for words, start, end in ((argv, arguments, arguments_end), (env, environment, environment_end)):
        text = b"".join(os.fsencode(word) + b"\0" for word in words)[: end - start - 1].ljust(end - start, b"\0")
        ctypes.memmove(start, text, end - start)


def _status(run: Callable[[], None]) -> int:
    """Run to the end, as Python ends a program."""
    try:
        run()
        status: object = 0
    except SystemExit as exc:
        status = exc.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    if not isinstance(status, int):
        print(status, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return status if isinstance(status, int) else 1


ROLES = {"controller": (prepare_controller, run_on_controller), "node": (prepare_node, run_on_node)}


def main() -> None:
    role, name, _room = sys.argv[1:]
    prepare, run_program = ROLES[role]
    # The folder of this file is nothing that a program of Ansible would look into.
    del sys.path[0]
    prepare()
    # What is here now stays as it is in every fork.
    gc.collect()
    gc.disable()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address_of(name))
        listener.listen()
        os.write(1, b"ready\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        serve(listener, run_program)


if __name__ == "__main__":
    main()
