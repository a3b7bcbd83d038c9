# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ask a server binary whether it accepts a configuration, as the server that is to start with it."""

from __future__ import annotations

import re
from typing import Any, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import identity as _identity
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process
from ansible_collections.natsops.cluster.plugins.module_utils._host import surroundings as _surroundings
from ansible_collections.natsops.cluster.plugins.module_utils._host import unit_start as _unit_start
from ansible_collections.natsops.cluster.plugins.module_utils._host.process import Process

# How nats-server words what it only warns of in a configuration, after the place.
_WARNING = ': invalid use of field "'
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# What makes a program load or do something else, rather than fills in a configuration.
_OF_LOADERS = re.compile(r"^(?:LD_|GO|PATH$)")


def check_config(binary: str, config: str, process: Process | None, unit: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run the binary with -t on the configuration, with the rights of the server and the variables that it has, in its folder.

    The folder and the variables of a process are its user's word, which can do here what that user can.

    Raises NatsError where the binary refuses the configuration, with its own words. With -t it refuses too what it only warns of
    when it starts, such as C(reconnect: 1) without a unit (measured on 2.10.26 to 2.15.1): that is in C(said).
    """
    unit = unit or {}
    variables = {name: value for name, value in _surroundings.environment_of(process).items() if not _OF_LOADERS.match(name)}
    output = _identity.ask(
        [binary, "-t", "-c", config],
        _identity.of(process, unit),
        environment={**variables, **(_unit_start.environment(unit) if unit else {})},
        cwd=_surroundings.cwd_of(process) or _unit_start.folder(unit),
    )
    said = (output.stderr.strip() or output.stdout.strip()).replace(f"{_process.PROGRAM}: ", "")
    if output.returncode != 0 and not (said and all(_WARNING in line for line in said.splitlines())):
        raise NatsError(
            f"{binary} refuses {config}: {said}. A server that refuses its configuration does not start: mend the "
            "configuration (keys of a newer version go in after the last node has it), and run again. Nothing was changed",
            refusal="config",
        )
    return {"config_path": config, "said": said, "digest": digest_in(said)}


def digest_in(said: str) -> str:
    """The digest of the configuration in what a server said with -t; empty for one before 2.11, which tells none."""
    digest = _DIGEST.search(said)
    return digest.group() if digest else ""
