# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Refuse to leave out a part of a playbook of this collection.

Ansible ends well where options of its own leave out every task, and a roll whose checks or locks are left out is a danger. Tags
leave out any task, so that no task can look at them; the hosts of a play are worked out always.
"""

from __future__ import annotations

import os
from typing import Any, Mapping, Sequence

from ansible import context
from ansible.errors import AnsibleFilterError

from ansible_collections.natsops.cluster.plugins.plugin_utils._run import signals as _signals

DOCUMENTATION = r"""
name: nats_whole_run
short_description: Refuse to run a part of a playbook
version_added: "0.1.0"
description:
  - For the playbooks of this collection. Gives its input back, unless C(--tags), C(--skip-tags), C(--start-at-task) or C(--step)
    would leave out tasks of a playbook that was called itself.
  - From then on a run that Ctrl-C or SIGTERM ends says where it stands.
  - In a playbook of one's own, which imports one of these, tags and the rest choose among its own plays, and nothing is refused.
options:
  _input:
    description: Any value.
    type: raw
    required: true
author: The natsops maintainers (@natsops)
"""

EXAMPLES = r"""
- name: The first play
  hosts: "{{ 'all' | natsops.cluster.nats_whole_run }}"
"""

RETURN = r"""
_value:
  description: The input.
  type: raw
"""

_INSTEAD = (
    "Run the playbook without it: a run is safe as a whole only. To see what it would do, run natsops.cluster.plan; to take "
    "fewer nodes, use --limit or -e nats_upgrade_max_nodes=1. Nothing was touched."
)
_COLLECTION = "natsops.cluster."
# Tags that Ansible itself knows: a task without any, as all tasks of these playbooks are, has the tag untagged.
_OF_ALL = {"all", "untagged"}


def why_not(options: Mapping[str, Any]) -> str:
    """Why a run with these options of ansible-playbook is refused; empty where it is not."""
    tags, skipped = _words(options.get("tags")), _words(options.get("skip_tags"))
    if tags and not _OF_ALL.intersection(tags):
        return f"refused: --tags {','.join(tags)} leaves out every step: the steps have no tags. {_INSTEAD}"
    if {*_OF_ALL, "always"}.intersection(skipped):
        return f"refused: --skip-tags {','.join(skipped)} leaves out steps that every run needs. {_INSTEAD}"
    if options.get("start_at_task"):
        return f"refused: --start-at-task leaves out the checks before '{options['start_at_task']}'. {_INSTEAD}"
    if options.get("step"):
        return f"refused: --step can leave out any step. {_INSTEAD}"
    return ""


def _words(given: Any) -> Sequence[str]:
    return [str(one) for one in given or ()]


def is_ours(playbook: str) -> bool:
    """Whether a playbook is one of these: by its name in the collection, or by its path in a clone, links followed."""
    folder = os.path.dirname(os.path.realpath(playbook))
    return playbook.startswith(_COLLECTION) or any(os.path.isfile(os.path.join(folder, up, "_group.yml")) for up in ("", ".."))


def nats_whole_run(value: Any) -> Any:
    called = _words(context.CLIARGS.get("args"))
    why = why_not(context.CLIARGS) if any(map(is_ours, called)) else ""
    if why:
        raise AnsibleFilterError(why)
    # Here and nowhere else are we in the process that outlives all tasks.
    _signals.watch()
    return value


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Any]:
        return {"nats_whole_run": nats_whole_run}
