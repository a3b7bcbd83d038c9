"""Upgrade a real cluster on this machine while clients use it, and say what they noticed.

``python -m tests.lab.demo --from 2.12.8 --to 2.14.5`` needs no root and no containers.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from tests.lab.binaries import ROOT, LabError, check_version, server_binary
from tests.lab.cluster import LoopbackCluster
from tests.lab.demo_report import Result
from tests.lab.inventory import write_inventory
from tests.lab.mirror import release_mirror
from tests.lab.node import Settings
from tests.lab.playbook import PlaybookRun, run_playbook
from tests.lab.ports import Ports
from tests.lab.processes import end_marked
from tests.lab.sampler import Sampler

PLAYBOOK = ROOT / "playbooks" / "upgrade.yml"
CALLBACK = "natsops.cluster.roll"
PLAYBOOK_SECONDS = 600.0
RATE = 200.0
MARK = "NATSOPS_LAB_DEMO"
FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130


@dataclass(frozen=True)
class Options:
    before: str
    target: str
    grace: str
    rate: float
    ports: Ports | None
    json: Path | None
    waive: tuple[str, ...] = ()


def run(options: Options) -> Result:
    """Do the whole demo. Everything that was started has ended when this returns or raises."""
    _say(f"Preparing {options.before} and {options.target}")
    server_binary(options.before)
    mirror = release_mirror([options.target])
    settings = Settings(cluster_name="demo", lame_duck_grace_period=options.grace)
    _say(f"Starting three servers of version {options.before}")
    with LoopbackCluster(options.before, ports=options.ports, settings=settings) as cluster:
        probe = {"servers": cluster.urls, "user": "app", "password": "app", "rate": options.rate}
        variables = {"nats_upgrade_waive": list(options.waive), "nats_upgrade_client_probe": probe}
        return _upgrade(cluster, write_inventory(cluster, mirror, **variables), options)


def _upgrade(cluster: LoopbackCluster, inventory: Path, options: Options) -> Result:
    before, target = cluster.versions(), options.target
    with Sampler(cluster) as sampler:
        _say(f"Upgrading to {target} while clients use it, {options.rate:g} times a second: {PLAYBOOK.relative_to(ROOT)}\n")
        first = _play(inventory, target, capture=False)
        phases = sampler.phases
    clients = _what_clients_saw(cluster.base / "reports")
    second = _second_run(inventory, target) if first.returncode == 0 else None
    return Result(
        target=target,
        versions_before=before,
        versions_after=cluster.versions(),
        phases=phases,
        clients=clients,
        playbook_status=first.returncode,
        playbook_seconds=round(first.seconds, 2),
        second_status=second.returncode if second else None,
        second_changed=second.changed if second else None,
        second_seconds=round(second.seconds, 2) if second else None,
    )


def _what_clients_saw(reports: Path) -> dict[str, Any] | None:
    """The sum of what the client probe of the run saw; None where the run broke off before there was one."""
    records = [json.loads(line) for path in reports.glob("*/client-probe.jsonl") for line in path.read_text("utf-8").splitlines()]
    return next((record.get("total") for record in records if record["kind"] == "ended"), None)


def _second_run(inventory: Path, target: str) -> PlaybookRun:
    _say("Running the playbook again, which must change nothing")
    run = _play(inventory, target, capture=True)
    if run.returncode != 0 or run.changed:
        _say(run.stdout + run.stderr)
    return run


def _play(inventory: Path, target: str, *, capture: bool) -> PlaybookRun:
    variables = {"nats_upgrade_version": target}
    # What is captured is counted: that takes the recap of the default callback.
    env = {} if capture else {"ANSIBLE_STDOUT_CALLBACK": CALLBACK}
    return run_playbook(PLAYBOOK, inventory, variables, env=env, timeout_seconds=PLAYBOOK_SECONDS, capture=capture)


def _say(text: str) -> None:
    print(text, flush=True)


def _options(arguments: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.demo", description=str(__doc__).splitlines()[0])
    parser.add_argument("--from", dest="before", default="2.12.8", metavar="VERSION", help="default: %(default)s")
    parser.add_argument("--to", dest="target", default="2.14.5", metavar="VERSION", help="default: %(default)s")
    parser.add_argument("--waive", nargs="*", default=[], metavar="NAME", help="refusals to accept, such as stepping_stone")
    parser.add_argument("--grace", default="1ms", help="lame_duck_grace_period of the servers (default: %(default)s)")
    parser.add_argument("--rate", type=_rate, default=RATE, help="messages per second (default: %(default)g)")
    parser.add_argument("--ports", type=int, metavar="BASE", help="first of 30 ports to use (default: a free block)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    given = parser.parse_args(arguments)
    versions = check_version(given.before), check_version(given.target)
    ports = None if given.ports is None else Ports.from_base(given.ports)
    return Options(*versions, given.grace, given.rate, ports, given.json, tuple(given.waive))


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= 1000:
        raise argparse.ArgumentTypeError("must be more than 0 and at most 1000")
    return rate


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Once is enough: a second Ctrl-C must not stop the cleaning up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _finish(result: Result, path: Path | None) -> int:
    if path:
        path.write_text(json.dumps(result.as_json(), indent=1) + "\n", encoding="utf-8")
    _say(f"\n{result.table()}")
    for problem in result.problems():
        _say(f"FAILED: {problem}")
    return FAILED if result.problems() else 0


def main(arguments: list[str] | None = None) -> int:
    try:
        options = _options(arguments)
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return WRONG_USE
    # Every process that is started from here on inherits the mark, so that none can be missed at the end.
    os.environ[MARK] = uuid.uuid4().hex
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _finish(run(options), options.json)
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("demo: interrupted, all processes are ended", file=sys.stderr)
        return INTERRUPTED
    finally:
        end_marked(f"{MARK}={os.environ[MARK]}")


if __name__ == "__main__":
    sys.exit(main())
