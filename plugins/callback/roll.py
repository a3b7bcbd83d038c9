# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Show a roll in about ten lines for each node, and everything else as Ansible does."""

from __future__ import annotations

DOCUMENTATION = r"""
name: roll
type: stdout
short_description: Show a roll as an operator reads it
version_added: 0.1.0
author:
  - The natsops maintainers (@natsops)
description:
  - >-
    Shows C(natsops.cluster.upgrade) and C(natsops.cluster.restart) in about thirty lines for three nodes: the plan, four
    moments and the end of each turn, and how the run ended. A wait says every 10 seconds what it waits for. A refusal or a
    failure is shown once, as it is.
  - >-
    Of the tasks of this collection only what they say is shown. Tasks of yours, as those of hooks or of other plays, are shown as
    P(ansible.builtin.default#callback) shows them.
  - With C(-v) every task is shown besides.
  - Times are UTC. Where the output is no terminal it holds no control characters, unless colours are forced.
options:
  show_recap:
    description:
      - Whether the number of tasks of each host is shown at the end, also where only tasks of this collection ran.
    type: bool
    default: false
    env:
      - name: NATSOPS_ROLL_SHOW_RECAP
    ini:
      - section: callback_natsops_roll
        key: show_recap
extends_documentation_fragment:
  - ansible.builtin.default_callback
  - ansible.builtin.result_format_callback
requirements:
  - Set as C(stdout_callback) in the configuration, or as E(ANSIBLE_STDOUT_CALLBACK).
seealso:
  - plugin: ansible.builtin.default
    plugin_type: callback
    description: It shows every task.
"""

EXAMPLES = r"""
# ansible.cfg
# [defaults]
# stdout_callback = natsops.cluster.roll

# For one run:
# export ANSIBLE_STDOUT_CALLBACK=natsops.cluster.roll
# ansible-playbook natsops.cluster.upgrade -i inventory -e nats_upgrade_version=2.15.1
"""

import os
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.callback.default import CallbackModule as Default

from ansible_collections.natsops.cluster.plugins.module_utils._core import text as _text
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import columns as _columns
from ansible_collections.natsops.cluster.plugins.plugin_utils._run import events as _events
from ansible_collections.natsops.cluster.plugins.plugin_utils._run.columns import Line
from ansible_collections.natsops.cluster.plugins.plugin_utils._screen import follow as _follow
from ansible_collections.natsops.cluster.plugins.plugin_utils._screen import lines as _lines

_ROOT = f"{Path(__file__).resolve().parents[2]}{os.sep}"
_COLOURS = {"good": constants.COLOR_OK, "bad": constants.COLOR_ERROR, "warn": constants.COLOR_WARN}
_RECAP = "show_recap"


def is_ours(path: str | None) -> bool:
    """Whether a play, a task or a file of tasks is of this collection. Hooks run in its role, and are not."""
    return bool(path) and os.path.realpath(str(path)).startswith(_ROOT)


