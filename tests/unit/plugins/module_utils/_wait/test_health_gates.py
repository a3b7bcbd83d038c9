"""What a wait asks besides health: quorum, what was there before, what was tolerated, a soak, and a wedge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from tests.unit.clock import Clock
from tests.unit.recorded import OLDEST_AND_NEWEST, Edit
from tests.unit.situations import LOCAL, STREAM, cluster, plan_of
from tests.unit.waits import THREE, Wait


def body(answers: Any, name: str, path: str) -> Any:
    return answers[name][path]["body"]


def streams(answers: Any, name: str) -> list[dict[str, Any]]:
    """The streams of the account APP on one server."""
    (details,) = body(answers, name, "/jsz")["account_details"]
    found: list[dict[str, Any]] = details["stream_detail"]
    return found


def sick(name: str, label: str = f"{STREAM} > GHOST", text: str = "consumer not found") -> Edit:
    """A server of which /healthz finds fault with one asset."""
    account, stream, *consumer = label.split(" > ")
    error = {"type": "CONSUMER", "account": account, "stream": stream, "error": text}
    error.update({"consumer": consumer[0]} if consumer else {})

    def edit(answers: Any) -> None:
        answers[name]["/healthz"] = {"status": 503, "body": {"status": "unavailable", "errors": [error]}}

    return edit


# Quorum.


def test_a_server_without_which_the_others_keep_their_quorum_may_stop(wait: Wait) -> None:
    for name in ("n1", "n2", "n3"):
        assert wait((0, "2.15.1"), stopping=name)["back"]


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_a_server_that_is_needed_for_a_quorum_may_not_however_well_all_that_answer_are(wait: Wait, version: str) -> None:
    # What is missing was waived, so that only the quorum speaks against it.
    given = {"tolerate": plan_of(cluster("peer_down_12s", version), "missing_server").tolerated, "timeout_seconds": 20}
    with pytest.raises(NatsError) as late:
        wait((0, f"{version}/peer_down_12s"), stopping="n1", **given)
    assert list(late.value.details["missing"]) == ["n1"]
    (first, *_unused) = late.value.details["missing"]["n1"]
    assert first.startswith("quorum: ")
    assert "needs 2 of its 3 members, and without n1 1 (n3) would be up and current" in str(late.value)
    assert wait((0, f"{version}/peer_down_12s"), **given)["back"]


def test_a_quorum_that_comes_back_is_waited_for(wait: Wait) -> None:
    result = wait((0, "2.15.1/lame_duck"), (30, "2.15.1"), stopping="n2")
    assert result["back"]
    assert 30 < result["elapsed_seconds"] < 34


def test_a_server_that_is_not_well_may_stop_where_only_the_quorum_is_asked_for(wait: Wait) -> None:
    scene = (0, "2.15.1", sick("n1"))
    with pytest.raises(NatsError, match="n1 http://n1:8222: not back after 5 s: healthz: 503 consumer not found"):
        wait(scene, stopping="n1", timeout_seconds=5)
    assert wait(scene, stopping="n1", only_quorum_of_stopping=True)["back"]


def test_of_the_others_everything_is_asked_for_all_the_same(wait: Wait) -> None:
    with pytest.raises(NatsError) as late:
        wait((0, "2.15.1", sick("n3")), stopping="n1", only_quorum_of_stopping=True, timeout_seconds=5)
    assert list(late.value.details["missing"]) == ["n3"]


def test_what_the_others_lack_of_a_server_that_may_stop_is_no_reason_against_it(wait: Wait) -> None:
    """Its configuration keeps it from joining: it has to be started again all the same."""

    def is_alone(answers: Any) -> None:
        for name in ("n1", "n2", "n3"):
            routez = body(answers, name, "/routez")
            routez["routes"] = [one for one in routez["routes"] if name != "n2" and one["remote_name"] != "n2"]

    scene = (0, "2.15.1", is_alone)
    with pytest.raises(NatsError, match="n1 http://n1:8222: not back after 5 s: routes: no route to n2"):
        wait(scene, stopping="n2", timeout_seconds=5)
    assert wait(scene, stopping="n2", only_quorum_of_stopping=True)["back"]
    with pytest.raises(NatsError, match="n1 http://n1:8222: not back after 5 s: routes: no route to n2"):
        wait(scene, stopping="n3", only_quorum_of_stopping=True, timeout_seconds=5)


def test_a_server_that_was_started_again_with_another_version_is_not_waited_for(wait: Wait) -> None:
    before = "2026-01-01T00:00:00Z"
    with pytest.raises(NatsError) as late:
        wait((0, "2.15.1"), expect={"n1": {"version": "2.16.0", "started_after": before}}, timeout_seconds=300)
    assert late.value.details["elapsed_seconds"] < 1
    assert "n1 was started again, with 2.15.1: what starts it does not take the program that was put in its place" in str(
        late.value
    )
    # While the old process is there, it may still be about to go.
    with pytest.raises(NatsError) as late:
        wait((0, "2.15.1"), expect={"n1": {"version": "2.16.0", "started_after": "2100-01-01T00:00:00Z"}}, timeout_seconds=30)
    assert late.value.details["elapsed_seconds"] >= 30


def test_where_only_the_quorum_is_asked_for_it_is_asked_for(wait: Wait) -> None:
    tolerate = plan_of(cluster("peer_down_12s"), "missing_server").tolerated
    with pytest.raises(NatsError, match="quorum: "):
        wait((0, "2.15.1/peer_down_12s"), stopping="n1", only_quorum_of_stopping=True, tolerate=tolerate, timeout_seconds=5)


def test_a_quorum_is_never_tolerated(wait: Wait) -> None:
    tolerate = [*plan_of(cluster("peer_down_12s"), "missing_server").tolerated, "quorum _meta_", f"quorum {STREAM}"]
    with pytest.raises(NatsError, match="quorum: _meta_"):
        wait((0, "2.15.1/peer_down_12s"), stopping="n1", tolerate=tolerate, timeout_seconds=5)


# What was there before.


def test_what_was_tolerated_is_not_waited_for_and_what_is_new_is(wait: Wait) -> None:
    tolerate = ["healthz n3: APP > ORDERS > GHOST"]
    assert wait((0, "2.15.1", sick("n3")), tolerate=tolerate)["back"]
    with pytest.raises(NatsError) as late:
        wait((0, "2.15.1", sick("n1")), tolerate=tolerate, timeout_seconds=5)
    assert late.value.details["missing"] == {"n1": ["healthz: 503 consumer not found"]}


def test_a_silence_that_was_tolerated_is_not_given_up_on(wait: Wait) -> None:
    # n1 is not well for a while, and longer than a server may go on not answering: n2 does so all the time.
    def n1_sick_too(answers: Any) -> None:
        sick("n1")(answers)

    tolerate = plan_of(cluster("peer_down_12s"), "missing_server").tolerated
    scenes = ((0, "2.15.1/peer_down_12s", n1_sick_too), (30, "2.15.1/peer_down_12s"))
    assert wait(*scenes, tolerate=tolerate, unreachable_timeout_seconds=10)["back"]
    with pytest.raises(NatsError) as silent:
        wait(*scenes, unreachable_timeout_seconds=10)
    assert silent.value.details["elapsed_seconds"] < 13


# What is progress.


def lagging(lag: int) -> Edit:
    """The leader of the stream, n2, says how far behind n3 is."""

    def edit(answers: Any) -> None:
        stream = next(stream for stream in streams(answers, "n2") if stream["name"] == "ORDERS")
        replica = next(replica for replica in stream["cluster"]["replicas"] if replica["name"] == "n3")
        replica.update(current=False, lag=lag)

    return edit


def test_a_wait_for_a_server_that_hangs_ends_at_its_timeout_though_its_lag_doubles_again_and_again(wait: Wait) -> None:
    # As after SIGSTOP: 50 messages a second.
    with pytest.raises(NatsError, match=r"replica n3 of APP > ORDERS lags 2 000$") as late:
        wait(*[(second, "2.15.1", lagging(50 * second)) for second in range(140)], timeout_seconds=40, stopping="n1")
    assert late.value.details["elapsed_seconds"] < 41


def test_a_lag_that_goes_on_falling_is_waited_for_after_the_timeout(wait: Wait) -> None:
    falling = [(second, "2.15.1", lagging(20000 - 200 * second)) for second in range(100)]
    result = wait(*falling, (100, "2.15.1"), timeout_seconds=40)
    assert 99 < result["elapsed_seconds"] < 104


def test_a_lag_that_falls_for_too_long_ends_the_wait_and_the_message_says_what_to_raise(wait: Wait) -> None:
    with pytest.raises(NatsError) as late:
        wait(*[(second, "2.15.1", lagging(20000 - 100 * second)) for second in range(140)], timeout_seconds=40)
    assert late.value.details["elapsed_seconds"] == pytest.approx(120)
    assert str(late.value).endswith(
        "\nIt still came nearer, but no wait is longer than 3 times nats_upgrade_health_timeout_seconds (40): raise that where "
        "disks or the network are slow, and run again"
    )


# A soak.


def test_a_soak_goes_on_looking_for_as_long_as_it_was_told(wait: Wait) -> None:
    clock = Clock()
    result = wait((0, "2.15.1"), clock=clock, soak_seconds=60)
    assert (result["back"], 60 <= result["elapsed_seconds"] < 63) == (True, True)
    assert result["polls"] > 10


def test_what_happens_in_a_soak_is_waited_for_until_it_is_well_again(wait: Wait) -> None:
    result = wait((0, "2.15.1"), (30, "2.15.1/lame_duck"), (85, "2.15.1"), soak_seconds=60, timeout_seconds=60)
    assert 85 < result["elapsed_seconds"] < 94


def test_what_happens_in_a_soak_and_does_not_get_well_fails_the_wait(wait: Wait) -> None:
    with pytest.raises(NatsError, match="n1 http://n1:8222: not back after"):
        wait((0, "2.15.1"), (30, "2.15.1/lame_duck"), soak_seconds=60, timeout_seconds=20)


def test_what_happens_early_in_a_long_soak_is_not_waited_for_until_its_end(wait: Wait) -> None:
    with pytest.raises(NatsError) as late:
        wait((0, "2.15.1"), (30, "2.15.1/lame_duck"), soak_seconds=3600, timeout_seconds=20)
    assert 48 < late.value.details["elapsed_seconds"] < 53


def test_a_soak_takes_nothing_of_the_time_that_there_is_to_get_well(wait: Wait) -> None:
    assert wait((0, "2.15.1/lame_duck"), (19, "2.15.1"), soak_seconds=60, timeout_seconds=20)["elapsed_seconds"] < 64


def test_a_look_does_not_soak(wait: Wait) -> None:
    clock = Clock()
    assert wait((0, "2.15.1"), clock=clock, look_once=True, soak_seconds=60)["back"]
    assert clock.slept == []


# What the cluster had.


@pytest.fixture
def kept(wait: Wait, tmp_path: Path) -> str:
    """The file with what the cluster had before n1 was stopped."""
    path = str(tmp_path / "report" / "before.json")
    wait((0, "2.15.1", clients(12)), stopping="n1", keep_baseline=path)
    return path


def clients(number: int) -> Edit:
    """So many clients, all on n2."""

    def edit(answers: Any) -> None:
        for name in answers:
            body(answers, name, "/varz")["connections"] = number if name == "n2" else 0

    return edit


def emptied(answers: Any) -> None:
    """Every server has the stream, and it is empty."""
    for name in answers:
        for stream in streams(answers, name):
            if stream["name"] == "ORDERS":
                stream["state"]["last_seq"] = 0


def gone(answers: Any) -> None:
    """The stream that n1 had alone is not there any more."""
    (details,) = body(answers, "n1", "/jsz")["account_details"]
    details["stream_detail"] = [stream for stream in details["stream_detail"] if stream["name"] != "LOCAL"]


def test_what_the_cluster_has_is_kept_once_it_is_back(kept: str) -> None:
    before = json.loads(Path(kept).read_text(encoding="utf-8"))
    assert (before["node"], before["clients"]) == ("n1", 12)
    assert sorted(before["assets"]) == [LOCAL, STREAM, f"{STREAM} > worker"]
    assert (before["assets"][STREAM]["last_sequence"], before["assets"][LOCAL]["replicas"]) == (100, 1)


def test_nothing_is_kept_of_a_cluster_that_is_not_back_or_in_a_check(wait: Wait, tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    with pytest.raises(NatsError):
        wait((0, "2.15.1/lame_duck"), keep_baseline=str(path), timeout_seconds=1)
    wait((0, "2.15.1"), keep_baseline=str(path), look_once=True)
    assert not path.exists()


def test_a_cluster_that_has_what_it_had_is_not_damaged(wait: Wait, kept: str) -> None:
    result = wait((0, "2.15.1", clients(12)), compare_baseline=kept)
    assert (result["back"], result["damage"], result["clients_lost"]) == (True, [], "")
    assert result["clients"] == {"before": 12, "after": 12}


def without_leafs(answers: Any) -> None:
    for name in answers:
        body(answers, name, "/leafz")["leafs"] = []


@pytest.mark.parametrize(("edit", "said"), [(None, ""), (without_leafs, "leaf nodes that were connected before are not")])
def test_leaf_nodes_that_stay_away_are_told_after_a_while_and_fail_nothing(
    wait: Wait, tmp_path: Path, edit: Edit | None, said: str
) -> None:
    path = str(tmp_path / "before.json")
    wait((0, "2.15.1/leaf"), stopping="n1", keep_baseline=path)
    result = wait((0, "2.15.1/leaf", edit), compare_baseline=path)
    assert (result["back"], result["leafs_lost"][: len(said) or 1]) == (True, said)


def test_clients_that_stay_away_are_told_and_fail_nothing(wait: Wait, kept: str) -> None:
    result = wait((0, "2.15.1", clients(3)), compare_baseline=kept)
    assert result["clients"] == {"before": 12, "after": 3}
    assert result["clients_lost"].startswith("3 clients are connected, and 12 were before")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        pytest.param(emptied, f"the last sequence of {STREAM} fell from 100 to 0", id="emptied"),
        pytest.param(gone, f"{LOCAL} was on n1 alone, and is not there any more: lost, or deleted meanwhile", id="gone"),
    ],
)
def test_a_cluster_that_has_less_than_it_had_is_refused_unless_that_is_waived(
    wait: Wait, kept: str, edit: Edit, said: str
) -> None:
    with pytest.raises(NatsError) as refused:
        wait((0, "2.15.1", edit), compare_baseline=kept)
    assert (refused.value.details["refusal"], refused.value.details["damage"]) == ("missing_assets", [said])
    assert str(refused.value).startswith(
        f"refused: missing_assets: the server is back, and something is less than it was before: {said}"
    )
    waived = wait((0, "2.15.1", edit), compare_baseline=kept, waive=["missing_assets"])
    assert (waived["back"], waived["damage"]) == (True, [said])


def test_what_is_told_a_moment_later_is_not_lost(wait: Wait, kept: str) -> None:
    clock = Clock()
    result = wait((0, "2.15.1", gone), (5, "2.15.1"), clock=clock, compare_baseline=kept)
    assert result["damage"] == []
    assert sum(clock.slept) < 8


def test_nothing_to_compare_with_is_no_error_and_no_comparison(wait: Wait, tmp_path: Path) -> None:
    assert "damage" not in wait((0, "2.15.1"), compare_baseline=str(tmp_path / "none.json"))
    assert "damage" not in wait((0, "2.15.1"))


# A wedge.


def wedged(answers: Any) -> None:
    """In mid-roll, with n3 upgraded: somebody has made a stream that n1 and n2 do not know, and n3 is not well for it."""
    for name in ("n1", "n2"):
        body(answers, name, "/varz")["version"] = "2.14.6"
        body(answers, name, "/varz")["jetstream"]["stats"]["api"]["level"] = 4
    (orders,) = [stream for stream in streams(answers, "n3") if stream["name"] == "ORDERS"]
    raft = {"raft_group": "S-R3F-new", "leader": "n3", "replicas": []}
    config = {**orders["config"], "name": "NEW", "metadata": {"_nats.req.level": "5"}}
    streams(answers, "n3").append({"name": "NEW", "created": "2026-11-21T10:00:00Z", "cluster": raft, "config": config})
    sick("n3", "APP > NEW", "JetStream stream 'APP > NEW' is not current")(answers)


def with_older_servers(answers: Any) -> None:
    """In mid-roll and not well, and nothing there that the older servers do not know."""
    wedged(answers)
    streams(answers, "n3").pop()


def test_a_wedge_is_told_at_once_and_not_waited_for(wait: Wait) -> None:
    clock = Clock()
    with pytest.raises(NatsError) as refused:
        wait((0, "2.15.1", wedged), clock=clock, timeout_seconds=300)
    assert 5 <= sum(clock.slept) < 7
    assert (refused.value.details["refusal"], refused.value.details["seen"]) == ("feature_wedge", ["APP > NEW"])
    assert str(refused.value).startswith("refused: feature_wedge: APP > NEW (API level 5) was made while several versions run")


def test_a_wedge_that_is_waived_is_not_waited_for_either(wait: Wait) -> None:
    result = wait((0, "2.15.1", wedged), waive=["feature_wedge"], timeout_seconds=300)
    assert result["back"]
    assert 5 <= result["elapsed_seconds"] < 7


def test_what_a_wedge_does_not_explain_is_still_waited_for(wait: Wait) -> None:
    def also_sick(answers: Any) -> None:
        wedged(answers)
        sick("n1")(answers)

    with pytest.raises(NatsError) as late:
        wait((0, "2.15.1", also_sick), waive=["feature_wedge"], timeout_seconds=30)
    assert list(late.value.details["missing"]) == ["n1"]
    assert wait((0, "2.15.1", also_sick), (40, "2.15.1", wedged), waive=["feature_wedge"])["back"]


def test_a_cluster_of_several_versions_without_a_wedge_is_waited_for(wait: Wait) -> None:
    assert wait((0, "2.15.1", with_older_servers), (60, "2.15.1"), timeout_seconds=100)["elapsed_seconds"] > 60


def test_a_cluster_that_is_soon_back_is_not_looked_at_for_a_wedge(wait: Wait) -> None:
    assert wait((0, "2.15.1", wedged), (4, "2.15.1"))["back"]


def test_a_wedge_that_is_about_nothing_that_is_missing_is_not_told(wait: Wait) -> None:
    def only_the_stream(answers: Any) -> None:
        wedged(answers)
        sick("n1")(answers)
        answers["n3"]["/healthz"] = {"status": 200, "body": {"status": "ok"}}

    with pytest.raises(NatsError, match="not back after 20 s: healthz: 503 consumer not found"):
        wait((0, "2.15.1", only_the_stream), servers=THREE, timeout_seconds=20)
