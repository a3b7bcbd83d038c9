# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The client probe as a process of its own, which outlives the tasks that start and read it, and not the playbook.

Run by its path, with its folder, by which it is known. What else it has to know comes by standard input, so that no other process
sees it. It says what it sees in client-probe.jsonl: C(began), one C(step) whenever SIGUSR1 comes, C(ended). SIGTERM ends it, the
end of the playbook ends it, and so does its longest life; in each case it removes its stream.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
import traceback
import types
from pathlib import Path
from typing import Any

OBSERVED, STEP = "client-probe.jsonl", "client-probe.step"
LONGEST_LIFE_SECONDS = 24 * 3600.0
FLOW_SECONDS = 20.0
# How long a message that was acknowledged before a step ended may take to be delivered, and those before the end. One that goes
# down with a connection is given again when it was not acknowledged in time, which a new leader of the consumer counts anew.
# And machines are slow: 15 s were not enough for one message of 9 794 (two busy processors, 200 a second).
SETTLE_SECONDS = LAST_SECONDS = 45.0
# Nobody gives one again that was published without a stream.
SETTLE_PLAIN_SECONDS = 2.0
LOOK_SECONDS = 0.25
# Of how many messages that did not come the stream is asked whether it has them.
MOST_LOOKED_FOR = 20


def _be_of_the_collection() -> None:
    """Make the collection importable as it is within Ansible, wherever it lies."""
    here = Path(__file__).resolve().parent
    paths: dict[str, list[str]] = {
        "ansible_collections": [],
        "ansible_collections.natsops": [],
        "ansible_collections.natsops.cluster": [str(here.parents[2])],
    }
    for name, path in paths.items():
        module = types.ModuleType(name)
        module.__path__ = path
        sys.modules[name] = module
    # Nothing here is to be found by its short name.
    sys.path[:] = [path for path in sys.path if Path(path) != here]