class CallbackModule(Default):
    """The default callback, which of the tasks of this collection shows only what matters."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = _columns.NAME

    def __init__(self) -> None:
        super().__init__()
        self._follow: _follow.Follow | None = None
        self._roll: _lines.Roll | None = None
        # Failures of which it is not known yet whether the run ends with them: something may be put right first.
        self._failures: list[str] = []
        self._foreign = False

    # What runs

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._show_events()
        if self._roll:
            self._show(self._roll.flush())
        if self._is_quiet(play):
            self._play = play
        else:
            super().v2_playbook_on_play_start(play)

    def v2_playbook_on_no_hosts_matched(self) -> None:
        if not self._is_quiet(self._play):
            super().v2_playbook_on_no_hosts_matched()

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        if not self._is_quiet(self._play):
            super().v2_playbook_on_no_hosts_remaining()

    def v2_playbook_on_include(self, included_file: Any) -> None:
        if self._display.verbosity or not is_ours(included_file._filename):
            super().v2_playbook_on_include(included_file)

    def _task_start(self, task: Any, prefix: str | None = None) -> None:
        if not self._is_quiet(task):
            self._foreign = self._foreign or not is_ours(task.get_path())
            super()._task_start(task, prefix)
            return
        # Where something of it is shown after all, its name goes before that.
        self._last_task_name = task.get_name().strip()

    def _is_quiet(self, what: Any) -> bool:
        return not self._display.verbosity and is_ours(what.get_path())

    # What comes of it

    def v2_runner_on_ok(self, result: Any) -> None:
        quiet = self._seen(result)
        if not quiet:
            super().v2_runner_on_ok(result)
            return
        of_it = _result(result)
        self._warn(of_it)
        if of_it.get("_ansible_verbose_always"):
            self._say(of_it.get("msg"))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        before = self._roll.failed if self._roll else 0
        quiet = self._seen(result)
        if not quiet or ignore_errors:
            super().v2_runner_on_failed(result, ignore_errors)
            return
        of_it = _result(result)
        self._warn(of_it)
        msg = _message(of_it)
        if self._roll and self._roll.failed == before:
            self._failures.append(msg)
            return
        self._failures.clear()
        self._fail(msg)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._seen(result)
        super().v2_runner_on_unreachable(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        if not self._seen(result):
            super().v2_runner_on_skipped(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        if not self._is_quiet(_task(result)):
            super().v2_runner_item_on_ok(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        if not self._is_quiet(_task(result)):
            super().v2_runner_item_on_failed(result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        if not self._is_quiet(_task(result)):
            super().v2_runner_item_on_skipped(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._show_events()
        # What failed, and was not followed by the message that a run ends with.
        for msg in self._failures:
            self._fail(msg)
        self._failures.clear()
        shows = self.get_option(_RECAP) or self.get_option("show_custom_stats")
        if self._foreign or self._display.verbosity or shows:
            super().v2_playbook_on_stats(stats)

    # The run

    def _seen(self, result: Any) -> bool:
        """Show what the events say by now; return whether nothing else of this result is to be shown."""
        of_it = _result(result)
        if is_ours(_task(result).get_path()):
            self._begin(of_it)
        self._show_events()
        if self._roll:
            self._roll.heard(of_it)
        return self._is_quiet(_task(result))

    def _begin(self, result: Any) -> None:
        """Follow the run that an action says it has begun, or that it belongs to."""
        folder = _follow.folder_of(result)
        if folder and (self._follow is None or self._follow.folder != folder):
            self._follow = _follow.Follow(folder)
            page = os.path.join(folder, _events.PAGE)
            self._roll = _lines.Roll(os.path.basename(folder), page, self._display.columns)

    def _show_events(self) -> None:
        if self._follow and self._roll:
            for event in self._follow.more():
                self._show(self._roll.take(event))

    def _show(self, lines: list[Line]) -> None:
        for line in lines:
            self._display.display(line.text, color=_COLOURS.get(line.tone))

    def _say(self, msg: Any) -> None:
        """What a task of this collection says, without what was shown already: a list, or lines."""
        texts = [str(one) for one in msg] if isinstance(msg, (list, tuple)) else str(msg).splitlines()
        self._show(self._roll.heard_lines(texts) if self._roll else [Line(text) for text in texts])

    def _fail(self, msg: str) -> None:
        if self._roll:
            self._show(self._roll.opening())
        self._display.display(msg, color=constants.COLOR_ERROR, stderr=self.get_option("display_failed_stderr"))

    def _warn(self, result: Any) -> None:
        said = self._roll.said if self._roll else set()
        warnings = result.get("warnings") or ()
        if warnings and all(str(warning) in said for warning in warnings):
            result.pop("warnings", None)
        self._handle_warnings(result)


def _result(result: Any) -> Any:
    # Until ansible-core 2.18 there is no other name, and from 2.23 on this one is on its way out.
    return result.result if hasattr(result, "result") else result._result


def _task(result: Any) -> Any:
    return result.task if hasattr(result, "task") else result._task


def _message(result: Any) -> str:
    """What a failed task says, with that of its items: not that some of them have failed."""
    items = [item for item in result.get("results") or () if isinstance(item, dict) and item.get("failed")]
    told = [str(item.get("msg") or "failed") for item in items] or [str(result.get("msg") or "failed")]
    streams = [str(result[name]) for name in ("module_stderr", "module_stdout") if result.get(name)]
    return "\n".join(str(_text.said(one)).rstrip() for one in dict.fromkeys([*told, *streams]))
