"""The local connection, to a host that a test can make unreachable at one exact moment of a run.

The file NATSOPS_FLAKY_DIR/HOST says when the host is lost: ``made PATH``, once this path is there, or ``gone PID``, once this
process has ended. That is looked at before and after each command, so that one under way does its work and cannot say so.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """
name: flaky_local
short_description: local, and lost when a test says so
description: For tests only.
author: The natsops maintainers (@natsops)
options:
  pipelining:
    default: true
    description: See the local connection.
    type: boolean
    env:
      - name: ANSIBLE_PIPELINING
    vars:
      - name: ansible_pipelining
"""


class Connection(Local):
    """Fails as ssh does where no packet comes through any more."""

    transport = "flaky_local"

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> Any:
        self._look()
        result = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        self._look()
        return result

    def put_file(self, in_path: str, out_path: str) -> Any:
        self._look()
        return super().put_file(in_path, out_path)

    def _look(self) -> None:
        order = Path(os.environ["NATSOPS_FLAKY_DIR"]) / str(self._play_context.remote_addr)
        when, _unused, what = order.read_text(encoding="utf-8").partition(" ") if order.exists() else ("never", "", "")
        if (when == "made" and Path(what).exists()) or (when == "gone" and not _runs(what)):
            raise AnsibleConnectionFailure("no route to host")


def _runs(pid: str) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
