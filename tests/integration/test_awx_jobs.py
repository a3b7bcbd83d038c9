"""Playbooks as AWX runs them: ansible-runner in a private data directory, with what AWX writes into it.

That is the project as a copy, the inventory as a script, the answers of a survey as text that is not to be templated, --limit on
the command line, the artifacts of the jobs before as extra variables, and a credential in a file of its own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.helpers import BIN, PLAYBOOK_SECONDS, run, touched_by, write_hosts
from tests.lab.binaries import ROOT
from tests.lab.cluster import LoopbackCluster
from tests.lab.node import Settings

SECRET = "staple-battery-4Xw9"
PARTS = ("ansible.cfg", "collections", "galaxy.yml", "meta", "playbooks", "plugins", "roles")
# All of it text, as a survey gives it where it does not say integer, with the line ends of a browser.
ANSWERS = {
    "nats_upgrade_version": "2.15.1",
    "nats_upgrade_waive": "stepping_stone\r\nsingle_route\r\n",
    "nats_upgrade_soak_seconds": "1",
    "nats_upgrade_drain_timeout_seconds": "120",
    "nats_upgrade_health_timeout_seconds": "300",
    "nats_upgrade_start_timeout_seconds": "30",
    "nats_upgrade_lock_lease_seconds": "120",
    "nats_upgrade_keep_versions": "2",
    "nats_upgrade_max_lag": "100",
    "nats_upgrade_rollback": "True",
    "nats_upgrade_rebalance": "false",
    "nats_upgrade_refuse_r1": "no",
    "nats_upgrade_validate_certs": "true",
    "nats_upgrade_order": "n1\r\nn2\r\nn3\r\n",
}


class Unsafe(str):
    """Text that Ansible does not template."""


class Dumper(yaml.SafeDumper):
    pass


Dumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text)))


def unsafe(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {unsafe(name): unsafe(one) for name, one in value.items()}
    if isinstance(value, list):
        return [unsafe(one) for one in value]
    return Unsafe(value) if isinstance(value, str) else value


@dataclass(frozen=True)
class Job:
    """What AWX knows of a job that has ended. C(left) is all that it keeps of it, as text."""

    returncode: int
    status: str
    events: list[dict[str, Any]]
    left: str

    @property
    def artifacts(self) -> dict[str, Any]:
        """What the jobs that follow in a workflow are given as extra variables."""
        (stats,) = [event["event_data"] for event in self.events if event["event"] == "playbook_on_stats"]
        artifacts: dict[str, Any] = stats.get("artifact_data") or {}
        return artifacts

    @property
    def stdout(self) -> str:
        return "\n".join(event["stdout"] for event in self.events)

    def results(self, action: str) -> list[dict[str, Any]]:
        told = [event.get("event_data", {}) for event in self.events]
        return [data["res"] for data in told if data.get("task_action", "").endswith(action) and "res" in data]


class Awx:
    """A private data directory; each job has a name."""

    def __init__(self, folder: Path, inventory: Mapping[str, Any], credential: Mapping[str, Any]) -> None:
        self.folder = folder
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            (folder / "project").mkdir(exist_ok=True)
            copy(ROOT / part, folder / "project" / part, **({"symlinks": True} if copy is shutil.copytree else {}))
        (folder / "inventory").mkdir()
        script = folder / "inventory" / "hosts"
        script.write_text(f"#!/usr/bin/env python3\nprint(r'''{json.dumps(inventory)}''')\n", encoding="utf-8")
        script.chmod(0o700)
        (folder / "env").mkdir()
        (folder / "env" / "settings").write_text(json.dumps({"suppress_ansible_output": True}), encoding="utf-8")
        (folder / "env" / "envvars").write_text(json.dumps(self.environment()), encoding="utf-8")
        (folder / "env" / "credential").write_text(yaml.dump(unsafe(credential), Dumper=Dumper), encoding="utf-8")

    def environment(self) -> dict[str, str]:
        # As AWX puts it together out of ansible.cfg: the folder of the project is relative.
        paths = [f"{self.folder}/requirements_collections", "collections", "/usr/share/ansible/collections"]
        return {
            "ANSIBLE_COLLECTIONS_PATH": ":".join(paths),
            "ANSIBLE_FORCE_COLOR": "True",
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
            "AWX_HOST": "https://awx.example.org",
            "JOB_ID": "7",
        }

    def job(self, name: str, playbook: str, limit: str, **variables: Any) -> Job:
        (self.folder / "env" / "extravars").write_text(yaml.dump(unsafe(variables), Dumper=Dumper), encoding="utf-8")
        options = f"--limit {limit} -e @{self.folder}/env/credential -vvv"
        (self.folder / "env" / "cmdline").write_text(options, encoding="utf-8")
        argv = [str(BIN / "ansible-runner"), "run", str(self.folder), "-p", playbook, "--ident", name]
        ours = {
            "ANSIBLE_CONFIG": str(self.folder / "project" / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "",
            "PATH": f"{BIN}:/usr/bin:/bin",
        }
        done = run(argv, env=ours, seconds=PLAYBOOK_SECONDS)
        artifacts = self.folder / "artifacts" / name
        files = sorted((artifacts / "job_events").glob("[0-9]*.json"), key=lambda path: int(path.name.partition("-")[0]))
        left = "".join(path.read_text(encoding="utf-8", errors="replace") for path in artifacts.rglob("*") if path.is_file())
        return Job(
            done.returncode,
            (artifacts / "status").read_text(encoding="utf-8"),
            [json.loads(path.read_text(encoding="utf-8")) for path in files],
            left + done.stdout + done.stderr,
        )


@dataclass(frozen=True)
class Worked:
    """An audit and a plan while a server is down, and then, as in a workflow, an upgrade, a soak, an audit; all limited to n1."""

    failing: Job
    refused: Job
    upgraded: Job
    soaked: Job
    audited: Job
    before: dict[str, Any]
    after: dict[str, Any]
    reports: Path

    @property
    def jobs(self) -> tuple[Job, ...]:
        return (self.failing, self.refused, self.upgraded, self.soaked, self.audited)


@pytest.fixture(scope="module")
def worked(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worked]:
    with LoopbackCluster("2.14.6", settings=Settings(monitoring="none", system_password=SECRET)) as cluster:
        group = yaml.safe_load(write_hosts(cluster, mirror, ansible_become=False).read_text(encoding="utf-8"))["nats"]
        del group["vars"]["nats_upgrade_waive"]
        hosts = {
            name: {key: one for key, one in own.items() if key != "nats_upgrade_monitor_url"}
            for name, own in group["hosts"].items()
        }
        inventory = {"nats": {"hosts": list(hosts), "vars": group["vars"]}, "_meta": {"hostvars": hosts}}
        # What the credential does not hold is empty text.
        account = {"creds": "", "user": "sys", "password": SECRET, "servers": ",".join(cluster.urls), "tls": {"ca": ""}}
        awx = Awx(tmp_path_factory.mktemp("awx"), inventory, {"nats_upgrade_system_account": account})
        cluster.terminate("n3")
        asked = {"nats_audit_max_mismatch_seconds": "86400"}
        failing = awx.job("failing", "playbooks/audit.yml", "n1", **asked, awx_job_id=5)
        refused = awx.job("plan", "playbooks/plan.yml", "n1", **ANSWERS, awx_job_id=6)
        cluster.start_node("n3")
        cluster.wait_ready()
        before = touched_by(cluster)
        # What jobs before this one have left is older than this one, and extra variables beat all others.
        stale = {**refused.artifacts, "nats_upgrade_summary": {"outcome": "refused"}, "nats_upgrade_status": {}, "nats_audit": {}}
        upgraded = awx.job("upgrade", "playbooks/upgrade.yml", "n1", **ANSWERS, **stale, awx_job_id=7)
        answers = {**ANSWERS, "nats_awx_soak_seconds": 1}
        soaked = awx.job("soak", "playbooks/awx/soak.yml", "n1", **answers, **upgraded.artifacts, awx_job_id=8)
        audited = awx.job("audited", "playbooks/audit.yml", "n1", **asked, **upgraded.artifacts, awx_job_id=9)
        jobs = (failing, refused, upgraded, soaked, audited)
        yield Worked(*jobs, before, touched_by(cluster), Path(group["vars"]["nats_upgrade_report_dir"]))


def test_a_job_limited_to_one_node_fails_while_another_one_is_down_and_says_which(worked: Worked) -> None:
    job = worked.refused
    assert (job.returncode, job.status) == (2, "failed"), job.stdout[-3000:]
    (failed,) = [event["event_data"] for event in job.events if event["event"] == "runner_on_failed"]
    assert "missing_server: " in failed["res"]["msg"]
    assert "n3" in failed["res"]["msg"]
    # The job after it in a workflow, and whoever reads the API, have the plan all the same.
    assert job.artifacts["nats_upgrade_plan"]["refused"] is True


def test_a_job_limited_to_one_node_upgrades_that_one_and_watches_the_others(worked: Worked) -> None:
    job = worked.upgraded
    assert (job.returncode, job.status) == (0, "successful"), job.stdout[-3000:]
    assert worked.after["n1"][0] == "2.15.1"
    assert {name: worked.after[name] for name in ("n2", "n3")} == {name: worked.before[name] for name in ("n2", "n3")}
    waits = [sorted(result["servers"]) for result in job.results("nats_health_wait")]
    # Before it was stopped, twice, and until it was back. The soak is between nodes, and there is only one.
    assert waits[:3] == [["n1", "n2", "n3"]] * 3


def test_the_soak_after_it_watches_all_of_them(worked: Worked) -> None:
    job = worked.soaked
    assert (job.returncode, job.status) == (0, "successful"), job.stdout[-3000:]
    (waited,) = job.results("nats_health_wait")
    assert (sorted(waited["servers"]), waited["changed"]) == (["n1", "n2", "n3"], False)


def test_an_audit_that_finds_something_severe_is_a_failed_job_and_leaves_what_it_found_all_the_same(worked: Worked) -> None:
    job = worked.failing
    assert (job.returncode, job.status) == (2, "failed"), job.stdout[-3000:]
    (failed,) = [event["event_data"] for event in job.events if event["event"] == "runner_on_failed"]
    assert failed["res"]["msg"].startswith("1 finding of this audit fails it: silent_server: n3.")
    audit = job.artifacts["nats_audit"]
    assert (audit["failed"], audit["summary"]["versions"]) == (["silent_server"], {"2.14.6": 2})


def test_an_audit_of_a_cluster_in_mid_roll_is_a_job_that_ends_well_and_sees_all_of_it_whatever_the_limit(worked: Worked) -> None:
    job = worked.audited
    assert (job.returncode, job.status) == (0, "successful"), job.stdout[-3000:]
    assert [event for event in job.events if event["event"] == "runner_on_failed"] == []
    (told,) = job.results("nats_audit")
    assert told["audit"] == job.artifacts["nats_audit"]
    (cluster,) = told["audit"]["clusters"]
    assert (cluster["versions"], cluster["mismatch"]["state"]) == ({"2.15.1": 1, "2.14.6": 2}, "active")
    assert told["audit"]["failed"] == []


def test_the_artifacts_are_those_of_this_job_and_not_of_the_ones_before(worked: Worked) -> None:
    plan = worked.upgraded.artifacts["nats_upgrade_plan"]
    assert (plan["refused"], plan["target"]) == (False, "2.15.1")
    assert [sorted(hosts) for hosts in plan["clusters"].values()] == [["n1", "n2", "n3"]]
    assert {waived["name"] for waived in plan["waived"]} >= {"stepping_stone"}
    summary = worked.upgraded.artifacts["nats_upgrade_summary"]
    assert (summary["outcome"], summary["upgraded"], summary["left"]) == ("part_done", ["n1"], ["n2", "n3"])
    assert summary["versions"] == {"n1": "2.15.1", "n2": "2.14.6", "n3": "2.14.6"}
    assert worked.refused.artifacts["nats_upgrade_summary"]["outcome"] in ("refused", "failed")


def test_the_secret_of_the_credential_is_in_nothing_that_a_job_leaves_however_loud_it_is(worked: Worked) -> None:
    for job in worked.jobs:
        assert len(job.events) > 4
        assert SECRET not in job.left
    kept = [path for path in worked.reports.rglob("*") if path.is_file()]
    assert kept
    assert [path for path in kept if SECRET in path.read_text(encoding="utf-8", errors="replace")] == []


def test_the_log_is_lines_although_ansible_runs_on_a_terminal(worked: Worked) -> None:
    for job in worked.jobs:
        assert "\x1b[0" in job.left, "no terminal: this test shows nothing"
        for ink in ("\r ", "\r\x1b", "\x1b[K", "\x1b[2K", "\x1b[A"):
            assert ink not in job.left.replace("\r\n", "\n")
