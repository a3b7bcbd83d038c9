# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Read the clients of a server on the controller."""

from __future__ import annotations

from ansible_collections.natsops.cluster.plugins.module_utils._read import clients as _clients
from ansible_collections.natsops.cluster.plugins.module_utils._read import options as _options
from ansible_collections.natsops.cluster.plugins.plugin_utils._action.base import ReadingAction, Result


class ActionModule(ReadingAction):
    """See the module of the same name."""

    SPEC = _clients.SPEC

    def read(self, params: Result, host: str, open_source: _options.OpenSource) -> Result:
        return _clients.clients_of(params, host, open_source=open_source)
