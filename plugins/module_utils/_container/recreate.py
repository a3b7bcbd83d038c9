# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""A container like another one with another image, from what the engine says of both. Pure.

A container holds what its user gave and what its old image gave, mixed. What equals the old image came from it, and is left to
the new image; all else was given and stays.
"""

from __future__ import annotations

import copy
from typing import Any, Dict, Mapping, Sequence

Body = Dict[str, Any]
# Networks of the engine itself: a container has no alias and no address of its own there.
BUILT_IN = ("bridge", "default", "host", "none", "")
_FROM_IMAGE = ("User", "WorkingDir", "StopSignal", "StopTimeout", "Healthcheck", "Shell")
_ENDPOINT = ("IPAMConfig", "Links", "Aliases", "DriverOpts", "GwPriority")


def like(container: Mapping[str, Any], old_image: Mapping[str, Any], reference: str) -> Body:
    """The request that creates the container again with another image, with its restarts held.

    Of a container that was created and never started, the engine starts one with a restart policy when it is itself started:
    the policy is given to it once it is the server.
    """
    config, host = _config(container, old_image, reference), _host_config(container)
    endpoints = {
        name: _endpoint(container, endpoint)
        for name, endpoint in ((container.get("NetworkSettings") or {}).get("Networks") or {}).items()
        if name not in BUILT_IN
    }
    first = {name: endpoints.pop(name) for name in [host.get("NetworkMode", "")] if name in endpoints}
    body: Body = {**config, "HostConfig": host, "Networks": endpoints}
    if first:
        body["NetworkingConfig"] = {"EndpointsConfig": first}
    return body


def asking(body: Mapping[str, Any], image: Mapping[str, Any], words: Sequence[str]) -> Body:
    """The request for a container that answers one question, such as C(--version), with the mounts, environment and user of
    the other, and without a network.

    The image's own entrypoint is asked, never the command that was given: with C(-t) behind it, a shell's command would start
    a second server on the same data.
    """
    given = {key: copy.deepcopy(value) for key, value in body.items() if key not in ("NetworkingConfig", "Networks")}
    defaults = image.get("Config") or {}
    for key in ("Entrypoint", "Hostname", "MacAddress", "ExposedPorts", "Labels"):
        given.pop(key, None)
    given["Cmd"] = [*([] if defaults.get("Entrypoint") else (defaults.get("Cmd") or [])[:1]), *words]
    given.update(Healthcheck={"Test": ["NONE"]}, AttachStdout=True, AttachStderr=True)
    host = given["HostConfig"]
    for key in ("PortBindings", "Links", "ExtraHosts", "Dns", "DnsOptions", "DnsSearch"):
        host.pop(key, None)
    # Whatever the server logs to, these words are read here.
    host.update(NetworkMode="none", PublishAllPorts=False, LogConfig={"Type": "json-file", "Config": {}})
    return given


def _config(container: Mapping[str, Any], old_image: Mapping[str, Any], reference: str) -> Body:
    config, defaults = copy.deepcopy(dict(container["Config"])), old_image.get("Config") or {}
    config["Image"] = reference
    config.pop("OnBuild", None)
    for key in _FROM_IMAGE:
        if config.get(key) == defaults.get(key):
            config.pop(key, None)
    inherited = defaults.get("Env") or []
    config["Env"] = [entry for entry in config.get("Env") or [] if entry not in inherited]
    # A command that was given goes with its entrypoint: the image's default command belongs to the image's entrypoint.
    if config.get("Entrypoint") == defaults.get("Entrypoint"):
        config.pop("Entrypoint", None)
        if config.get("Cmd") == defaults.get("Cmd"):
            config.pop("Cmd", None)
    for key in ("Labels", "ExposedPorts", "Volumes"):
        own = defaults.get(key) or {}
        config[key] = {name: value for name, value in (config.get(key) or {}).items() if name not in own or own[name] != value}
    if config.get("Hostname") == container["Id"][:12]:
        config.pop("Hostname")
    return config


def _host_config(container: Mapping[str, Any]) -> Body:
    host = copy.deepcopy(dict(container["HostConfig"]))
    host.pop("ContainerIDFile", None)
    host["RestartPolicy"] = {"Name": "no", "MaximumRetryCount": 0}
    # /other:/this/alias, as it is said of a container, is other:alias when it is asked for.
    host["Links"] = [
        f"{other.lstrip('/')}:{alias.rpartition('/')[2]}"
        for other, _unused, alias in (link.partition(":") for link in host.get("Links") or [])
    ]
    _keep_volumes(host, container.get("Mounts") or [])
    return host


def _keep_volumes(host: Body, mounted: Sequence[Mapping[str, Any]]) -> None:
    """Volumes without a name of their own, or from the image: the new container gets the same ones, with what is in them."""
    volumes = {mount["Destination"]: mount for mount in mounted if mount.get("Type") == "volume"}
    for mount in host.get("Mounts") or []:
        if mount.get("Type") == "volume" and not mount.get("Source"):
            mount["Source"] = volumes[mount["Target"]]["Name"]
    binds = list(host.get("Binds") or [])
    given = {bind.split(":")[1] for bind in binds} | {mount["Target"] for mount in host.get("Mounts") or []}
    if not host.get("VolumesFrom"):
        left = (volume for path, volume in volumes.items() if path not in given)
        binds += [f"{volume['Name']}:{volume['Destination']}{'' if volume.get('RW', True) else ':ro'}" for volume in left]
    host["Binds"] = binds


def _endpoint(container: Mapping[str, Any], endpoint: Mapping[str, Any]) -> Body:
    given = {key: copy.deepcopy(endpoint[key]) for key in _ENDPOINT if endpoint.get(key)}
    # The engine adds the container's own short id, which is another one now.
    aliases = [alias for alias in given.get("Aliases") or [] if alias != container["Id"][:12]]
    return {**given, "Aliases": aliases}
