"""What a look at a cluster with temporary servers makes of them. (The looks themselves: the actions' tests.)"""

from __future__ import annotations

from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation, Surge
from ansible_collections.natsops.cluster.plugins.module_utils._values.known import unnamed
from ansible_collections.natsops.cluster.plugins.plugin_utils._read.cluster import with_surge
from tests.unit.recorded import read


def test_a_temporary_server_without_a_name_is_no_stranger_in_the_routes_of_the_cluster() -> None:
    cluster, (temporary,) = read("2.12.8", "nameless", ("n1", "n2")), read("2.12.8", "nameless", ("n3",))
    alone = Situation.of(cluster)
    assert all(unnamed("n3") not in reading.peers for reading in alone.readings)
    joined = with_surge(alone, [Surge("n3", {}, "", temporary)])
    assert [reading.name for reading in joined.readings] == ["n1", "n2"]
    assert all(unnamed("n3") in reading.peers for reading in joined.readings)
    (surge,) = joined.surge
    assert (surge.server_name, surge.cluster) == (unnamed("n3"), "the cluster of n1")
