from __future__ import annotations

from tests.unit.fleets import found, judged, names, server, silent, three


def test_a_server_that_hangs_and_one_that_is_none_are_findings_of_their_own_and_the_rest_is_judged() -> None:
    drift = judged([*three(n2="2.14.7"), silent("n4"), silent("n5", "HTTP 200 for /varz is not JSON", lasting=True)])
    assert found(drift, "silent_server").seen == ("n4",)
    assert "n4 http://n4:8222: no complete answer within 5 s." in found(drift, "silent_server").message
    assert found(drift, "unreadable_server").seen == ("n5",)
    assert "nats_upgrade_monitor_url" in found(drift, "unreadable_server").next
    assert "mismatch_overdue" in names(drift)


def test_two_hosts_that_lead_to_one_server_are_named_and_it_counts_once_under_its_own_name() -> None:
    twice = server("n3", server_id="ID-n2", server_name="n2", version="2.14.7")
    drift = judged([twice, server("n1"), server("n2", "2.14.7")])
    assert found(drift, "same_server").seen == ("n2", "n3")
    assert found(drift, "same_server").message.startswith("n2 (http://n2:8222), n3 (http://n3:8222) lead to one server, n2")
    assert [one.host for one in drift.fleet.servers] == ["n2", "n1"]
    assert drift.clusters[0].versions == {"2.15.2": 1, "2.14.7": 1}
    assert "wrong_server" not in names(drift)


def test_a_host_that_answers_as_another_one_is_named() -> None:
    swapped = [server("n1", server_name="n2"), server("n2", server_name="n1"), server("n3")]
    drift = judged(swapped)
    assert [(one.seen, one.details["owner"]) for one in drift.findings if one.name == "wrong_server"] == [
        (("n1",), "n2"),
        (("n2",), "n1"),
    ]
    assert names(drift) == ["wrong_server"]


def test_a_server_may_have_a_name_of_its_own_and_the_inventory_may_say_which() -> None:
    own = [server("n1", server_name="nats-a"), server("n2.example.org", server_name="n2"), server("n3")]
    everybody = {"nats-a", "n2", "n3"}
    own = [
        type(one)(**{**vars(one), "peers": frozenset(everybody - {one.facts.server_name if one.facts else ""})}) for one in own
    ]
    assert names(judged(own)) == []
    drift = judged(own, names={"n1": ("n1",), "n2.example.org": ("nats-a",)})
    assert found(drift, "wrong_server").seen == ("n1",)


def test_two_servers_of_one_name_are_told_apart_by_their_ids() -> None:
    drift = judged([*three(), server("n4", server_name="n3")])
    assert found(drift, "duplicate_name").seen == ("n3", "n4")
    assert len(drift.fleet.servers) == 4


def test_a_server_that_others_see_and_the_inventory_lacks_is_named_once_with_who_sees_it() -> None:
    readings = [server(host, peers=frozenset({"n1", "n2", "n3", "n9"} - {host})) for host in ("n1", "n2", "n3")]
    drift = judged(readings)
    finding = found(drift, "unlisted_server")
    assert finding.message.startswith("n9 is in lab (seen by n1, n2, n3) and not in the inventory")
    assert (finding.seen, finding.cluster, drift.severity(finding)) == (("n9",), "lab", "fail")
    assert names(judged(readings, expected=frozenset({"n9"}))) == []
    assert names(judged(readings, whole=False)) == []


def test_a_server_that_is_seen_and_does_not_answer_is_silent_and_not_unlisted() -> None:
    readings = [server("n1"), server("n2"), silent("n3")]
    assert names(judged(readings)) == ["silent_server"]
    assert names(judged([*readings[:2], silent("n3.example.org")])) == ["silent_server"]
    other = judged([*readings[:2], silent("db7")])
    assert names(other) == ["silent_server", "unlisted_server"]
    assert "It may be the server of db7, which does not answer" in found(other, "unlisted_server").message


def test_servers_behind_gateways_are_known_by_their_ids() -> None:
    gateway = {"name": "lab", "gateways": [{"name": "west"}]}
    ids = frozenset({"ID-w1", "ID-w2"})
    lab = [
        server(
            host, gateway=gateway, gateways=frozenset({"west"}), gateway_ids={"west": ids}, peers=frozenset({"n1", "n2"} - {host})
        )
        for host in ("n1", "n2")
    ]
    assert found(judged(lab), "unlisted_cluster").cluster == "west"
    west = [server(host, cluster={"name": "west"}, peers=frozenset({"w1", "w2"} - {host})) for host in ("w1", "w2")]
    assert names(judged([*lab, *west])) == []
    one = judged([*lab, server("w1", cluster={"name": "west"}, peers=frozenset({"w2"}))])
    assert ("w2",) in [finding.seen for finding in one.findings]
    finding = next(finding for finding in one.findings if finding.seen == ("ID-w2",))
    assert "west has 1 more server than the inventory, seen over gateways (id ID-w2)" in finding.message


def test_a_server_without_a_route_to_the_others_is_not_in_its_cluster() -> None:
    readings = [server("n1", peers=frozenset({"n2"})), server("n2", peers=frozenset({"n1"})), server("n3", peers=frozenset())]
    drift = judged(readings)
    finding = found(drift, "not_in_cluster")
    assert (finding.seen, drift.severity(finding)) == (("n3",), "fail")
    assert "n3 says that it is of lab, and has no route to n1, n2" in finding.message
