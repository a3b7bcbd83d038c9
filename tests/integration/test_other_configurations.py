"""An ansible.cfg that is set up for other playbooks changes nothing: not the plan, not a roll, and not the run after it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.release import __version__ as ansible_version

from ansible_collections.natsops.cluster.plugins.plugin_utils._ansible import tested as _tested
from tests.integration.helpers import BIN, PLAYBOOK_SECONDS, events, run, runs, said, starts, write_hosts
from tests.lab import pythons
from tests.lab.binaries import ROOT
from tests.lab.cluster import LoopbackCluster
from tests.lab.playbook import PlaybookRun

OLD, NEW = "2.14.6", "2.15.1"
CONFIGURATION = """\
[defaults]
collections_path = {root}/collections
strategy = {strategy}
forks = 1
gathering = smart
fact_caching = jsonfile
fact_caching_connection = {cache}
any_errors_fatal = True
hash_behaviour = merge
jinja2_native = True
error_on_undefined_vars = False
stdout_callback = minimal
display_skipped_hosts = False
verbosity = 1
deprecation_warnings = False
inject_facts_as_vars = {inject}
"""
# What an earlier playbook may have left in the cache of facts: of another machine, and no longer true.
CACHED = {"nats_node": {"binary_path": "/nowhere", "go_arch": "sparc", "running": False, "lame_duck_duration_seconds": 0.1}}
# A variable of the inventory has the name of a fact that the collection's modules can give.
VARIABLES = {"nats_version": NEW, "nats_upgrade_version": "{{ nats_version }}"}


@dataclass(frozen=True)
class Run:
    done: PlaybookRun
    planned: dict[str, Any]
    finished: list[str]


@dataclass(frozen=True)
class Ran:
    """The same cluster planned with the configuration of the repository, then planned and rolled with another, and once more."""

    plain: Run
    plan: Run
    roll: Run
    again: Run
    versions: dict[str, str]
    started: tuple[dict[str, str], dict[str, str]]
    cached: list[str]


def plays(cluster: LoopbackCluster, hosts: Path, playbook: str, env: dict[str, str]) -> Run:
    argv = [str(BIN / "ansible-playbook"), "-i", str(hosts), str(ROOT / "playbooks" / f"{playbook}.yml")]
    done = run(argv, env=env, seconds=PLAYBOOK_SECONDS)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    (planned,) = events(runs(cluster)[-1], "planned")
    return Run(done, planned, [event["host"] for event in events(runs(cluster)[-1], "node_done")])


def with_an_old_python() -> dict[str, str]:
    """One node has the oldest Python that it may have with the ansible-core of this environment."""
    core = _tested.CORES[_tested.minor_of(ansible_version)]
    return {"ansible_python_interpreter": str(pythons.oldest(core.node_python))}


@pytest.fixture(scope="module")
def ran(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("other")
    cache = folder / "facts"

    def odd(strategy: str, *, inject: bool) -> dict[str, str]:
        path = folder / f"{strategy}.cfg"
        path.write_text(CONFIGURATION.format(root=ROOT, cache=cache, strategy=strategy, inject=inject), encoding="utf-8")
        return {"ANSIBLE_CONFIG": str(path)}

    free, pinned = odd("free", inject=True), odd("host_pinned", inject=False)
    with LoopbackCluster(OLD, 2) as cluster:
        waive = ["stepping_stone", "two_node_cluster"]
        hosts = write_hosts(cluster, mirror, {"n2": with_an_old_python()}, nats_upgrade_waive=waive, **VARIABLES)
        remember = [str(BIN / "ansible"), "-i", str(hosts), "nats", "-m", "ansible.builtin.set_fact"]
        assert (
            run([*remember, "-a", json.dumps({**CACHED, "cacheable": True})], env=free, seconds=PLAYBOOK_SECONDS).returncode == 0
        )
        plain, plan = (plays(cluster, hosts, "plan", env) for env in ({}, free))
        roll = plays(cluster, hosts, "upgrade", free)
        started = starts(cluster)
        again = plays(cluster, hosts, "upgrade", pinned)
        left = [path.read_text(encoding="utf-8") for path in sorted(cache.iterdir())]
        yield Ran(plain, plan, roll, again, cluster.versions(), (started, starts(cluster)), left)


def test_the_plan_is_the_same(ran: Ran) -> None:
    told = ("target", "clusters", "order", "refusals", "waived", "warnings", "estimate", "resumes")
    assert {key: ran.plan.planned[key] for key in told} == {key: ran.plain.planned[key] for key in told}


def test_the_roll_takes_each_node_once_in_the_order_of_the_plan(ran: Ran) -> None:
    assert ran.roll.finished == ran.plain.planned["order"]
    assert set(ran.versions.values()) == {NEW}


def test_the_next_run_does_nothing(ran: Ran) -> None:
    # Which of them leads the cluster by now, and so comes last, is not ours to say.
    assert (ran.again.finished, sorted(ran.again.planned["done"])) == ([], sorted(ran.versions))
    assert ran.started[0] == ran.started[1]
    assert " | CHANGED" not in ran.again.done.stdout
    assert " | CHANGED" in ran.roll.done.stdout


def test_nothing_of_it_becomes_a_fact_that_is_kept(ran: Ran) -> None:
    assert len(ran.cached) == 2
    assert [text for text in ran.cached if "/nowhere" not in text or "nats_version" in text] == []


@pytest.mark.parametrize("name", ["plan", "roll", "again"])
def test_there_is_no_warning(ran: Ran, name: str) -> None:
    assert "[WARNING]" not in said(getattr(ran, name).done)
