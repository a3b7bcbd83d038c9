# Copyright: (c) 2026, the natsops maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Copy a release archive to the node, and run the module of the same name there."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleConnectionFailure

from ansible_collections.natsops.cluster.plugins.module_utils._errors import NatsError
from ansible_collections.natsops.cluster.plugins.plugin_utils._actions import NodeAction, Result


class ActionModule(NodeAction):
    """See the module of the same name."""

    def work(self, task_vars: dict[str, Any]) -> Result:
        args = dict(self._task.args)
        archive = args.pop("archive", None)
        if archive is None or self._task.check_mode:
            return self.on_node(args, task_vars)
        if not os.path.isfile(archive):
            raise NatsError(f"there is no archive {archive} on the controller")
        # Not asked first whether it is needed there: that takes longer than copying 7 MB.
        return self.on_node({**args, "archive": self._copied(archive, task_vars)}, task_vars)

    def _copied(self, archive: str, task_vars: dict[str, Any]) -> str:
        try:
            folder = self._make_tmp_path()
            remote = self._connection._shell.join_path(folder, os.path.basename(archive))
            self._transfer_file(archive, remote)
            self._fixup_perms2((folder, remote))
        except AnsibleConnectionFailure as exc:
            raise NatsError(f"{task_vars['inventory_hostname']} was lost while {archive} was copied to it: {exc}") from exc
        return str(remote)
