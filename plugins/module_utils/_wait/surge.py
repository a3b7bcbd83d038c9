# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Wait until temporary servers have joined a cluster or gone from it, or see whether it can do without them."""

from __future__ import annotations

import time
from typing import Any, Callable, Mapping, Sequence

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._core.poll import poll_until
from ansible_collections.natsops.cluster.plugins.module_utils._plan import surge as _surge
from ansible_collections.natsops.cluster.plugins.module_utils._read import monitor as _monitor
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.module_utils._read.monitor import Target
from ansible_collections.natsops.cluster.plugins.module_utils._values import known as _known
from ansible_collections.natsops.cluster.plugins.module_utils._values.server import Reading

SPEC: _options.Spec = {
    "state": {"type": "str", "choices": ["joined", "looked", "gone"], "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "surge": {"type": "list", "elements": "str", "required": True},
    "advertised": {"type": "bool", "default": True},
    "names": {"type": "list", "elements": "str", "default": []},
    "urls": {"type": "list", "elements": "str", "default": []},
    "timeout_seconds": {"type": "float", "default": 30.0},
    **_options.HOW_TO_READ,
}


class Wait:
    """One wait for all servers of C(cluster) and the temporary ones of C(surge)."""

    def __init__(
        self,
        params: Mapping[str, Any],
        source: _monitor.Source,
        cluster: Sequence[Target],
        surge: Sequence[Target],
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._params, self._source, self._cluster, self._surge = params, source, cluster, surge
        self._clock: dict[str, Any] = {"now": now, "sleep": sleep, "timeout_seconds": params["timeout_seconds"]}

    def run(self) -> dict[str, Any]:
        """Do what the option state says; raises NatsError where that does not come about."""
        return {"changed": False, **getattr(self, f"_{self._params['state']}")()}

    def _joined(self) -> dict[str, Any]:
        def look() -> tuple[list[str], list[Reading]]:
            surge = _monitor.read_facts(self._source, self._surge)
            with_jetstream = _surge.joined_meta_group(surge)
            if with_jetstream:
                raise NatsError(
                    f"{', '.join(with_jetstream)}: the temporary server answers with JetStream on: the meta group would miss it "
                    "once it has gone. Take the block jetstream out of its configuration",
                    refusal="surge_jetstream",
                )
            # Together: each is named by the others' routes.
            every = _known.settled([*_monitor.read_facts(self._source, self._cluster), *surge])
            cluster, surge = every[: len(self._cluster)], every[len(self._cluster) :]
            return _surge.not_joined(cluster, surge, advertised=self._params["advertised"]), surge

        polled = poll_until(look, lambda seen: not seen[0], **self._clock)
        missing, surge = polled.value
        if missing:
            raise NatsError(
                f"the temporary servers have not joined after {polled.elapsed_seconds:.0f} s: {'; '.join(missing)}. Look at "
                "their log, their routes (block cluster), the firewall to port 6222, no_advertise and client_advertise",
                missing=missing,
            )
        return self._told(surge)

    def _looked(self) -> dict[str, Any]:
        def look() -> tuple[list[str], list[Reading]]:
            surge = _monitor.read_facts(self._source, self._surge)
            names = [reading.facts.server_name for reading in surge if reading.facts]
            return _surge.needed(_monitor.read_state(self._source, self._cluster), names), surge

        needed, surge = poll_until(look, lambda seen: not seen[0], **self._clock).value
        return {"needed": needed, **self._told(surge)}

    def _gone(self) -> dict[str, Any]:
        names, urls = self._params["names"], self._params["urls"]
        polled = poll_until(
            lambda: _surge.still_there(_monitor.read_facts(self._source, self._cluster), names, urls),
            lambda left: not left,
            **self._clock,
        )
        if polled.value:
            raise NatsError(
                f"the temporary servers have exited, and after {polled.elapsed_seconds:.0f} s {'; '.join(polled.value)}: does "
                "something start them again?",
                left=polled.value,
            )
        return {}

    @staticmethod
    def _told(surge: Sequence[Reading]) -> dict[str, Any]:
        return {
            "running": [reading.name for reading in surge if reading.facts],
            "names": [reading.facts.server_name for reading in surge if reading.facts],
            "urls": list(_surge.own_urls(surge).values()),
        }
