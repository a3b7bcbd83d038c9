from __future__ import annotations

from typing import Any

import pytest

from tests.unit.fleets import found, judged, names, server, three


@pytest.mark.parametrize(
    ("version", "name", "words"),
    [
        ("2.12.5", "bad_release", "2.12.5: a stream update can lose the consumers of the stream in a cluster."),
        ("2.12.15", "end_of_life", "2.12 gets no patches any more"),
        ("2.14.6", "patch_available", "run 2.14.6, and 2.14.7 is the latest patch of it"),
        ("2.15.2-RC.1", "prerelease", "2.15.2-RC.1 is not a release"),
        ("2.12.13", "withdrawn_version", "there is no nats-server 2.12.13"),
        ("2.15.9", "unknown_version", "2.15.9 is newer than what the rules"),
        ("2.15-ours", "unknown_version", "2.15-ours, which is no version of nats-server that can be compared"),
    ],
)
def test_what_speaks_against_a_version_is_told_once_for_all_that_run_it(version: str, name: str, words: str) -> None:
    finding = found(judged(three(n1=version, n2=version, n3=version)), name)
    assert finding.seen == ("n1", "n2", "n3")
    assert words in finding.message


def test_the_advisory_comes_with_the_fault() -> None:
    drift = judged(three(n1="2.10.26", n2="2.10.26", n3="2.10.26"))
    (finding,) = [one for one in drift.findings if "CVE-2025-30215" in one.details.get("advisories", ())]
    assert (finding.name, finding.details["rule"]) == ("known_fault", "B2.10.0-cve")
    assert finding.next == "Mended in 2.10.27 and 2.11.1: go to 2.14.7"
    assert finding.source.startswith("nats-io/advisories")


def faults(version: str, nodes: dict[str, Any] | None = None, **given: Any) -> dict[str, str]:
    """Names of the findings about faults, by the rule."""
    drift = judged([server("n1", version, peers=frozenset(), **given)], nodes=nodes or {})
    return {one.details["rule"]: one.name for one in drift.findings if "rule" in one.details}


def test_a_fault_of_what_is_not_in_use_is_not_told_where_that_can_be_seen() -> None:
    assert faults("2.12.8", leafnodes=1)["B2.12.0-leaf"] == "bad_release"
    assert "B2.12.0-leaf" not in faults("2.12.8")


def test_a_fault_of_what_cannot_be_seen_is_a_warning_that_says_so() -> None:
    assert faults("2.12.8")["B2.12.0-compaction"] == "known_fault"
    drift = judged([server("n1", "2.12.8", peers=frozenset())])
    (finding,) = [one for one in drift.findings if one.details.get("rule") == "B2.12.0-compaction"]
    assert finding.message.endswith("It matters where you use compression.")


def test_what_the_configuration_on_the_node_says_is_no_longer_a_guess() -> None:
    rule = "B2.12.0-compaction-encryption"
    lies = {"binary_version": "2.12.8", "binary_path": "/usr/bin/nats-server"}
    assert faults("2.12.8")[rule] == "known_fault"
    assert faults("2.12.8", {"n1": {**lies, "used": ["encryption"]}})[rule] == "bad_release"
    assert rule not in faults("2.12.8", {"n1": {**lies, "used": []}})


def test_configurations_are_compared_where_servers_share_one() -> None:
    digests = {"n1": "sha256:1", "n2": "sha256:2", "n3": "sha256:1"}
    finding = found(judged([server(host, config_digest=digest) for host, digest in digests.items()]), "config_mismatch")
    assert finding.seen == ("n2",)
    assert finding.details["digests"] == {"sha256:1": ["n1", "n3"], "sha256:2": ["n2"]}
    own = judged([server(host, config_digest=host) for host in digests])
    assert (names(own), own.severity(found(own, "own_configs"))) == (["own_configs"], "note")
    # 2.10 tells none.
    assert names(judged([server("n1"), server("n2"), server("n3", config_digest="")])) == []


def test_looked_at_on_the_nodes_what_is_a_servers_own_is_no_difference() -> None:
    servers = [server(host, config_digest=host) for host in ("n1", "n2", "n3")]
    nodes = {host: {"binary_version": servers[0].facts.version, "config_common": "c"} for host in ("n1", "n2", "n3")}
    assert not {"own_configs", "config_mismatch"} & set(names(judged(servers, nodes=nodes)))
    finding = found(judged(servers, nodes={**nodes, "n2": {**nodes["n2"], "config_common": "d"}}), "config_mismatch")
    assert finding.seen == ("n2",)


def test_one_version_in_two_builds_is_told() -> None:
    finding = found(judged([server("n1"), server("n2", git_commit="def"), server("n3", git_commit="")]), "mixed_builds")
    assert finding.details["commits"] == {"abc": ["n1"], "def": ["n2"]}


def test_what_lies_on_the_disk_is_compared_with_what_runs() -> None:
    path = {"binary_path": "/usr/bin/nats-server"}
    nodes = {
        "n1": {"binary_version": "2.15.9", **path},
        "n2": {"binary_version": "2.14.7", **path},
        "n3": {"binary_version": "2.15.2", **path},
    }
    drift = judged(three(), nodes=nodes)
    assert names(drift) == ["newer_on_disk", "older_on_disk"]
    newer = found(drift, "newer_on_disk")
    assert newer.message.startswith("n1 runs 2.15.2, and /usr/bin/nats-server is nats-server 2.15.9: the next start brings that")
    assert newer.next.endswith("ansible-playbook natsops.cluster.restart -i INVENTORY")
    assert found(drift, "older_on_disk").seen == ("n2",)


def test_a_disk_that_could_not_be_looked_at_is_told_and_that_of_a_container_says_nothing() -> None:
    nodes: dict[str, Any] = {
        "n1": {"binary_version": None, "container": {"name": "nats"}},
        "n2": {"binary_version": None, "binary_path": "", "absence": "no such pid file"},
    }
    drift = judged(three(), nodes=nodes, unlooked={"n3": "no route to host"})
    assert [finding.message for finding in drift.findings] == ["n3: no route to host", "n2: no such pid file"]
    assert names(drift) == ["disk_unknown"]
