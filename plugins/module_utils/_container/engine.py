# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""The only door to the container engine of a node: its client for what the client can say, its socket for what it cannot.

Docker's client cannot create a container from what it says of another one; only the API of the engine takes that whole. Podman's
client says the same as docker's, and no container is created from another one there.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
from typing import Any, Dict, Mapping

from ansible_collections.natsops.cluster.plugins.module_utils._core.errors import NatsError
from ansible_collections.natsops.cluster.plugins.module_utils._host import process as _process

DOCKER = "docker"
PODMAN = "podman"
SOCKET = "/var/run/docker.sock"
Inspected = Dict[str, Any]
# A pull, or a load of an image from a file.
LONG_SECONDS = 900.0


def inspect(name: str, program: str = DOCKER) -> Inspected | None:
    """What the engine says of a container; None where there is none of this name."""
    return _look("container", name, program)


def image(reference: str, program: str = DOCKER) -> Inspected | None:
    """What the engine says of an image that it has; None where it has none of this name."""
    return _look("image", reference, program)


def _look(kind: str, name: str, program: str) -> Inspected | None:
    output = _process.run([program, kind, "inspect", name])
    if output.returncode != 0:
        # The words of docker, and of podman.
        if any(words in output.stderr.lower() for words in ("no such", "not known")):
            return None
        raise NatsError(_failed([program, kind, "inspect", name], output))
    found: Inspected = json.loads(output.stdout)[0]
    return found


def say(*argv: str, timeout_seconds: float = 60.0, program: str = DOCKER) -> str:
    """Have the client do something, which has to succeed."""
    output = _process.run([program, *argv], timeout_seconds=timeout_seconds)
    if output.returncode != 0:
        raise NatsError(_failed([program, *argv], output))
    return output.stdout


def _failed(argv: list[str], output: _process.Output) -> str:
    said = output.stderr.strip() or output.stdout.strip()
    hint = ". Run with become (-b), or as a user of the group docker" if "permission denied" in said.lower() else ""
    return f"{' '.join(argv)} ended with code {output.returncode}: {said}{hint}"


def kill(name: str, signal_name: str) -> bool:
    """Signal the main process of a container. False where it does not run any more."""
    argv = [DOCKER, "kill", "--signal", signal_name, name]
    output = _process.run(argv)
    if output.returncode == 0:
        return True
    if "is not running" in output.stderr:
        return False
    raise NatsError(_failed(argv, output))


def run(name: str, body: Mapping[str, Any], timeout_seconds: float = 30.0) -> _process.Output:
    """Run a container to its end and remove it; return what it said."""
    remove(name)
    create(name, body)
    try:
        return _process.run([DOCKER, "start", "--attach", name], timeout_seconds=timeout_seconds)
    finally:
        remove(name)


def remove(name: str) -> bool:
    """Remove a container where it is there, and none of its volumes."""
    if inspect(name) is None:
        return False
    say("rm", "--force", name)
    return True


def create(name: str, body: Mapping[str, Any]) -> None:
    """Create a container from the body of a create request, with C(Networks) to connect it to besides."""
    own = {key: value for key, value in body.items() if key != "Networks"}
    _ask("POST", f"/containers/create?name={name}", own)
    # Older engines take one network when a container is created.
    for network, endpoint in body.get("Networks", {}).items():
        _ask("POST", f"/networks/{network}/connect", {"Container": name, "EndpointConfig": endpoint})


def _ask(method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    version = "" if path == "/version" else f"/v{_ask('GET', '/version')['ApiVersion']}"
    host = os.environ.get("DOCKER_HOST", "")
    where = host[len("unix://") :] if host.startswith("unix://") else SOCKET
    try:
        with contextlib.closing(_Connection(where)) as connection:
            text = None if body is None else json.dumps(body)
            connection.request(method, f"{version}{path}", text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read().decode("utf-8", "replace")
    except OSError as exc:
        raise NatsError(
            f"the docker engine does not answer at {where} ({exc.strerror or exc}): run with become (-b), or as a user of the "
            "group docker"
        ) from exc
    said = json.loads(content) if content.strip() else {}
    if answer.status >= 300:
        raise NatsError(f"the docker engine refuses {method} {path}: {said.get('message', content)}")
    return said


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60.0)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
