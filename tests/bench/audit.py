"""How long the audit of a large fleet takes: ``python -m tests.bench.audit``. Asserts nothing.

Simulated servers, each on a loopback address of its own, answer over real HTTP as a recorded one; the real playbook reads and
judges them. They run in a process of their own, on the same machine. Some hang.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import conftest  # noqa: F401  makes the collection importable
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
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("fork").Process(target=serve, args=(theirs, options.hanging))
    server.start()
    port = ours.recv()
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder) / "hosts.yml"
        hosts = {f"h{number}": {"ansible_host": address(number)} for number in range(options.servers)}
        url = {"nats_upgrade_monitor_url": f"http://{{{{ ansible_host }}}}:{port}"}
        inventory.write_text(json.dumps({"nats": {"hosts": hosts, "vars": url}}), encoding="utf-8")
        output = Path(folder) / "audit.json"
        argv = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            str(ROOT / "playbooks" / "audit.yml"),
            "-i",
            str(inventory),
        ]
        argv += ["-e", f"nats_audit_output={output}", "-e", "nats_audit_format=json"]
        begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
        wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        summary = json.loads(output.read_text(encoding="utf-8"))["summary"] if output.exists() else done.stdout[-2000:]
    ours.send("done")
    requests, most = ours.recv()
    server.join()
    print(f"{options.servers} servers, {options.hanging} of them hang: {wall:.1f} s ({cpu:.1f} s of the processor)")
    print(f"{requests} requests, {most} at once at the most; {summary}")


if __name__ == "__main__":
    main()
