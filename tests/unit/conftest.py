from __future__ import annotations

from tests.unit.attackers import attacker
from tests.unit.processes import processes
from tests.unit.systemd import systemd
from tests.unit.waits import wait

__all__ = ["attacker", "processes", "systemd", "wait"]
