"""What people get wrong the first time is refused with one message that says what to do, before anything is touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.faults import playbook
from tests.integration.helpers import said, touched_by, upgrade, write_hosts
from tests.integration.releases import pack, publish
from tests.lab.binaries import server_binary
from tests.lab.cluster import LoopbackCluster
from tests.lab.mirror import archive_name
from tests.lab.playbook import PlaybookRun

Refused = Callable[..., PlaybookRun]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LoopbackCluster]:
    with LoopbackCluster("2.14.6") as running:
        yield running


@pytest.fixture
def refused(cluster: LoopbackCluster, mirror: Path) -> Iterator[Refused]:
    """Run the playbook, make sure that it fails and touches nothing, and return what it gave."""

    def run(
        version: str | None,
        *options: str,
        source: Path = mirror,
        hosts: Mapping[str, Mapping[str, Any]] | None = None,
        **variables: Any,
    ) -> PlaybookRun:
        before = touched_by(cluster)
        done = upgrade(write_hosts(cluster, source, hosts, **variables), version, *options)
        after = touched_by(cluster)
        assert done.returncode != 0, done.stdout[-3000:]
        assert after == before
        assert "Traceback" not in done.stdout + done.stderr
        assert "WARNING" not in done.stdout + done.stderr
        return done

    yield run
    for node in cluster.nodes.values():
        for extra in set(node.binary.parent.iterdir()) - {node.binary}:
            extra.unlink()


def one_message(done: PlaybookRun) -> str:
    """Return all that was said, where exactly one host failed: the same mistake is not told once for every host."""
    assert sum(counts["failed"] for counts in done.recap.values()) == 1, done.stdout
    return said(done)


def test_a_version_that_is_not_exact_is_refused_with_the_command_to_give(refused: Refused) -> None:
    message = one_message(refused("v2.15.1"))
    assert "nats_upgrade_version is 'v2.15.1', which is not an exact version" in message
    assert "-e nats_upgrade_version=2.15.1" in message


def test_a_missing_version_is_asked_for_by_the_name_of_the_variable(refused: Refused) -> None:
    message = one_message(refused(None))
    assert "-e nats_upgrade_version=2.15.1" in message
    assert "is undefined" not in message


def test_a_plan_that_cannot_write_its_report_says_why_at_its_end(cluster: LoopbackCluster, mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = playbook(
        "plan", write_hosts(cluster, mirror), nats_upgrade_version="2.15.1", nats_upgrade_report_dir=str(tmp_path / "file")
    )
    assert done.returncode == 0, done.stdout[-3000:]
    end = " ".join(done.stdout.rpartition("TASK [The end of this run]")[2].split())
    assert f"No report is written, and a roll would be refused: {tmp_path}/file" in end
    assert "cannot be written (Not a directory)" in end
    assert "Set nats_upgrade_report_dir to a folder that can be written." in end


def test_a_folder_for_reports_that_cannot_be_written_is_refused_with_the_variable_to_set(
    refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    message = one_message(refused("2.15.1", nats_upgrade_report_dir=str(tmp_path / "file" / "reports")))
    assert f"refused: {tmp_path}/file/reports" in message
    assert "cannot be written (Not a directory)" in message
    assert "Set nats_upgrade_report_dir to a folder that can be written. Nothing was touched." in message


def test_one_state_folder_for_two_servers_of_a_machine_is_refused_with_the_variable_to_set(
    cluster: LoopbackCluster, refused: Refused
) -> None:
    state = str(cluster.nodes["n1"].folder / "state")
    message = one_message(refused("2.15.1", hosts={"n2": {"nats_upgrade_state_dir": state}}))
    assert "refused: shared_state_dir: n1, n2 have one nats_upgrade_state_dir, on one machine" in message
    assert "/var/lib/natsops/{{ inventory_hostname }}" in message


def test_a_server_that_its_supervisor_does_not_run_is_refused_with_what_the_supervisor_says(refused: Refused) -> None:
    status = ["sh", "-c", "echo nats FATAL; exit 3"]
    message = said(refused("2.15.1", nats_upgrade_status_command=status))
    assert "refused: n1: the server answers, and its supervisor does not run it: sh -c echo nats FATAL; exit 3 ended" in message
    assert "set nats_upgrade_status_command to what names this server. Nothing was touched." in message


def test_a_hash_that_comes_over_plain_http_is_refused_before_anything_is_fetched(refused: Refused) -> None:
    url = "http://releases.invalid/v2.15.1/nats-server.tar.gz"
    message = one_message(refused("2.15.1", nats_upgrade_archive_url=url))
    sums = "http://releases.invalid/v2.15.1/SHA256SUMS"
    assert f"refused: insecure_source: the SHA-256 of the archive comes over plain http, from {sums}" in message


def test_a_mirror_that_does_not_answer_is_told_by_the_plan_with_the_variable_of_its_address(
    cluster: LoopbackCluster, mirror: Path
) -> None:
    url = "http://127.0.0.1:9/v2.15.1/nats-server.tar.gz"
    before = touched_by(cluster)
    hosts = write_hosts(cluster, mirror, nats_upgrade_archive_url=url, nats_upgrade_archive_sha256="a" * 64)
    done = playbook("plan", hosts, nats_upgrade_version="2.15.1")
    assert done.returncode != 0
    assert f"refused: {url} cannot be read: connection refused. Nothing was touched; check that" in one_message(done)
    assert "(nats_upgrade_archive_url may be of a mirror, or a file:// path there)" in said(done)
    assert touched_by(cluster) == before
    assert not (cluster.base / "downloads").exists()


def test_a_configuration_path_that_leads_nowhere_is_refused_with_its_variable(cluster: LoopbackCluster, refused: Refused) -> None:
    wrong = str(cluster.base / "etc" / "nats.conf")
    message = one_message(refused("2.15.1", hosts={"n2": {"nats_upgrade_config_path": wrong}}))
    right = cluster.nodes["n2"].config
    assert f"and nats_upgrade_config_path names it; the server runs with {right}: set nats_upgrade_config_path to what" in message
    assert "become" not in message


def test_a_monitoring_port_that_cannot_be_read_is_refused_with_its_address_whatever_the_limit(
    cluster: LoopbackCluster, refused: Refused
) -> None:
    url = f"http://127.0.0.1:{cluster.ports.monitor + 9}"
    message = one_message(refused("2.15.1", "--limit", "n1", hosts={"n2": {"nats_upgrade_monitor_url": url}}))
    assert "monitoring cannot be read of 1 of 3 servers" in message
    assert f"n2 {url}: " in message
    assert "nats_upgrade_monitor_url" in message
    assert "The others have routes to n2: if that is n2, it runs, and its address here is wrong" in message
    assert "nats_upgrade_waive" not in message


def test_https_on_a_port_of_http_is_refused_and_no_waiver_makes_it_right(cluster: LoopbackCluster, refused: Refused) -> None:
    url = cluster.monitor_url("n2").replace("http:", "https:")
    hosts = {"n2": {"nats_upgrade_monitor_url": url}}
    message = one_message(refused("2.15.1", hosts=hosts, nats_upgrade_waive=["missing_server", "stepping_stone"]))
    assert f"n2 {url}: the port does not speak https: write http:// in the monitor URL" in message
    assert "It cannot be waived." in message


def test_an_archive_with_another_hash_than_the_listed_one_is_refused(refused: Refused, tmp_path: Path) -> None:
    source = publish(tmp_path, "2.15.1", b"damaged on its way", f"{'a' * 64}  {archive_name('2.15.1')}\n")
    message = one_message(refused("2.15.1", source=source))
    assert f"and should have {'a' * 64}" in message
    assert "nothing was installed" in message


def test_an_archive_that_holds_another_version_is_refused(refused: Refused, tmp_path: Path) -> None:
    source = publish(tmp_path, "2.15.9", pack("2.15.9", server_binary("2.14.6").read_bytes()))
    assert "holds nats-server 2.14.6, not 2.15.9: nothing was installed" in said(refused("2.15.9", source=source))


def test_an_address_with_a_variable_that_is_not_set_is_told_whatever_the_limit(refused: Refused) -> None:
    wrong = {"n2": {"nats_upgrade_monitor_url": "http://{{ nats_address }}:8222"}}
    message = one_message(refused("2.15.1", "--limit", "n1", hosts=wrong))
    assert "nats_upgrade_monitor_url of n2 needs a variable that is not set (" in message
    assert "'nats_address' is undefined" in message
    assert "Nothing was touched." in message


def test_a_secret_that_was_given_as_text_is_refused_and_shown_nowhere(cluster: LoopbackCluster, refused: Refused) -> None:
    secret = "s3cret-4Xw9"
    given = json.dumps({"user": "probe", "password": secret})
    done = refused("2.15.1", nats_upgrade_client_probe=given)
    assert "nats_upgrade_client_probe is text, and has to be a dictionary" in one_message(done)
    assert secret not in done.stdout + done.stderr
    # It is refused before a report is begun.
    reports = cluster.base / "reports"
    assert secret not in "".join(path.read_text(encoding="utf-8") for path in reports.rglob("*") if path.is_file())


def test_two_hosts_with_the_same_monitor_url_are_refused(cluster: LoopbackCluster, refused: Refused) -> None:
    message = one_message(refused("2.15.1", hosts={"n2": {"nats_upgrade_monitor_url": cluster.monitor_url("n1")}}))
    assert "both answer as n1: stopping one could stop the other" in message
    assert "It cannot be waived." in message
    assert "no plan: a server of the group cannot be read, or not be told from another" in message
    assert "nats_upgrade_waive" not in message


def test_a_pid_file_that_is_not_there_is_refused_with_the_variable_to_set(cluster: LoopbackCluster, refused: Refused) -> None:
    wrong = str(cluster.base / "no.pid")
    message = one_message(refused("2.15.1", hosts={"n1": {"nats_upgrade_pid_file": wrong}}))
    assert f"the server answers, and yet does not run here (there is no pid file {wrong})" in message
    assert "nats_upgrade_pid_file" in message


def test_a_command_service_without_a_start_command_is_refused(refused: Refused) -> None:
    message = one_message(refused("2.15.1", hosts={"n1": {"nats_upgrade_start_command": []}}))
    assert "nats_upgrade_start_command has to say how to start the server" in message


def test_a_pid_file_of_another_hosts_server_is_refused_before_that_server_is_stopped(mirror: Path) -> None:
    # A cluster of its own: where this is not refused, a server is lost.
    with LoopbackCluster("2.14.6") as own:
        leader = own.known_leader()
        first, second = [name for name in own.nodes if name != leader]
        pid_file = str(own.nodes[second].pid_file)
        before = touched_by(own)
        done = upgrade(
            write_hosts(own, mirror, {first: {"nats_upgrade_pid_file": pid_file}}),
            "2.15.1",
            nats_upgrade_health_timeout_seconds=5,
        )
        assert done.returncode != 0
        assert touched_by(own) == before
        assert f"refused: other_process: {first}: the server that answers for this host is monitored on port" in said(done)
        assert "set nats_upgrade_pid_file" in said(done)
