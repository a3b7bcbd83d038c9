"""The plain script that the audit is measured against: the same endpoints of the same servers, and nothing of the collection.

``python -m tests.bench.plain_audit FILE``: reads /varz and /routez of every address in a JSON file, through httpx in one asyncio
loop, as many at once as the audit, and says which versions each cluster runs. It judges nothing.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import httpx

AT_ONCE, TIMEOUT_SECONDS = 200, 5.0


async def read(urls: list[str]) -> list[tuple[Any, Any] | None]:
    places = asyncio.Semaphore(AT_ONCE)
    # Not one client for all: httpx looks through every connection of it for each request, which takes longer than all the rest.
    context = httpx.create_ssl_context()

    async def one(url: str) -> tuple[Any, Any] | None:
        async with places, httpx.AsyncClient(verify=context, timeout=TIMEOUT_SECONDS) as client:
            try:
                return (await client.get(f"{url}/varz")).json(), (await client.get(f"{url}/routez")).json()
            except (httpx.HTTPError, ValueError):
                return None

    return list(await asyncio.gather(*map(one, urls)))


def main() -> None:
    found = asyncio.run(read(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
    clusters: dict[str, Counter[str]] = defaultdict(Counter)
    for answers in found:
        if answers:
            clusters[answers[0]["cluster"]["name"]][answers[0]["version"]] += 1
    mixed = sum(len(versions) > 1 for versions in clusters.values())
    print(f"{sum(map(bool, found))} servers answer, {len(clusters)} clusters, {mixed} of them with several versions")


if __name__ == "__main__":
    main()
