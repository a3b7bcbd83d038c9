"""Whether what is going to be installed is what was meant, as far as the plan knows."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._plan.plan import Plan
from ansible_collections.natsops.cluster.plugins.module_utils._plan.planner import plan_upgrade
from ansible_collections.natsops.cluster.plugins.module_utils._plan.situation import Situation
from tests.unit.plugins.module_utils._plan.checks.test_containers import READINGS, node
from tests.unit.situations import POLICY, RUNNING, TARGET, cluster, found, refusals, warnings

PLAIN = "http://mirror.example.org/v2.15.2/SHA256SUMS"
DIGEST = f"nats@sha256:{'0' * 64}"


def plan_of(source: dict[str, Any], *waive: str, target: str = TARGET, **nodes: Any) -> Plan:
    readings = READINGS if nodes else cluster()
    return plan_upgrade(Situation.of(readings, nodes), target, POLICY, waive=waive, source=source)


def test_a_hash_that_comes_over_plain_http_refuses_the_plan_and_can_be_waived() -> None:
    plan = plan_of({"checksums_url": PLAIN, "sha256": "", "validate_certs": True})
    assert refusals(plan) == ["insecure_source"]
    message = found(plan, "insecure_source").message
    assert message.startswith(f"the SHA-256 of the archive comes over plain http, from {PLAIN}. Anyone on the network path")
    assert "Set nats_upgrade_archive_sha256" in message
    assert refusals(plan_of({"checksums_url": PLAIN}, "insecure_source")) == []


@pytest.mark.parametrize(
    ("source", "refused"),
    [
        ({"checksums_url": PLAIN, "sha256": "0" * 64}, False),
        ({"checksums_url": "https://mirror.example.org/SHA256SUMS"}, False),
        ({"checksums_url": "HTTPS://mirror.example.org/SHA256SUMS"}, False),
        ({"checksums_url": "https://mirror.example.org/SHA256SUMS", "validate_certs": False}, True),
        ({"checksums_url": "file:///srv/mirror/SHA256SUMS", "validate_certs": False}, False),
        ({"checksums_url": "ftp://mirror.example.org/SHA256SUMS"}, True),
        ({"checksums_url": ""}, False),
        ({}, False),
    ],
)
def test_a_hash_is_pinned_or_comes_where_nobody_can_change_it(source: dict[str, Any], refused: bool) -> None:
    assert refusals(plan_of(source)) == (["insecure_source"] if refused else [])


def test_where_nothing_is_to_be_fetched_nothing_is_refused_for_it() -> None:
    assert refusals(plan_of({"checksums_url": PLAIN}, target=RUNNING)) == []


def test_a_tag_is_told_once_for_all_hosts_that_have_it_and_a_digest_is_not() -> None:
    nodes = {"n1": node(), "n2": node(wanted_image=DIGEST), "n3": node()}
    finding = found(plan_of({}, **nodes), "movable_tag")
    assert (finding.refuses, finding.seen) == (False, ("n1", "n3"))
    assert finding.message.startswith("nats_upgrade_image is nats:2.15.2 for n1, n3: a tag can be moved")
    assert warnings(plan_of({}, "movable_tag", **nodes)) == []
    assert warnings(plan_of({}, **{name: node(wanted_image=DIGEST) for name in nodes})) == []


def test_an_image_from_a_file_is_not_pulled_so_that_its_tag_is_not_told_of() -> None:
    assert warnings(plan_of({"image_file": "/srv/nats.tar"}, n1=node(), n2=node(), n3=node())) == []
