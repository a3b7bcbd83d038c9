"""In a play of several hosts, nothing that is found out on one of them can be taken for another's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import yaml

from tests.unit.modules import ROOT

ROLES, PLAYBOOKS = ROOT / "roles", ROOT / "playbooks"
FILES = sorted([*ROLES.glob("*/tasks/**/*.yml"), *PLAYBOOKS.glob("*.yml")])
FACTS = ("natsops.cluster.nats_node_facts", "natsops.cluster.nats_version_facts")


def tasks(content: Any) -> Iterator[dict[str, Any]]:
    """Every task of a file, those in plays and blocks too."""
    for entry in content if isinstance(content, list) else ():
        nested = [entry[key] for key in ("tasks", "pre_tasks", "post_tasks", "block", "rescue", "always") if key in entry]
        if nested:
            for inner in nested:
                yield from tasks(inner)
        elif isinstance(entry, dict) and "hosts" not in entry:
            yield entry


def load(path: Path) -> list[dict[str, Any]]:
    return list(tasks(yaml.safe_load(path.read_text(encoding="utf-8"))))


def test_no_task_of_ours_makes_facts_of_what_it_finds_out() -> None:
    found = [(path.name, task[module]) for path in FILES for task in load(path) for module in FACTS if module in task]
    assert len(found) > 8
    assert [name for name, options in found if (options or {}).get("as_facts") is not False] == []


def test_nothing_of_ours_reads_facts() -> None:
    templates = [*ROLES.rglob("*.j2"), *ROLES.rglob("vars/*.yml"), *ROLES.rglob("defaults/*.yml")]
    assert [path for path in (*FILES, *templates) if "ansible_facts" in path.read_text(encoding="utf-8")] == []
