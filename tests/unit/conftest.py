from __future__ import annotations

from tests.unit.processes import processes
from tests.unit.systemd import systemd

__all__ = ["processes", "systemd"]
