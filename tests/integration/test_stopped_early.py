"""A run that stops before its first node gives back every lock that it took, and says what it has made."""

from __future__ import annotations

from pathlib import Path

from tests.integration.faults import NEW, OLD, locked, says
from tests.integration.helpers import events, runs, touched_by, upgrade, write_hosts
from tests.lab.cluster import LoopbackCluster


def test_a_run_that_cannot_make_a_node_ready_gives_back_every_lock_and_says_what_lies_where(mirror: Path) -> None:
    with LoopbackCluster(OLD) as cluster:
        before = touched_by(cluster)
        config = cluster.nodes["n2"].config
        good = config.read_text(encoding="utf-8")
        config.write_text(f"{good}no_such_key: 1\n", encoding="utf-8")
        done = upgrade(write_hosts(cluster, mirror), NEW)
        assert done.returncode != 0
        says(done, f"n2: {cluster.nodes['n2'].binary}-{NEW} refuses {config}: ", 'unknown field "no_such_key"')
        says(done, "Staged on n", ": it stays beside the running version, for the next run.")
        # It is told once, and not for each host.
        assert sum(counts["failed"] for counts in done.recap.values()) == 1, done.stdout
        assert not locked(cluster)
        ended = events(runs(cluster)[-1], "run_ended")[-1]
        assert (ended["outcome"], "nothing was touched" in ended["next"]) == ("failed", False)
        config.write_text(good, encoding="utf-8")
        after = touched_by(cluster)
        assert {name: now[:2] for name, now in after.items()} == {name: then[:2] for name, then in before.items()}

        # And where a node has no place to unpack to.
        for node in cluster.nodes.values():
            node.binary.with_name(f"nats-server-{NEW}").unlink()
        in_the_way = cluster.nodes["n3"].binary.with_name(f"nats-server-{NEW}")
        in_the_way.mkdir()
        done = upgrade(write_hosts(cluster, mirror), NEW)
        assert done.returncode != 0
        says(done, f"n3: cannot stage nats-server {NEW} as {in_the_way}: ", "Staged on n")
        assert not locked(cluster)