class Probe:
    """One probe from its first connection to the removal of its stream."""

    def __init__(self, told: dict[str, Any]) -> None:
        from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
        from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import figures as _figures
        from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import session as _session
        from ansible_collections.natsops.cluster.plugins.plugin_utils._probe import traffic as _traffic

        self._figures, self._process = _figures, _process
        self._folder = Path(told["folder"])
        wanted = _session.Wanted(told["account"], told["servers"], told["run_id"], told["replicas"])
        self._session = _session.Session(wanted)
        self._names = wanted.names
        rate = wanted.account["rate"]
        self._traffic = _traffic.Traffic(wanted.names, rate, rate, LAST_SECONDS)
        self._owner = _process.Process(told["owner"]["pid"], told["owner"]["start_ticks"], (), "")
        self._ends_at = time.monotonic() + LONGEST_LIFE_SECONDS
        self._marked, self._told_to_end = asyncio.Event(), False
        self._host: str | None = None
        self._all: list[dict[str, Any]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._has_stream = False
        # What did not come, and is in the stream all the same.
        self._withheld: set[int] = set()

    async def run(self) -> str:
        """Do it all; returns why it ended."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._marked.set)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        removed: bool | None = None
        client = await self._connect("publisher")
        try:
            without = await self._begin(client)
            reason = await self._watch(client)
            self._traffic.stop.set()
            await asyncio.gather(*self._tasks)
            lost = await self._lost(client, self._traffic.tally.stream.missing)
            self._take_step(lost, self._traffic.tally.plain.missing)
        finally:
            for task in self._tasks:
                task.cancel()
            if self._has_stream:
                removed = await self._session.remove_stream(client, self._names.stream)
            await self._session.close()
        self._write(
            "ended", reason=reason, total=self._figures.total(self._all), stream_removed=removed, without_jetstream=without
        )
        return reason

    async def _begin(self, publisher: Any) -> str:
        """Have everything flow; returns why there is no stream, empty where there is one."""
        session, _traffic = self._session, self._traffic
        consumer, responder, requester = [await self._connect(name) for name in ("consumer", "responder", "requester")]
        await session.prove(requester, responder, publisher, consumer, _traffic.receive)
        without, left = await session.without_jetstream(publisher), []
        if not without:
            left = await session.remove_left(publisher)
            without = await session.make_stream(publisher)
            self._has_stream = not without
        work = [_traffic.request(requester), _traffic.send(publisher)]
        if not without:
            work += [_traffic.publish(publisher), _traffic.consume(consumer)]
        self._steps = self._figures.Steps(_traffic.tally, jetstream=not without)
        self._tasks = [asyncio.ensure_future(part) for part in work]
        await self._until_it_flows(jetstream=not without)
        # What is not allowed is said before the answer to this. A message that may not be acknowledged is a stall later on.
        await consumer.flush()
        if session.denied:
            raise RuntimeError(f"the user may not do all that the probe does ({session.denied[-1]})")
        self._write("began", pid=os.getpid(), without_jetstream=without, removed=left, rate=_traffic.rate)
        return without

    async def _connect(self, name: str) -> Any:
        tally, last = self._traffic.tally, {"server": ""}

        def server() -> str:
            return str((getattr(client, "_server_info", None) or {}).get("server_name", ""))

        async def reconnected() -> None:
            tally.left[last["server"]] += 1
            tally.note("reconnect", f"{name}: {last['server']} -> {server()}")
            last["server"] = server()

        client = await self._session.connect(name, reconnected_cb=reconnected)
        last["server"] = server()
        return client

    async def _until_it_flows(self, *, jetstream: bool) -> None:
        """A probe through which nothing ever flowed must not look like a cluster without interruptions."""
        tally, deadline = self._traffic.tally, time.monotonic() + FLOW_SECONDS
        while not (tally.requests_ok and len(tally.plain.received) and (not jetstream or len(tally.stream.received))):
            for task in self._tasks:
                if task.done():
                    task.result()
            if time.monotonic() > deadline:
                seen = f"{tally.requests_ok} requests answered, {len(tally.plain.received)} messages delivered"
                stream = f", {len(tally.stream.sent)} acknowledged by the stream, {len(tally.stream.received)} consumed"
                if self._session.denied:
                    seen += f", and the user may not do all that the probe does ({self._session.denied[-1]})"
                raise RuntimeError(
                    f"nothing flows after {FLOW_SECONDS:g} s: {seen}{stream if jetstream else ''}; {tally.events[-3:]}"
                )
            await asyncio.sleep(0.02)

    async def _watch(self, client: Any) -> str:
        """Until it is to end; returns why."""
        while not self._told_to_end:
            for task in self._tasks:
                if task.done():
                    task.result()
            if not self._process.alive(self._owner):
                return "the playbook has gone"
            if time.monotonic() > self._ends_at:
                return "it has lived as long as it may"
            try:
                await asyncio.wait_for(self._marked.wait(), LOOK_SECONDS)
            except asyncio.TimeoutError:
                continue
            self._marked.clear()
            if not self._told_to_end:
                missing, missing_plain = await self._settle()
                self._take_step(await self._lost(client, missing), missing_plain)
        return "stopped"

    def _end(self) -> None:
        self._told_to_end = True
        self._marked.set()

    async def _lost(self, client: Any, missing: set[int]) -> set[int]:
        """Those of what did not come that the stream lacks as well. What it has is noted: its consumer keeps it back."""
        waiting, known = self._traffic.tally.stream.waiting, self._steps.lost | self._withheld
        for number in sorted(missing - known)[:MOST_LOOKED_FOR]:
            sequence = waiting.get(number, 0)
            there, said = await self._session.find(client, self._names.stream, sequence)
            self._traffic.tally.note("missing", f"message {number}, sequence {sequence} of the stream: {said}")
            if there:
                self._withheld.add(number)
        return missing - self._withheld

    async def _settle(self) -> tuple[set[int], set[int]]:
        """Wait for what was acknowledged so far, for what is on its way is not lost; returns what did not come."""
        flow, plain = self._traffic.tally.stream, self._traffic.tally.plain
        # What an earlier step has waited for in vain is not waited for again.
        before, before_plain = flow.missing - self._steps.lost - self._withheld, plain.missing - self._steps.lost_plain
        begin = time.monotonic()

        def waits() -> bool:
            seconds = time.monotonic() - begin
            left, left_plain = before & flow.missing, before_plain & plain.missing
            return bool((left and seconds < SETTLE_SECONDS) or (left_plain and seconds < SETTLE_PLAIN_SECONDS))

        while waits():
            await asyncio.sleep(0.01)
        return before & flow.missing, before_plain & plain.missing

    def _take_step(self, missing: set[int], missing_plain: set[int]) -> None:
        """End a step, and begin the one of the host that is named in the file beside."""
        step = self._steps.take(missing, missing_plain)
        self._all.append(step)
        self._write("step", host=self._host, **step)
        try:
            self._host = (self._folder / STEP).read_text(encoding="utf-8") or None
        except FileNotFoundError:
            self._host = None

    def _write(self, kind: str, **values: Any) -> None:
        line = json.dumps({"at": self._figures.utc_text(), "kind": kind, **values}) + "\n"
        write(self._folder, line)


def write(folder: Path, line: str) -> None:
    """Append a line, which is there as a whole or not at all. For nobody else's eyes."""
    descriptor = os.open(folder / OBSERVED, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


async def _to_the_end(told: dict[str, Any]) -> None:
    """Run until it ends, and say so in any case."""
    from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError

    code = 1
    try:
        await Probe(told).run()
        code = 0
    except (NatsError, RuntimeError, OSError, asyncio.TimeoutError) as error:
        ended = {"kind": "ended", "reason": str(error) or type(error).__name__, "failed": True}
        write(Path(told["folder"]), json.dumps(ended) + "\n")
    finally:
        if sys.exc_info()[0]:
            traceback.print_exc()
        # What the client library has left running may not let itself be cancelled.
        os._exit(code)


def main() -> None:
    """Read what there is to know, and run."""
    _be_of_the_collection()
    asyncio.run(_to_the_end(json.loads(sys.stdin.read())))


if __name__ == "__main__":
    main()
