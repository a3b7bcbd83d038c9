from __future__ import annotations

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ansible_collections.natsops.cluster.plugins.module_utils._audit import fleet as _fleet
from ansible_collections.natsops.cluster.plugins.module_utils._audit import text as _text
from ansible_collections.natsops.cluster.plugins.module_utils._audit.drift import Drift
from ansible_collections.natsops.cluster.plugins.module_utils._core.text import name
from tests.unit.fleets import DAY, HOUR, NOW, judged, server, silent, three


def text(drift: Drift) -> str:
    return "\n".join(_text.lines(drift))


def test_what_to_look_at_comes_first_and_what_to_do_next_is_one_line_to_copy() -> None:
    told = _text.lines(judged([server("n1"), server("n2"), server("n3", "2.14.7"), silent("n4")]))
    assert told[0] == "3 of 4 hosts answer, 1 cluster, 2 versions | 2 fail, 0 warn, 0 note"
    assert told[1:7] == [
        "",
        "OUTLIERS",
        "lab        n3  2.14.7  not 2.15.2  1 minor older    up 30 d",
        "(unknown)  n4  ?                   does not answer",
        "",
        "CLUSTERS",
    ]
    assert told[7] == "lab  3 servers  2.15.2 x2, 2.14.7 x1  overdue"
    assert told[10] == "fail  mismatch_overdue"
    assert "    ansible-playbook natsops.cluster.status -i INVENTORY" in told
    assert max(map(len, told)) <= 74


def test_a_table_that_would_be_too_wide_does_without_what_is_said_elsewhere() -> None:
    hosts = [f"nats-production-{number}.eu-west-1.example.org" for number in (1, 2)]
    told = _text.lines(judged([server(hosts[0], "2.14.7"), server(hosts[1])], whole=False))
    assert told[3] == f"lab  {hosts[0]}  2.14.7  1 minor older"


def test_where_all_is_well_it_says_so() -> None:
    assert _text.lines(judged(three()))[-1] == (
        "Nothing to tell: each cluster runs one version, and nothing is known against it."
    )
    assert _text.failure(judged(three())) == ""


def test_many_faults_of_a_version_are_one_paragraph_and_advisories_come_first() -> None:
    drift = judged(three(n3="2.12.11"))
    faults = [finding for finding in drift.findings if finding.name == "known_fault"]
    told = text(drift)
    assert told.count("known_fault") == 1
    paragraph = told.partition("known_fault")[2]
    assert f"n3 runs 2.12.11: {len(faults)} known faults" in paragraph
    assert f"* and {len(faults) - 3} more, see nats_audit_format=json" in paragraph
    assert paragraph.partition("* ")[2].startswith("security fixes are missing")


def test_a_large_fleet_is_told_on_a_page_and_what_is_folded_is_counted() -> None:
    readings = []
    for number in range(300):
        hosts = [f"c{number}-{one}" for one in range(3)]
        for host in hosts:
            version = "2.14.7" if host.endswith("-1") and number % 3 == 0 else "2.15.2"
            peers = frozenset(hosts) - {host}
            readings.append(server(host, version, HOUR, cluster={"name": f"c{number}"}, peers=peers))
    readings += [silent(f"gone-{number}") for number in range(30)]
    told = _text.lines(judged(readings))
    assert len(told) < 100
    assert told[1:3] == ["", "OUTLIERS"]
    assert "and 115 more" in told
    assert "and 285 clusters more (85 with several versions), mostly of 2.15.2 x285" in told
    assert sum(line == "fail  silent_server" for line in told) == 1
    assert "    * and 25 more: gone-5, gone-6, gone-7, gone-8, gone-9, gone-10," in told


def test_what_makes_an_audit_fail_is_named_with_whom_it_is_about() -> None:
    drift = judged([*three(n2="2.14.7"), silent("n4")])
    assert _text.failure(drift).startswith("2 findings of this audit fail it: mismatch_overdue: lab; silent_server: n4.")


def test_json_is_the_judgement_with_every_server() -> None:
    drift = judged(three())
    assert json.loads(_text.as_json(drift)) == drift.as_dict()


EVIL = 'a"b\\c\nd\x1b[2J'


def test_names_from_servers_break_neither_a_terminal_nor_a_line() -> None:
    drift = judged([server("n1", cluster={"name": EVIL}, server_name=EVIL, version="2.15.2\nx", peers=frozenset())])
    assert all(line.isprintable() for line in _text.lines(drift))
    families = {family.name: family for family in text_string_to_metric_families(_text.prometheus(drift, 1.0))}
    (info,) = families["nats_audit_server_info"].samples
    assert (info.labels["cluster"], info.labels["server_name"], info.labels["version"]) == (
        name(EVIL),
        name(EVIL),
        "2.15.2\\x0ax",
    )


def test_what_cannot_be_encoded_spoils_no_file() -> None:
    drift = judged([server("n1", server_name="n\ud800"), silent("h\udcff")])
    told = _text.prometheus(drift, 1.0) + _text.as_json(drift) + text(drift) + _text.failure(drift)
    assert told.encode()
    assert 'server_name="n\\\\ud800"' in told


def samples(drift: Drift) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by metric and labels, as Prometheus itself reads them."""
    families = list(text_string_to_metric_families(_text.prometheus(drift, NOW.timestamp())))
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation for family in families)
    return {family.name: {tuple(one.labels.values()): one.value for one in family.samples} for family in families}


def test_prometheus_reads_what_was_found() -> None:
    found = samples(judged([server("n1"), server("n2"), server("n3", "2.14.7"), silent("n4")]))
    assert found["nats_audit_last_run_timestamp_seconds"] == {(): NOW.timestamp()}
    assert found["nats_audit_host_up"] == {("n1",): 1, ("n2",): 1, ("n3",): 1, ("n4",): 0}
    assert found["nats_audit_cluster_servers"] == {("lab", "2.15.2"): 2, ("lab", "2.14.7"): 1}
    assert found["nats_audit_mismatch_age_seconds"] == {("lab",): 30 * DAY}
    assert found["nats_audit_max_mismatch_seconds"] == {(): DAY}
    assert found["nats_audit_server_start_time_seconds"]["n1", "lab"] == pytest.approx(NOW.timestamp() - 30 * DAY, abs=1)
    assert len(found["nats_audit_server_info"]) == 3


def test_prometheus_has_every_finding_whether_there_is_one_or_not() -> None:
    findings = samples(judged([*three(n2="2.14.7"), silent("n4"), silent("n5")]))["nats_audit_findings"]
    assert {name for name, _unused in findings} == set(_fleet.NAMES)
    assert findings["silent_server", "fail"] == 2
    assert findings["mismatch_overdue", "fail"] == 1
    assert findings["wrong_server", "fail"] == 0


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (99, "99 s"), (100, "2 min"), (5 * HOUR, "5 h"), (47 * HOUR, "47 h"), (40 * DAY, "40 d")]
)
def test_times_are_said_as_people_do(seconds: float, said: str) -> None:
    assert _fleet.span(seconds) == said
