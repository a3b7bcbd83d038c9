"""Makes a stream with a feature of 2.14 while a server of 2.14 leads and others are older: ``python -m tests.integration.wedge``.

What a user does who does not know that a roll is under way. The arguments are the name and the client URL of the new server.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from nats.errors import Error

from tests.lab.load_assets import connect

STREAM = "WEDGE"
LEAD_SECONDS = 60.0
# The answer never comes: the stream has no leader.
CREATE_SECONDS = 1.0


async def wedge(name: str, url: str) -> None:
    operator, user = await connect([url], "sys", "sys"), await connect([url], "app", "app")
    try:
        await _lead(operator, name)
        config = {"name": STREAM, "subjects": ["wedge.>"], "num_replicas": 3, "allow_batched": True, "retention": "limits"}
        config.update(storage="file", discard="old", max_consumers=-1, max_msgs=-1, max_bytes=-1, max_age=0)
        try:
            answer = await user.request(f"$JS.API.STREAM.CREATE.{STREAM}", json.dumps(config).encode(), timeout=CREATE_SECONDS)
            print(answer.data.decode())
        except (Error, asyncio.TimeoutError) as error:
            print(f"no answer: {error!r}")
    finally:
        await operator.close()
        await user.close()


async def _lead(operator: object, name: str) -> None:
    request, deadline = json.dumps({"placement": {"preferred": name}}).encode(), time.monotonic() + LEAD_SECONDS
    said = ""
    while "already leader" not in said:
        if time.monotonic() > deadline:
            raise SystemExit(f"{name} did not become the meta leader: {said}")
        try:
            answer = await operator.request("$JS.API.META.LEADER.STEPDOWN", request, timeout=5)  # type: ignore[attr-defined]
            said = answer.data.decode()
        except (Error, asyncio.TimeoutError) as error:
            # While leadership moves, nobody may answer.
            said = f"no answer: {error!r}"
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(wedge(*sys.argv[1:]))
