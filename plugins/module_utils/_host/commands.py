# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""A server that commands start: the user's own, of a supervisor that we do not know, and a pid file that names the process."""

from __future__ import annotations

import os
import shlex
import signal
import tempfile
from typing import IO, Any, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import poll_until
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host import started_by as _started_by

# Longest time for a command to end. A supervisor may wait for the server, with bounds of its own.
COMMAND_SECONDS = 300.0
_MOST_SAID = 16 * 1024


def heard(argv: Sequence[str], seconds: float = COMMAND_SECONDS) -> _process.Output:
    """Run a command to its end, and no longer: what it has started in the background may keep its output open for ever.

    Raises NatsError where it cannot be run or does not end. Of what it says, the end is kept.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            child = _process.Child(argv, stdout=out, stderr=err)
        except OSError as exc:
            raise NatsError(f"{argv[0]} cannot be run: {exc.strerror or exc}") from exc
        polled = poll_until(
            child.poll,
            lambda code: code is not None,
            timeout_seconds=seconds,
            shortest_interval_seconds=0.005,
            longest_interval_seconds=0.1,
        )
        if not polled.satisfied:
            child.kill()
            child.wait()
            raise NatsError(f"{argv[0]} has not ended after {seconds:g} s: {' '.join(argv)}")
        return _process.Output(child.returncode, _end_of(out), _end_of(err))


def _end_of(file: IO[bytes]) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - _MOST_SAID))
    return file.read().decode("utf-8", "replace")


def started(params: Mapping[str, Any], log_path: str | None) -> _process.Process | None:
    """Run the start command: the server itself, in a session of its own, or a supervisor's command, whose exit code counts."""
    argv = params["start_argv"]
    if params["start_detach"]:
        return _process.look(_process.start_detached(argv, cwd=params["chdir"] or "/", log_path=log_path))
    output = heard(argv, params["start_timeout_seconds"])
    if output.returncode != 0:
        raise NatsError(f"{' '.join(argv)} ended with code {output.returncode}: {output.stderr.strip() or output.stdout.strip()}")
    return None


class Commands:
    """What the commands of the user do. Where one is not given, whoever runs the server does nothing by himself."""

    contained = False

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self.unit: dict[str, str] = {}

    def find(self) -> _process.Found:
        if self._params.get("pid_file"):
            return _process.find_by_pid_file(self._params["pid_file"])
        return _process.find_by_pid(self._params["pid"])

    def container(self) -> None:
        """None: it runs in none."""

    def is_held(self) -> bool:
        """Nobody but the user's command knows."""
        return False

    def hold(self, *, check_mode: bool) -> dict[str, Any]:
        return self._done("hold_command", "Restarts are not held. Nothing was signalled", check_mode)

    def require_held(self) -> None:
        """The hold command has said so, or there is none."""

    def release(self, *, check_mode: bool) -> dict[str, Any]:
        """Let go, unless the server was ended to stay away: a supervisor that starts it whenever it ends would bring it back."""
        argv = self._params["hold_command"]
        if not self._params["stays_away"]:
            return self._done("release_command", "Automatic restarts may be held still", check_mode)
        if not argv:
            return {"changed": False}
        undo = shlex.join(self._params["release_command"] or ()) or "undo nats_upgrade_hold_command"
        return {
            "changed": False,
            "stays_held": (
                f"{self._params['host'] or 'this host'}: automatic restarts stay held, or its supervisor would start it again. "
                f"The next run lets go of them. To start it by hand, end the hold first: {undo}"
            ),
        }

    def lame_duck(self, process: _process.Process) -> bool:
        return _process.send(process, signal.SIGUSR2)

    def start(self, *, check_mode: bool) -> dict[str, Any]:
        params = self._params
        if not params["start_argv"]:
            raise NatsError("nothing says how the server is started, and nothing was: set nats_upgrade_start_command")
        if check_mode:
            return {"changed": True, "pid": None}
        if params["start_detach"]:
            _started_by.require_own(params["start_argv"], params["chdir"], "nothing was started")
        process = started(params, params["output_path"] or params["own_output_path"])
        return {"changed": True, "pid": process.pid if process else None}

    def end(self, *, check_mode: bool) -> dict[str, Any]:
        """Have the supervisor end it where there is a command for that, and then the process itself, where it is known."""
        stopped = self._done("stop_command", "What runs there was not ended", check_mode)
        pid = self._params["pid"]
        process = _process.look(pid) if pid else None
        gone = process is None or process.start_ticks != self._params["start_ticks"]
        result: dict[str, Any] = {"changed": stopped["changed"] or not gone, "pid": pid, "signals": []}
        if process is None or gone or check_mode:
            return result
        for number in (signal.SIGTERM, signal.SIGKILL):
            if _process.send(process, number):
                result["signals"].append(number.name)
            if _process.wait_for_exit(process, self._params["timeout_seconds"])[0]:
                return result
        raise NatsError(
            f"{process.program} (pid {process.pid}) is still there after SIGTERM and SIGKILL: look at its host", **result
        )

    def log(self) -> tuple[list[str], str | None, list[str]]:
        """Before it has opened its log file a server speaks to its standard error, which a supervisor may keep to itself."""
        params = self._params
        if params["log_command"]:
            return [], None, list(params["log_command"])
        paths = [path for path in (params["output_path"], params["log_path"]) if path]
        return paths, None if params["output_path"] else params["own_output_path"], []

    def status(self) -> dict[str, Any]:
        """Fail where the supervisor does not run the server. It may take a moment to know what it has started."""
        params, argv = self._params, self._params["status_command"]
        if not argv:
            return {"changed": False}
        polled = poll_until(
            self._status,
            lambda status: status[0] == "0",
            # Tries are a second apart.
            timeout_seconds=float(params["status_tries"]),
            shortest_interval_seconds=1.0,
            longest_interval_seconds=1.0,
        )
        code, said = polled.value
        if polled.satisfied:
            return {"changed": False}
        refused, untouched = ("refused: ", " Nothing was touched.") if params["untouched"] else ("", "")
        raise NatsError(
            f"{refused}{params['host'] or 'this host'}: the server answers, and its supervisor does not run it: {' '.join(argv)} "
            f"ended with {code}: {said or 'it said nothing'}. Nobody would start it again when it ends. Have the supervisor run "
            f"it, or set nats_upgrade_status_command to what names this server.{untouched}"
        )

    def _status(self) -> tuple[str, str]:
        try:
            output = heard(_expanded(self._params["status_command"]), 30.0)
        except NatsError as exc:
            return "no status", str(exc)
        return str(output.returncode), output.stdout.strip() or output.stderr.strip()

    def _done(self, option: str, left: str, check_mode: bool) -> dict[str, Any]:
        """Run a command of the user's where there is one. C(left) says how things are where it fails."""
        argv = self._params[option]
        if not argv or check_mode:
            return {"changed": bool(argv)}
        named = f"nats_upgrade_{option} ({' '.join(argv)})"
        try:
            output = heard(_expanded(argv))
        except NatsError as exc:
            raise NatsError(f"{named} failed: {exc}. {left}. Mend it, and run again") from exc
        if output.returncode != 0:
            said = output.stderr.strip() or output.stdout.strip() or "it said nothing"
            raise NatsError(f"{named} ended with code {output.returncode}: {said}. {left}. Mend it, and run again")
        return {"changed": True}


def _expanded(argv: Sequence[str]) -> list[str]:
    """The words with ~ and $NAME filled in, as Ansible's own module for commands does."""
    return [os.path.expanduser(os.path.expandvars(word)) for word in argv]
