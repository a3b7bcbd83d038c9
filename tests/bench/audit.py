"""How long the audit of a large fleet takes, against a plain script: ``python -m tests.bench.audit``. Asserts nothing.

Simulated servers, each on a loopback address of its own, answer over real HTTP as a recorded one; the real playbook reads and
judges them, and a script that reads the same endpoints of the same servers is measured in the same run. The servers run in a
process of their own, on the same machine. Some hang.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.lab.many_servers import ManyServers, address

ROOT = Path(__file__).resolve().parents[2]
CLUSTER_SIZE = 5


def answers(hanging: int) -> Callable[[int, str], Any]:
    recorded = json.loads((ROOT / "tests" / "fixtures" / "2.15.1" / "n1.json").read_text(encoding="utf-8"))
    varz, route = recorded["/varz"]["body"], recorded["/routez"]["body"]["routes"][0]

    def answer(number: int, path: str) -> Any:
        if number < hanging:
            return None
        first = number - number % CLUSTER_SIZE
        names = [f"h{one}" for one in range(first, first + CLUSTER_SIZE) if one != number]
        if path == "/routez":
            return {"routes": [{**route, "remote_name": name} for name in names for _unused in range(3)]}
        own = {"server_id": f"ID{number}", "server_name": f"h{number}", "cluster": {"name": f"c{number // CLUSTER_SIZE}"}}
        return {**varz, **own, "version": "2.15.1" if number % 7 else "2.14.6"}

    return answer


def serve(pipe: Connection, hanging: int) -> None:
    with ManyServers(answers(hanging)) as servers:
        pipe.send(servers.port)
        pipe.recv()
        pipe.send((servers.requests, servers.most_at_once))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.audit", description=str(__doc__).splitlines()[0])
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--hanging", type=int, default=0)
    parser.add_argument("--runs", type=int, default=3, help="with each tool (default: %(default)s)")
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("fork").Process(target=serve, args=(theirs, options.hanging))
    server.start()
    port = ours.recv()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    print(f"{options.servers} servers, {options.hanging} of them hang; at most {files} open files", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        commands = {"script": script(Path(folder), options.servers, port), "audit": audit(Path(folder), options.servers, port)}
        medians = {}
        for tool, argv in commands.items():
            runs = [timed(argv) for _unused in range(options.runs)]
            medians[tool] = statistics.median(wall for wall, _cpu, _said in runs)
            each = "  ".join(f"{wall:.1f}" for wall, _cpu, _said in runs)
            cpu = statistics.median(cpu for _wall, cpu, _said in runs)
            print(f"{tool:7} {medians[tool]:5.1f} s  ({each}), {cpu:.1f} s of the processor: {runs[-1][2]}", flush=True)
        print(f"ratio   {medians['audit'] / medians['script']:5.2f}")
    ours.send("done")
    requests, most = ours.recv()
    server.join()
    print(f"{requests} requests, {most} at once at the most")


def script(folder: Path, servers: int, port: int) -> list[str]:
    file = folder / "urls.json"
    file.write_text(json.dumps([f"http://{address(number)}:{port}" for number in range(servers)]), encoding="utf-8")
    return [sys.executable, "-m", "tests.bench.plain_audit", str(file)]


def audit(folder: Path, servers: int, port: int) -> list[str]:
    inventory = folder / "hosts.yml"
    hosts = {f"h{number}": {"ansible_host": address(number)} for number in range(servers)}
    url = {"nats_upgrade_monitor_url": f"http://{{{{ ansible_host }}}}:{port}"}
    inventory.write_text(json.dumps({"nats": {"hosts": hosts, "vars": url}}), encoding="utf-8")
    playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    output = ["-e", f"nats_audit_output={folder / 'audit.json'}", "-e", "nats_audit_format=json"]
    return [playbook, str(ROOT / "playbooks" / "audit.yml"), "-i", str(inventory), *output]


def timed(argv: list[str]) -> tuple[float, float, str]:
    """Seconds on the clock, seconds of the processor, and what was seen."""
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    told = re.search(r"\d+ (?:of \d+ hosts|servers) answer.*", done.stdout)
    said = told[0].strip("'\" ,") if told else done.stdout[-2000:] + done.stderr[-2000:]
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, said


if __name__ == "__main__":
    main()
